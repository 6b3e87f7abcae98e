"""The proofs of gaps and of crossed books, over intervals and events that are stored: each can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadline.flows.demo.proofs import crossed, gaps, gaps_made
from leadline.storage.access.connect import Connection, connect
from leadline.storage.access.owner import Owner


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "demo.duckdb"
    Owner(path).close()
    return path


def fault(kind: str, *hits: tuple[str, int, int], stream: str = "depth") -> dict[str, Any]:
    told = [{"symbol": symbol, "first_id": first, "last_id": last} for symbol, first, last in hits]
    return {"kind": kind, "stream": stream, "hits": told}


def test_the_gaps_that_a_venue_made() -> None:
    ledger = {
        "faults": [
            fault("drop", ("A", 5, 9), ("A", 10, 12)),
            fault("reorder", ("B", 1, 3), ("B", 4, 8)),
            fault("drop", ("A", 50, 50), stream="bookTicker"),
            fault("duplicate", ("A", 20, 21)),
            fault("drop"),
        ]
    }
    assert list(gaps_made(ledger)) == [("A", 5, 13), ("B", 1, 4)]


@pytest.mark.parametrize(
    ("met", "last_id", "ended_by", "holds"),
    [
        pytest.param([("A", 5, 13)], 4, "gap", True, id="told"),
        pytest.param([], 4, "session_lost", True, id="session-lost-before-it-is-told"),
        pytest.param([], 4, "stopped", True, id="stopped-before-it-is-told"),
        pytest.param([], 3, "session_lost", True, id="session-lost-before-it-is-made"),
        pytest.param([], 5, "session_lost", False, id="session-lost-at-an-id-that-never-came"),
        pytest.param([], 40, "stopped", False, id="not-told-and-covered"),
        pytest.param([], 40, None, False, id="not-told-and-covered-still"),
        pytest.param([], 4, "gap", False, id="coverage-ends-and-no-event-tells"),
        pytest.param([("A", 5, 12)], 4, "gap", False, id="told-at-other-ids"),
        pytest.param([("A", 5, 13)] * 2, 4, "gap", False, id="told-twice"),
        pytest.param([("A", 5, 13), ("B", 7, 9)], 4, "gap", False, id="told-and-never-made"),
    ],
)
def test_a_gap_is_told_wherever_the_book_was_covered(
    db: Path, met: list[tuple[str, int, int]], last_id: int, ended_by: str | None, holds: bool
) -> None:
    """The venue dropped ids 5 to 12 of A; a gap of B, in the middle of coverage, was told."""
    ledger = {"faults": [fault("drop", ("A", 5, 9), ("A", 10, 12)), fault("drop", ("B", 21, 30))]}
    with connect(db, write=True) as con:
        store_covered(con, ("A", 1, last_id, ended_by), ("A", 20, 40, None), ("B", 1, 20, "gap"))
        store_faults(con, "gap", *met, ("B", 21, 31))
        assert gaps(con, ledger).holds == holds


def test_gaps_that_nobody_could_notice_prove_nothing(db: Path) -> None:
    ledger = {"faults": [fault("drop", ("A", 5, 9))]}
    with connect(db, write=True) as con:
        store_covered(con, ("A", 20, 40, None))
        assert not gaps(con, ledger).holds


@pytest.mark.parametrize(
    ("met", "last_id", "ended_by", "holds"),
    [
        pytest.param(1, 4, "crossed", True, id="thrown-away"),
        pytest.param(0, 4, "session_lost", True, id="session-lost-before-it-came"),
        pytest.param(0, 9, "stopped", False, id="kept-and-covered"),
        pytest.param(0, 4, "crossed", False, id="coverage-ends-and-no-event-tells"),
        pytest.param(2, 4, "crossed", False, id="thrown-away-twice"),
    ],
)
def test_a_crossed_book_is_thrown_away_wherever_it_was_covered(
    db: Path, met: int, last_id: int, ended_by: str, holds: bool
) -> None:
    ledger = {"faults": [fault("crossed", ("A", 5, 9)), fault("crossed", ("B", 5, 9))]}
    with connect(db, write=True) as con:
        store_covered(con, ("A", 1, last_id, ended_by), ("B", 1, 4, "crossed"))
        store_faults(con, "crossed", *[("A", 5, 9)] * met, ("B", 5, 9))
        assert crossed(con, ledger).holds == holds


def store_covered(con: Connection, *rows: tuple[str, int, int, str | None]) -> None:
    """Store intervals: symbol, first and last id, why it ended."""
    for symbol, first_id, last_id, ended_by in rows:
        con.execute(
            """INSERT INTO coverage BY NAME SELECT 'v' AS venue, $1 AS symbol, 1 AS epoch, now() AS ts_from,
               now() AS ts_to, $2 AS first_id, $3 AS last_id, $4 AS ended_by""",
            [symbol, first_id, last_id, ended_by],
        )


def store_faults(con: Connection, reason: str, *rows: tuple[str, int, int]) -> None:
    """Store events of books that left LIVE: symbol, expected id, id that came."""
    for symbol, expected, got in rows:
        con.execute(
            """INSERT INTO book_events BY NAME SELECT 'v' AS venue, $1 AS symbol, now() AS ts,
               'LIVE' AS from_state, 'BUFFERING' AS to_state, $2 AS reason, $3 AS expected_id,
               $4 AS got_id""",
            [symbol, reason, expected, got],
        )
