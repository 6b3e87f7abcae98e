"""The view that answers how long a book was not covered, from when to when, and why."""

from __future__ import annotations

import shutil
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
def test_holes(
    template: Path, tmp_path: Path, rows: list[Row], holes: list[object], still_open: list[object]
) -> None:
    with Owner(Path(shutil.copy(template, tmp_path / "x.duckdb"))) as owner:
        con = owner.cursor()
        for epoch, (symbol, ts_from, ts_to, first_id, last_id, ended_by) in enumerate(rows):
            day = "2026-01-31 "
            ids = [first_id, last_id, ended_by]
            con.execute(INSERT, ["v", symbol, epoch, day + ts_from, day + ts_to, *ids])
        assert con.execute(HOLES).fetchall() == holes
        assert con.execute(OPEN).fetchall() == still_open


ORDERED = (
    "INSERT INTO coverage BY NAME SELECT 'v' AS venue, 'A' AS symbol, 1 AS epoch, "
    "TIMESTAMP '2026-01-31 10:00' + to_seconds(?) AS ts_from, "
    "TIMESTAMP '2026-01-31 10:00' + to_seconds(?) AS ts_to, "
    "? AS first_id, ? AS last_id, ? AS ended_by, ? AS seq, ? AS numbering, "
    "1000000000 * CAST(? AS BIGINT) AS mono_from_ns, 1000000000 * CAST(? AS BIGINT) AS mono_to_ns"
)
LENGTHS = (
    "SELECT cause, first_missing_id, next_id, seconds FROM coverage_holes WHERE NOT is_open ORDER BY ALL"
)
DARK = """
SELECT epoch(ts_from - TIMESTAMP '2026-01-31 10:00'), epoch(ts_to - TIMESTAMP '2026-01-31 10:00')
FROM uncovered_times WHERE ts_to IS NOT NULL ORDER BY ALL
"""


@pytest.mark.parametrize(
    ("rows", "holes", "dark"),
    [
        pytest.param(
            [(0, 100, 1, 50, "clock_step", 1, 1, 0, 100), (40, 90, 50, 80, None, 2, 1, 100, 150)],
            [],
            [],
            id="set-back-and-nothing-is-missing",
        ),
        pytest.param(
            [(0, 100, 1, 50, "gap", 1, 1, 0, 100), (43, 90, 60, 80, None, 2, 1, 103, 150)],
            [("gap", 51, 60, 3.0)],
            [(40.0, 43.0), (100.0, 103.0)],
            id="set-back-in-a-hole-whose-length-the-monotonic-clock-knows",
        ),
        pytest.param(
            [(0, 100, 1, 50, "gap", 1, 1, None, None), (43, 90, 60, 80, None, 2, 1, None, None)],
            [("gap", 51, 60, 0.0)],
            [(43.0, 43.0), (100.0, 100.0)],
            id="set-back-in-a-hole-of-unknown-length",
        ),
        pytest.param(
            [(0, 100, 1, 50, "clock_step", 1, 1, 0, 100), (3700, 3800, 50, 80, None, 2, 1, 100, 200)],
            [("clock_step", 51, 50, 3600.0)],
            [(100.0, 3700.0)],
            id="set-forward",
        ),
        pytest.param(
            [(50, 90, 900, 950, "stopped", 1, 1, 0, 40), (95, 99, 3, 8, None, 2, 2, 45, 49)],
            [("stopped", 951, 3, 5.0)],
            [(90.0, 95.0)],
            id="the-venue-counts-anew",
        ),
        pytest.param(
            [(50, 90, 900, 950, None, 1, 1, 0, 40), (0, 40, 1, 800, "imported", 2, 1, None, None)],
            [("imported", 801, 900, 10.0)],
            [(40.0, 50.0)],
            id="older-data-that-came-later",
        ),
    ],
)
def test_holes_are_in_the_order_of_ids_whatever_our_clock_did(
    template: Path, tmp_path: Path, rows: list[tuple[object, ...]], holes: list[object], dark: list[object]
) -> None:
    with Owner(Path(shutil.copy(template, tmp_path / "x.duckdb"))) as owner:
        con = owner.cursor()
        for row in rows:
            con.execute(ORDERED, list(row))
        assert con.execute(LENGTHS).fetchall() == holes
        assert con.execute(DARK).fetchall() == dark
