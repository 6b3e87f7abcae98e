"""``leadline trust``, and the way to it: a book made wrong in silence, found, healed and told."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.tasks.loopback import Fault
from leadline.tasks.loopback.threaded import ThreadedVenue
from tests.flows.commands import leadline
from tests.flows.waiting import until

VICTIM, OTHER = "BTCUSDT", "币安人生USDT"
EVIDENCE = f"SELECT count(*) FROM mismatches WHERE symbol = '{VICTIM}' AND refuted"
MOST_TRIES = 60


def test_a_silent_fault_is_found_healed_and_told(
    venue: ThreadedVenue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "x.duckdb"
    settings = Settings(
        db=db, home=tmp_path / "home", venue="loopback-spot", symbols=(VICTIM, OTHER),
        ws_url=venue.ws_url, rest_url=venue.rest_url, stats_every_s=0.5,
    )  # fmt: skip
    host = StreamHost(settings, host_grace_s=0)
    host.open()
    try:
        until(lambda: host.status().feed.live == 2, "both books are live")
        for _ in range(MOST_TRIES):  # a diff may hold nothing that the top ever shows
            venue.inject(Fault("lost_event", VICTIM, n=3))
            until(lambda: all(entry["done"] for entry in venue.ledger()["faults"]), "they were lost")
            with connect(db) as con:
                found = con.execute(EVIDENCE).fetchall()[0][0]
            if found:
                break
        until(lambda: host.status().feed.symbol(VICTIM).resyncs > 0, "a new seed")
        until(lambda: host.status().feed.live == 2, "both are live again")
    finally:
        host.close()
    with connect(db) as con:
        (states,) = con.execute(
            "SELECT list((to_state, reason) ORDER BY ts) FROM book_events "
            f"WHERE symbol = '{VICTIM}' AND from_state <> to_state"
        ).fetchall()[0]
        minutes = con.execute(
            "SELECT symbol, bool_and(is_trusted) FROM trust WHERE mismatches > 0 GROUP BY symbol"
        ).fetchall()
        false = con.execute(
            """SELECT count(*) FROM depth_snapshots s JOIN mismatches m USING (venue, symbol, epoch)
               WHERE s.trusted AND s.last_id >= m.book_id AND m.refuted"""
        ).fetchall()
    assert ("SUSPECT", "mismatch") in states
    assert ("BUFFERING", "refuted") in states
    assert states[-1][1] == "stopped"
    assert minutes == [(VICTIM, False)]
    assert false == [(0,)]

    said = leadline(capsys, "trust", VICTIM, "--db", db)
    assert said.code == 0
    assert re.search(r"trusted [\d.]+ % of the time; most of the rest: \S", said.out)
    assert "books discarded" in said.out
    assert "minutes not trusted" in said.out
    assert f"did you mean {VICTIM}?" in leadline(capsys, "trust", VICTIM[1:], "--db", db).err
    told = json.loads(leadline(capsys, "trust", VICTIM, "--db", db, "--json").out)
    (summary,) = told["summary"]
    assert not told["is_trusted"]
    assert summary["refuted"] >= 1
    assert summary["mismatches"] >= 1
    assert summary["attested_pct"] < 100
    assert {"mismatch"} & {gap["cause"] for gap in told["gaps"]}
    assert told["mismatches"][0]["book_id"] > 0
    assert any("the venue disagreed" in minute["why"] for minute in told["untrusted"])
    other = json.loads(leadline(capsys, "trust", OTHER, "--db", db, "--json").out)
    assert other["summary"][0]["mismatches"] == 0
    assert other["summary"][0]["checked"] > 0


def test_wrong_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "x.duckdb"
    with connect(db, write=True):
        pass
    said = leadline(capsys, "trust", "NOPE", "--db", db)
    assert (said.code, "nothing is known of 'NOPE'" in said.err) == (1, True)
    span = ("--from", "2026-01-02", "--to", "2026-01-01")
    said = leadline(capsys, "trust", "NOPE", "--db", db, *span)
    assert (said.code, "is not before" in said.err) == (2, True)


START = dt.datetime(2026, 5, 28, 10, tzinfo=dt.UTC)


def stored(db: Path, *intervals: tuple[float, float, str]) -> None:
    """Coverage of one market, each interval from and to in seconds since the start."""
    with connect(db, write=True) as con:
        for n, (since_s, until_s, by) in enumerate(intervals):
            span = [(START + dt.timedelta(seconds=s)).replace(tzinfo=None) for s in (since_s, until_s)]
            con.execute(
                "INSERT INTO coverage (venue, symbol, epoch, ts_from, ts_to, first_id, last_id, ended_by) "
                "VALUES ('loopback-spot', 'S', 1, $1, $2, $3, $4, $5)",
                {"1": span[0], "2": span[1], "3": 10 * n, "4": 10 * n + 5, "5": by},
            )


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        ([(0, 300, "stopped")], "trusted throughout"),
        (
            [(0, 100, "gap"), (101, 200, "session_lost"), (204, 300, "stopped")],
            "trusted 98.333 % of the time; most of the rest: connection lost (4.0 s in 1 gap)",
        ),
        (
            [(0, 100, "gap"), (103, 200, "session_lost"), (204, 250, "gap"), (260, 300, "stopped")],
            "trusted 94.333 % of the time; most of the rest: updates missing (13.0 s in 2 gaps)",
        ),
    ],
)
def test_the_headline_says_share_and_reason_of_what_was_watched(
    intervals: list[tuple[float, float, str]],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The hour before the first sign of life is not asked about."""
    stored(tmp_path / "x.duckdb", *intervals)
    said = leadline(capsys, "trust", "S", "--db", tmp_path / "x.duckdb")
    assert said.out.splitlines()[0].endswith(f": {words}")
    early = leadline(capsys, "trust", "S", "--db", tmp_path / "x.duckdb", "--from", "2026-05-28T09:00")
    assert "nothing was watched for 3,600.0 s" in early.out
