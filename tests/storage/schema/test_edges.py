"""Only holes that an interval may reach into are weighed; what is trusted does not depend on that."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from leadline.storage.access.extensions import open_duckdb

Row = tuple[float, float, int, int, int | None, int | None, int | None, int | None, str | None]
INSERT = """
INSERT INTO coverage BY NAME
SELECT 'v' AS venue, ? AS symbol, 1 AS epoch, TIMESTAMP '2026-01-31 10:00' + to_seconds(?) AS ts_from,
       TIMESTAMP '2026-01-31 10:00' + to_seconds(?) AS ts_to, ? AS first_id, ? AS last_id,
       ? AS seq, ? AS numbering, 1000000000 * CAST(? AS BIGINT) AS mono_from_ns,
       1000000000 * CAST(? AS BIGINT) AS mono_to_ns, ? AS ended_by
"""
# Around each end of an interval or a hole, and between them. What is trusted is said plainly: an interval
# reaches the moment, and no hole does, of all holes.
MOMENTS = """
WITH ends AS (
    SELECT symbol, unnest([ts_from, ts_to]) AS ts FROM coverage
    UNION SELECT symbol, unnest([ts_from, ts_to]) FROM uncovered_times
), moments AS (
    SELECT DISTINCT symbol, ts + us * INTERVAL 1 MICROSECOND AS ts
    FROM ends, unnest([-500000, -2, -1, 0, 1, 2, 500000]) u (us) WHERE ts IS NOT NULL
)
SELECT symbol, ts, trusted('v', symbol, ts) AS by_macro,
       EXISTS (FROM trusted_times t WHERE t.symbol = m.symbol
                            AND m.ts BETWEEN t.ts_from AND t.ts_to) AS by_view,
       EXISTS (FROM coverage c WHERE c.symbol = m.symbol AND m.ts BETWEEN c.ts_from AND c.ts_to)
           AND NOT EXISTS (FROM uncovered_times h
                           WHERE h.symbol = m.symbol AND m.ts > h.ts_from AND m.ts < h.ts_to) AS plainly
FROM moments m WHERE by_macro <> plainly OR by_view <> plainly ORDER BY ALL
"""
WEIGHED = "SELECT count(*) FROM coverage_holes WHERE may_overlap"

# Length of an interval, of the hole after it, the step of our clock in the hole, ids lost, what is known.
SPANS = st.tuples(
    st.integers(0, 5),
    st.integers(0, 4),
    st.integers(-12, 12),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
UNSTEPPED = SPANS.map(lambda span: (*span[:2], 0, *span[3:]))
# No order at all.
ANY_ROW = st.tuples(
    *(st.integers(0, 20).map(float),) * 2,
    *(st.integers(1, 20),) * 2,
    st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 2),
    *(st.none() | st.integers(0, 20),) * 2,
    st.none() | st.just("gap"),
).map(lambda row: (*sorted(row[:2]), *row[2:]))


def walk(spans: list[tuple[int, int, int, int, bool, bool]]) -> list[Row]:
    """Tell the coverage of a stream that lived through ``spans``."""
    rows: list[Row] = []
    wall, mono, last_id, numbering = 0, 0, 0, 1
    for seq, (length, hole, step, lost, has_mono, is_anew) in enumerate(spans):
        if is_anew and lost == 2:
            numbering, last_id = numbering + 1, 0
        first_id = last_id + 1 + lost
        last_id = first_id + length
        clock = (mono, mono + length) if has_mono else (None, None)
        rows.append((wall, wall + length, first_id, last_id, seq, numbering, *clock, "gap"))
        mono += length + hole
        wall += length + hole + step
    return rows


def fill(con: duckdb.DuckDBPyConnection, markets: list[list[Row]]) -> None:
    con.executemany(INSERT, [[f"S{at}", *row] for at, rows in enumerate(markets) for row in rows])


# Many markets in each example: a question costs the same for one as for thirty. What fails names its
# market, so nothing is shrunk.
@settings(max_examples=6, deadline=None, phases=(Phase.generate,))
@given(
    markets=st.lists(
        st.one_of(
            st.lists(SPANS, min_size=2, max_size=6).map(walk), st.lists(ANY_ROW, min_size=1, max_size=6)
        ),
        min_size=10,
        max_size=30,
    )
)
def test_a_moment_is_trusted_where_an_interval_reaches_it_and_no_hole_does(
    markets: list[list[Row]], template: Path
) -> None:
    with (
        TemporaryDirectory() as folder,
        open_duckdb(Path(shutil.copy(template, Path(folder) / "x.duckdb"))) as con,
    ):
        fill(con, markets)
        assert con.execute(MOMENTS).fetchall() == []


@settings(max_examples=3, deadline=None)
@given(walks=st.lists(st.lists(UNSTEPPED, min_size=2, max_size=8), min_size=5, max_size=20))
def test_no_hole_is_weighed_where_our_clock_was_never_set(
    walks: list[list[tuple[int, int, int, int, bool, bool]]], template: Path
) -> None:
    with (
        TemporaryDirectory() as folder,
        open_duckdb(Path(shutil.copy(template, Path(folder) / "x.duckdb"))) as con,
    ):
        fill(con, [walk(spans) for spans in walks])
        assert con.execute(WEIGHED).fetchone() == (0,)
