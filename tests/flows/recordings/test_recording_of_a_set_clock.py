"""
Recordings whose receipts were dated by a clock that was set: a hole stays a hole, once is once.

The first ones are rewritten from inputs that once hid a hole and gave more than 100 %.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.config.settings import load
from leadline.flows.recordings.replay import Replay
from leadline.storage.access.connect import connect
from leadline.storage.certificates.day import certify_day
from leadline.storage.queries.rebuild import book_at

T0 = 1_790_000_000_000_000_000
TENTH = 100_000_000
SECOND = 10 * TENTH
VENUE, SYMBOL = "binance-spot", "BTCUSDT"


def line(recv_ns: int, message: object) -> str:
    return f"{recv_ns} {json.dumps(message, separators=(',', ':'))}\n"


def diff(recv_ns: int, event_ns: int, last_id: int) -> str:
    data = {"e": "depthUpdate", "E": event_ns // 1_000_000, "s": SYMBOL, "U": last_id, "u": last_id}
    data |= {"b": [["99.98", f"{last_id}"]], "a": []}
    return line(recv_ns, {"stream": "btcusdt@depth@100ms", "data": data})


def ticker(recv_ns: int, last_id: int) -> str:
    data = {"u": last_id, "s": SYMBOL, "b": "100.00", "B": "1.0", "a": "100.01", "A": "1.0"}
    return line(recv_ns, {"stream": "btcusdt@bookTicker", "data": data})


def snapshot(recv_ns: int, last_id: int) -> str:
    bids = [["100.00", "1.0"], ["99.98", f"{last_id}"]]
    return line(recv_ns, {"lastUpdateId": last_id, "bids": bids, "asks": [["100.01", "1.0"]]})


def recording(
    *, step_ns: int, before: int, after: int, lost_at: int | None, event_step_ns: int = 0
) -> list[str]:
    """Diffs and tickers ten times a second; our clock is set after the first ``before``, one id is lost."""
    first_id = 101
    lines = [diff(T0, T0, first_id), snapshot(T0 + 1_000, first_id)]
    last_id = first_id
    for n in range(1, before + after + 1):
        true_ns = T0 + n * TENTH
        recv_ns = true_ns + (step_ns if n > before else 0)
        last_id += 2 if n - before == lost_at else 1
        event_ns = true_ns + (event_step_ns if n > before else 0)
        lines += [diff(recv_ns, event_ns, last_id), ticker(recv_ns + 1_000, last_id)]
        if n - before == lost_at:
            lines.append(snapshot(recv_ns + 1_000_000, last_id))
    return lines


def replay(folder: Path, lines: list[str], name: str = "x", *, speed: float | None = None) -> Path:
    file, db = folder / f"{name}.txt", folder / "x.duckdb"
    file.write_text("".join(lines), encoding="utf-8")
    Replay([file], replace(load({}), venue=VENUE, db=db, engine="plain"), speed=speed).run()
    return db


def asked(db: Path) -> dict[str, Any]:
    """What the store says of coverage, holes, trust and certificate."""
    with connect(db) as con:
        holes = con.execute(
            "SELECT cause, first_missing_id, next_id FROM coverage_holes WHERE NOT is_open ORDER BY ALL"
        ).fetchall()
        trust = con.execute("SELECT is_trusted, covered_pct FROM trust ORDER BY minute").fetchall()
        (day,) = con.execute("SELECT min(ts_from)::DATE FROM coverage").fetchone() or (None,)
        assert isinstance(day, dt.date)
        now = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=2)
        told, _ = certify_day(con, VENUE, SYMBOL, day, now=now, made_by="test")
        steps = [row[0] for row in con.execute("SELECT step_s FROM clock_steps ORDER BY seq").fetchall()]
        return {
            "holes": holes,
            "trust": trust,
            "gaps": told["gaps"],
            "pct": told["covered_pct"],
            "steps": steps,
        }


@pytest.mark.parametrize("speed", [None, 20.0])
@pytest.mark.parametrize("step_ns", [-15 * TENTH, -50 * TENTH], ids=["within-an-epoch", "before-its-begin"])
def test_a_clock_set_back_hides_no_hole(tmp_path: Path, step_ns: int, speed: float | None) -> None:
    lines = recording(step_ns=step_ns, before=20, after=40, lost_at=6)
    told = asked(replay(tmp_path, lines, speed=speed))
    assert told["holes"] == [("gap", 127, 128)]
    assert not any(is_trusted for is_trusted, _ in told["trust"][-1:])
    assert max(pct for _, pct in told["trust"]) <= 100
    assert (126, 128) in {(gap["after_id"], gap["before_id"]) for gap in told["gaps"]}
    assert told["steps"] == [pytest.approx(step_ns / 1e9, abs=0.101)]  # as far as a recording can tell


def test_the_same_without_a_step(tmp_path: Path) -> None:
    told = asked(replay(tmp_path, recording(step_ns=0, before=20, after=40, lost_at=6)))
    assert told["holes"] == [("gap", 127, 128)]
    assert [is_trusted for is_trusted, _ in told["trust"]] == [False]
    assert told["steps"] == []


def test_a_clock_set_back_alone_takes_no_trust_away(tmp_path: Path) -> None:
    told = asked(replay(tmp_path, recording(step_ns=-15 * TENTH, before=20, after=40, lost_at=None)))
    assert told["holes"] == []
    assert told["trust"] == [(True, 100.0)]


def test_minutes_that_the_clock_jumped_over_are_not_trusted(tmp_path: Path) -> None:
    told = asked(replay(tmp_path, recording(step_ns=3600 * SECOND, before=700, after=700, lost_at=None)))
    assert [cause for cause, *_ in told["holes"]] == ["clock_step"]
    assert 59 <= [is_trusted for is_trusted, _ in told["trust"]].count(False) <= 61


def test_an_hour_of_silence_by_the_venue_too_is_silence(tmp_path: Path) -> None:
    """Both clocks ran for an hour and no update is missing: the book was what it was."""
    hour = 3600 * SECOND
    lines = recording(step_ns=hour, before=700, after=700, lost_at=None, event_step_ns=hour)
    told = asked(replay(tmp_path, lines))
    assert (told["holes"], told["steps"]) == ([], [])
    assert all(is_trusted for is_trusted, _ in told["trust"])


@pytest.mark.parametrize("ahead_ns", [0, 30 * 86_400 * SECOND], ids=["dated-before", "dated-after"])
def test_an_old_recording_that_is_stored_later_is_older(tmp_path: Path, ahead_ns: int) -> None:
    """Whatever its clock said: the venue's ids and its own clock say that it is of before."""
    db = replay(tmp_path, recording(step_ns=0, before=30, after=30, lost_at=None), "new")
    before = [
        diff(T0 - 600 * SECOND + ahead_ns + n * TENTH, T0 - 600 * SECOND + n * TENTH, 11 + n)
        for n in range(9)
    ]
    before.insert(1, snapshot(T0 - 600 * SECOND + ahead_ns + 1_000, 11))
    replay(tmp_path, before, "old")
    with connect(db) as con:
        assert book_at(con, SYMBOL).last_id == 161
        assert con.execute("SELECT DISTINCT numbering FROM coverage").fetchall() == [(1,)]
        holes = con.execute(
            "SELECT first_missing_id, next_id FROM coverage_holes WHERE NOT is_open"
        ).fetchall()
    assert holes == [(20, 101)]
