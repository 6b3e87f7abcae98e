"""``leadline doctor --venue``: from the command line to the report, against the built-in venue."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path

import pytest

from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.threaded import ThreadedVenue, run_in_thread
from tests.flows.commands import leadline


def argv(venue: ThreadedVenue, folder: Path, *more: object) -> list[object]:
    return [
        "doctor", "--venue", "loopback-spot", "--ws-url", venue.ws_url, "--rest-url", venue.rest_url,
        "--symbols", "BTCUSDT", "--seconds", 3, "--report", folder, *more,
    ]  # fmt: skip


def test_a_sound_venue(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with run_in_thread(Options(symbols=("BTCUSDT",), levels=200)) as venue:
        said = leadline(capsys, *argv(venue, tmp_path, "--json"))
    told = json.loads(said.out)
    assert (said.code, told["verdict"], told["venue"]) == (0, "holds", "loopback-spot")
    (page,), (data,) = tmp_path.glob("*.md"), tmp_path.glob("*.json")
    assert json.loads(data.read_text("utf-8")) == told
    text = page.read_text("utf-8") + data.read_text("utf-8")
    assert not any(
        trace in text for trace in (socket.gethostname(), "127.0.0.1", str(tmp_path), str(Path.home()))
    )
    assert getpass.getuser() not in text.split()


def test_drift_is_printed_and_is_exit_code_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with run_in_thread(Options(symbols=("BTCUSDT",), levels=200)) as venue:
        venue.inject(Fault(FaultKind.DRIFT, stream="trade", n=10**9, text='{"text": ["data.t"]}'))
        said = leadline(capsys, *argv(venue, tmp_path))
    assert said.code == 1
    assert "broken    fields: fields of: trade\n" in said.out
    assert "type changed: t: expected whole number, got text" in said.out
    assert "assumptions are broken" in said.err


def test_a_venue_that_does_not_answer_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    argv = ["doctor", "--venue", "binance-spot", "--rest-url", "http://127.0.0.1:9", "--report", tmp_path]
    said = leadline(capsys, *argv)
    assert (said.code, said.out) == (1, "")
    (line,) = [line for line in said.err.splitlines() if line]
    assert line.startswith(
        "leadline doctor: no contact with custom-binance-spot: time at <address>: ConnectError"
    )
    told = json.loads(leadline(capsys, *argv, "--json").out)
    assert told["verdict"] == "no contact"
    assert list(tmp_path.iterdir()) == []
