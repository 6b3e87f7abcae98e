"""Recordings as others wrote them: the same market in another spelling ends in the same rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import connect
from tests.flows.commands import leadline
from tests.flows.recordings.test_replay import CLEAN, T0, book, diff, replay, write

COLUMNS = "recv_ns, epoch_ns(ts_event), first_id, last_id, bid_px, bid_qty, ask_px, ask_qty"
ROWS = f"SELECT {COLUMNS} FROM depth_diffs ORDER BY recv_ns"


def respelt(how: Callable[[str, str], str]) -> list[str]:
    return [how(*line.rstrip("\n").split(" ", 1)) + "\n" for line in CLEAN]


def in_us(frame: str) -> str:
    return re.sub(r'"E":(\d+)', r'"E":\g<1>000', frame)


def spaced(frame: str) -> str:
    return json.dumps(json.loads(frame))


def data_first(frame: str) -> str:
    message = json.loads(frame)
    if "stream" in message:
        message = {"data": message["data"], "stream": message["stream"]}
    return json.dumps(message, separators=(",", ":"))


def raw(frame: str) -> str:
    message = json.loads(frame)
    return json.dumps(message.get("data", message), separators=(",", ":"))


def cryptofeed(ns: str, frame: str) -> str:
    stamp = f"{ns[:-9]}.{ns[-9:]}"
    if frame.startswith('{"lastUpdateId"'):
        return f"https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000 -> {stamp}: {frame}"
    return f"{stamp}: {frame}"


def of_three(frame: str) -> str:
    return re.sub(r'(\["[\d.]+","[\d.]+")\]', r"\1,[]]", frame)


SPELLINGS = {
    "levels of three": lambda ns, frame: f"{ns} {of_three(frame)}",
    "blanks between tokens": lambda ns, frame: f"{ns} {spaced(frame)}",
    "data before its stream": lambda ns, frame: f"{ns} {data_first(frame)}",
    "raw payloads": lambda ns, frame: f"{ns} {raw(frame)}",
    "raw payloads with blanks": lambda ns, frame: f"{ns} {spaced(raw(frame))}",
    "event times in us": lambda ns, frame: f"{ns} {in_us(frame)}",
    "cryptofeed raw": cryptofeed,
    "Tardis raw": lambda ns, frame: f"2023-11-14T22:13:20.{ns[-9:]}Z {frame}",
}


def rows(db: Path) -> list[tuple[Any, ...]]:
    with connect(db) as con:
        return con.execute(ROWS).fetchall()


@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_ends_in_the_same_rows(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    for folder, lines in zip(folders, (CLEAN, respelt(SPELLINGS[name])), strict=True):
        folder.mkdir()
        summary = replay(capsys, folder, write(folder / "a", lines))
        assert (summary["unreadable"], summary["bad_frames"], summary["live_symbols"]) == (
            0,
            0,
            ["BTCUSDT"],
        )
    assert rows(folders[0] / "x.duckdb") == rows(folders[1] / "x.duckdb") != []
    assert book(capsys, folders[0], "BTCUSDT") == book(capsys, folders[1], "BTCUSDT")


@pytest.mark.parametrize("dropped", [3, 6, 9])
def test_receive_times_in_coarser_units_are_never_of_1970(
    dropped: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The size tells the unit: ns have 19 digits, us 16, ms 13, s 10."""
    step_ns = 10**dropped
    times = [str(T0 + n * step_ns)[:-dropped] for n in range(len(CLEAN))]
    lines = [f"{ts} {line.split(' ', 1)[1]}" for ts, line in zip(times, CLEAN, strict=True)]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", lines))
    assert summary["live_symbols"] == ["BTCUSDT"]
    assert [row[0] for row in rows(tmp_path / "x.duckdb")] == [T0 + n * step_ns for n in (1, 3, 4)]


@pytest.mark.parametrize("first_id", [12, 15, 16])
def test_a_snapshot_before_the_first_diff_seeds_the_book(
    first_id: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, first = CLEAN[2], diff(3, first_id, 20, '["98.5","3.00"]')
    summary = replay(capsys, tmp_path, write(tmp_path / "a", [seed, first, CLEAN[3], CLEAN[4]]))
    assert (summary["live_symbols"], summary["snapshots"], summary["seeds"]) == (["BTCUSDT"], 1, 1)
    assert book(capsys, tmp_path, "BTCUSDT")[1:] == [["bid", "99", "1.5"], ["ask", "102", "7.25"]]


def test_of_several_early_snapshots_the_newest_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = CLEAN[2].replace('"lastUpdateId":15', '"lastUpdateId":3')
    summary = replay(capsys, tmp_path, write(tmp_path / "a", [old, CLEAN[2], diff(3, 12, 20), *CLEAN[3:]]))
    assert (summary["live_symbols"], summary["seeds"]) == (["BTCUSDT"], 1)


def test_a_recording_without_a_snapshot_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in CLEAN if "lastUpdateId" not in line]
    said = leadline(capsys, "replay", write(tmp_path / "a", lines), "--db", tmp_path / "x.duckdb")
    assert said.code == 1
    assert "BTCUSDT: no snapshot in the recording joins its diffs" in said.err


def test_event_times_in_two_units_are_refused_before_anything_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*CLEAN[:3], in_us(CLEAN[3])]
    said = leadline(capsys, "replay", write(tmp_path / "a", lines), "--db", tmp_path / "x.duckdb")
    assert said.code == 1
    assert "a:4: event time 1700000000000000; expected ms or us since 1970 as in line 1" in said.err
    assert not (tmp_path / "x.duckdb").exists()


def test_a_snapshot_that_ends_just_before_the_first_diff_joins_exactly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [diff(1, 16, 20, '["98.5","3.00"]'), CLEAN[2], *CLEAN[3:]]
    assert replay(capsys, tmp_path, write(tmp_path / "a", lines))["live_symbols"] == ["BTCUSDT"]
    assert book(capsys, tmp_path, "BTCUSDT")[1:] == [["bid", "99", "1.5"], ["ask", "102", "7.25"]]


def test_a_snapshot_older_than_that_is_not_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [diff(1, 17, 20), CLEAN[2], *CLEAN[3:]]
    said = leadline(capsys, "replay", write(tmp_path / "a", lines), "--db", tmp_path / "x.duckdb")
    assert said.code == 1
    assert "no snapshot in the recording joins its diffs" in said.err
