"""``leadline signals`` as people and programs see it."""

from __future__ import annotations

import datetime as dt
import json
import signal
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.signals import rows
from tests.flows.commands import finish, leadline, start
from tests.storage.signals.test_rows import decision


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An answer and a refusal of just now, an answer of two days ago."""
    monkeypatch.chdir(tmp_path)
    db = tmp_path / "leadline.duckdb"
    now = dt.datetime.now(dt.UTC)
    said = {"outcome": "ok", "direction": "bullish", "confidence": 0.8512, "latency_ms": 812.6}
    with connect(db, write=True) as con:
        rows.put(
            con,
            [
                decision("a", ts=now, **said),
                decision("b", ts=now, symbol="ETHUSDT", outcome="refused_untrusted", reason="a gap"),
                decision("c", ts=now - dt.timedelta(days=2), symbol="OLDUSDT", **said),
            ],
        )
    return db


def test_signals_for_people(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "signals")
    assert said.code == 0
    btc = next(line for line in said.out.splitlines() if "BTCUSDT" in line)
    assert btc.split()[2:] == ["BTCUSDT", "p/m", "ok", "bullish", "0.85", "-", "-", "-", "813", "0"]
    assert "no direction from a model" in said.out
    assert any(line.endswith("a gap") for line in said.out.splitlines())
    assert "OLDUSDT" not in said.out


def test_signals_for_programs(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(leadline(capsys, "signals", "--json", "--symbol", "ETHUSDT").out)
    assert [(row["symbol"], row["direction"], row["why"]) for row in told["latest"]] == [
        ("ETHUSDT", None, "a gap")
    ]
    assert told["not_ok"][0]["signals"] == 1
    since = (dt.datetime.now(dt.UTC) - dt.timedelta(days=3)).isoformat()
    told = json.loads(leadline(capsys, "signals", "--json", "--since", since).out)
    assert [row["symbol"] for row in told["latest"]] == ["BTCUSDT", "ETHUSDT", "OLDUSDT"]


def test_what_is_not_there_is_said(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "signals", "--symbol", "XYZUSDT")
    assert (said.code, "of XYZUSDT; analyze-signals makes them" in said.out) == (0, True)
    said = leadline(capsys, "signals", "--since", "yesterday")
    assert (said.code, "--since 'yesterday': expected a time such as" in said.err) == (2, True)


@pytest.mark.timeout(100)
def test_watching_shows_it_again_until_ctrl_c(db: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "signals", "--watch", "--json")
    assert process.stdout is not None
    first = process.stdout.readline()
    second = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    finish(process)
    for line in (first, second):
        assert len(json.loads(line)["latest"]) == 2
