"""
Our wall clock is set in a stream, between two, and in a handover: nothing that is proved depends on it.

Every missing id lies in a hole, no percentage is above 100, no minute is trusted in which something is
missing or nothing came, and the book at any id is the venue's. `test_random_clock` sets it at random.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.exports.covered import covered_s, gaps, intervals
from leadline.storage.lifecycle.retention import prune
from leadline.storage.queries.rebuild import book_at
from tests.storage.ingest.clocked import MINUTE_NS, SYMBOL, VENUE, Life, moment

DAY = dt.timedelta(days=1)


def play(life: Life, move: tuple[object, ...]) -> None:
    match move:
        case ("restart", bool(kill), float(away_s), float(step_s)):
            life.restart(kill=kill, away_s=away_s, step_s=step_s)
        case ("hand_over", float(step_s), int(when)):
            life.hand_over(step_s, when=when)
        case (str(name), *values):
            getattr(life, name)(*values)


def missing(con: Connection, life: Life) -> list[tuple[int, int]]:
    """Stretches of ids that no interval covers, between the first and the last that one does."""
    rows = con.execute("SELECT first_id, last_id FROM coverage ORDER BY first_id, last_id").fetchall()
    found, reached = [], rows[0][1]
    for first, last in rows[1:]:
        if first > reached + 1:
            found.append((reached + 1, first - 1))
        reached = max(reached, last)
    assert reached == life.venue.last_id
    return found


def check(con: Connection, life: Life) -> None:
    """Ask everything that may not depend on our clock."""
    missed = missing(con, life)
    holes = con.execute("SELECT first_missing_id, next_id FROM coverage_holes WHERE NOT is_open").fetchall()
    for first, last in missed:
        assert any(a <= first and b > last for a, b in holes), f"{first}..{last} lies in no hole"
    check_minutes(con, life, missed)
    check_days(con, missed)
    for last_id in some_covered(con):
        book = book_at(con, SYMBOL, venue=VENUE, at_id=last_id)
        assert book.last_id == last_id
        assert (Decimal("99.98"), Decimal(last_id)) in book.bids
    assert book_at(con, SYMBOL).last_id == life.venue.last_id
    seqs = [
        seq
        for (seq,) in con.execute(
            "SELECT seq FROM coverage UNION ALL SELECT seq FROM clock_steps"
        ).fetchall()
    ]
    assert len(set(seqs)) == len(seqs)


def some_covered(con: Connection) -> list[int]:
    """Ids of both ends of intervals and between them: not all, each takes a while."""
    rows = con.execute("SELECT first_id, last_id FROM coverage ORDER BY hash(seq) LIMIT 3").fetchall()
    return sorted({each for first, last in rows for each in (first, (first + last) // 2, last)})


def check_minutes(con: Connection, life: Life, missed: list[tuple[int, int]]) -> None:
    rows = con.execute("SELECT minute, is_trusted, covered_s, watched_s, covered_pct FROM trust").fetchall()
    trusted = {minute for minute, is_trusted, *_ in rows if is_trusted}
    for minute, _, within_s, watched_s, covered_pct in rows:
        assert within_s <= watched_s + 1e-6, minute
        assert covered_pct is None or covered_pct <= 100
    lost = {
        moment(life.venue.sent[each] // MINUTE_NS * MINUTE_NS)
        for a, b in missed
        for each in range(a, b + 1)
    }
    assert not lost & trusted, "a trusted minute in which an update was missed"
    shown = [(moment(a), moment(b)) for a, b in life.venue.shown]
    for minute in trusted:
        assert any(a <= minute + dt.timedelta(minutes=1) and b >= minute for a, b in shown), (
            f"nothing came in {minute}"
        )


def check_days(con: Connection, missed: list[tuple[int, int]]) -> None:
    """What the certificates of the days are made of."""
    rows = con.execute(
        "SELECT ts_from::DATE FROM coverage UNION SELECT ts_to::DATE FROM coverage"
    ).fetchall()
    named = []
    for (day,) in rows:
        since = dt.datetime.combine(day, dt.time())
        window = (since, since + DAY)
        covered = intervals(con, VENUE, SYMBOL, *window)
        told = gaps(con, VENUE, SYMBOL, *window, covered)
        assert covered_s(con, VENUE, SYMBOL, *window) <= DAY.total_seconds()
        named += [(gap.after_id, gap.before_id) for gap in told if gap.after_id or gap.before_id]
    for first, last in missed:
        assert any((a or 0) < first and (b is None or b > last) for a, b in named), (first, last)


def lived(template: Path, db: Path, *moves: tuple[object, ...]) -> Life:
    life = Life(template, db)
    life.diffs(20)
    for move in moves:
        play(life, move)
    life.end()
    return life


def test_a_step_back_hides_no_hole(template: Path, tmp_path: Path) -> None:
    """The clock of a stream goes back by 5 s, and an update is lost while it shows that time again."""
    life = lived(template, tmp_path / "x.duckdb", ("step", -5.0), ("diffs", 5), ("lose", 1), ("diffs", 50))
    with connect(life.db) as con:
        check(con, life)
        assert con.execute(
            "SELECT first_missing_id, cause FROM coverage_holes WHERE NOT is_open"
        ).fetchall() == [(1026, "gap")]
        assert con.execute("SELECT DISTINCT is_trusted FROM trust").fetchall() == [(False,)]
        assert con.execute("SELECT venue, step_s FROM clock_steps").fetchall() == [(VENUE, -5.0)]


@pytest.mark.parametrize("step_s", [-5.0, -0.05, 0.05])
def test_a_step_alone_costs_no_trust_but_the_time_jumped_over(
    template: Path, tmp_path: Path, step_s: float
) -> None:
    life = lived(template, tmp_path / "x.duckdb", ("step", step_s), ("diffs", 50))
    with connect(life.db) as con:
        check(con, life)
        assert con.execute("SELECT DISTINCT is_trusted FROM trust").fetchall() == [(step_s < 0,)]


def test_an_hour_that_the_clock_jumped_over_is_not_trusted(template: Path, tmp_path: Path) -> None:
    """So looks a machine that slept, too: its monotonic clock stood still."""
    life = lived(template, tmp_path / "x.duckdb", ("step", 3_600.0), ("diffs", 700))
    with connect(life.db) as con:
        check(con, life)
        rows = con.execute("SELECT is_trusted, why FROM trust ORDER BY minute").fetchall()
    assert [is_trusted for is_trusted, _ in rows].count(True) >= 1
    assert sum("clock_step" in why for _, why in rows) in {60, 61}


@pytest.mark.parametrize("kill", [True, False])
def test_the_newest_book_after_a_clock_that_was_ahead(template: Path, tmp_path: Path, kill: bool) -> None:
    """The clock is an hour ahead, is corrected, and the stream is started again."""
    life = lived(
        template,
        tmp_path / "x.duckdb",
        ("step", 3_600.0),
        ("diffs", 100),
        ("flush",),
        ("restart", kill, 20.0, -3_600.0),
        ("diffs", 30),
    )
    with connect(life.db) as con:
        check(con, life)
        book = book_at(con, SYMBOL)
    assert (book.last_id, book.bids[1]) == (
        life.venue.last_id,
        (Decimal("99.98"), Decimal(life.venue.last_id)),
    )


def test_old_rows_go_and_what_is_left_is_whole_though_the_clock_was_set_back(
    template: Path, tmp_path: Path
) -> None:
    """Rows that the clock dates later than the cut have lower ids than some that it dates before."""
    life = lived(template, tmp_path / "x.duckdb", ("diffs", 200), ("step", -40.0), ("diffs", 300))
    with connect(life.db, write=True) as con:
        cut = dt.datetime.fromtimestamp(life.venue.shown[0][0] / 1e9 + 20, dt.UTC)
        prune(con, keep_days=0, now=cut)
        covered = con.execute("SELECT first_id, last_id FROM coverage ORDER BY seq").fetchall()
        assert covered[-1][1] == life.venue.last_id
        for first, last in covered:
            for last_id in {first, (first + last) // 2, last}:
                assert book_at(con, SYMBOL, at_id=last_id).last_id == last_id


def test_a_book_is_rebuilt_from_rows_on_both_sides_of_a_large_step(template: Path, tmp_path: Path) -> None:
    life = lived(template, tmp_path / "x.duckdb", ("step", -7_200.0), ("diffs", 20))
    with connect(life.db) as con:
        check(con, life)
        assert book_at(con, SYMBOL, at_id=1030).last_id == 1030
