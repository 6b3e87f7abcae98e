"""The view that answers how long a book was not covered, from when to when, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.storage.access.owner import Owner

INSERT = (
    "INSERT INTO coverage BY NAME SELECT ? AS venue, ? AS symbol, ? AS epoch, ? AS ts_from, ? AS ts_to, "
)
INSERT += "? AS first_id, ? AS last_id, ? AS ended_by"
HOLES = """
SELECT symbol, CAST(ts_from AS VARCHAR)[12:], CAST(ts_to AS VARCHAR)[12:], seconds, cause,
       first_missing_id, next_id
FROM coverage_holes WHERE NOT is_open ORDER BY ALL
"""
OPEN = """
SELECT symbol, cause, first_missing_id, ts_to, next_id, seconds > 86400
FROM coverage_holes WHERE is_open
"""
Row = tuple[str, str, str, int, int, str | None]


@pytest.mark.parametrize(
    ("rows", "holes", "still_open"),
    [
        pytest.param(
            [("A", "10:00:00", "10:05:00", 1, 50, "crash"), ("A", "10:05:30", "10:06:00", 80, 90, None)],
            [("A", "10:05:00", "10:05:30", 30.0, "crash", 51, 80)],
            [],
            id="a-crash-and-the-next-stream",
        ),
        pytest.param(
            [("A", "10:00:00", "10:05:00", 1, 50, "handover"), ("A", "10:05:00", "10:06:00", 50, 90, None)],
            [],
            [],
            id="a-handover-leaves-none",
        ),
        pytest.param(
            [
                ("A", "10:00:00", "10:01:00", 1, 50, "gap"),
                ("B", "10:00:00", "10:09:00", 1, 9, None),
                ("A", "10:01:02", "10:02:00", 55, 60, "stopped"),
            ],
            [("A", "10:01:00", "10:01:02", 2.0, "gap", 51, 55)],
            [("A", "stopped", 61, None, None, True)],
            id="each-symbol-for-itself-and-one-still-open",
        ),
    ],
)
def test_holes(tmp_path: Path, rows: list[Row], holes: list[object], still_open: list[object]) -> None:
    with Owner(tmp_path / "x.duckdb") as owner:
        con = owner.cursor()
        for epoch, (symbol, ts_from, ts_to, first_id, last_id, ended_by) in enumerate(rows):
            day = "2026-01-31 "
            ids = [first_id, last_id, ended_by]
            con.execute(INSERT, ["v", symbol, epoch, day + ts_from, day + ts_to, *ids])
        assert con.execute(HOLES).fetchall() == holes
        assert con.execute(OPEN).fetchall() == still_open
