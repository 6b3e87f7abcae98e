"""Where the rows of a stream end, whatever our clock did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.handover.succession import ends
from leadline.storage.schema.baseline import create

START = dt.datetime(2026, 1, 31, tzinfo=dt.UTC).replace(tzinfo=None)
VENUE = "loopback-spot"


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as made:
        create(made, "coverage", "trades", "book_tickers", "feed_stats", "clock_steps", "ingest_batches")
        yield made


def cover(con: duckdb.DuckDBPyConnection, last_id: int, at_s: int, ended_by: str | None) -> None:
    moment = START + dt.timedelta(seconds=at_s)
    con.execute(
        "INSERT INTO coverage (venue, symbol, epoch, ts_from, ts_to, first_id, last_id, ended_by) "
        "VALUES (?, 'X', 1, ?, ?, ?, ?, ?)",
        [VENUE, moment, moment, last_id - 1, last_id, ended_by],
    )


times = st.lists(st.tuples(st.integers(-9_000, 9_000), st.booleans()), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(times=times)
def test_the_interval_that_was_written_last_is_the_end(
    times: list[tuple[int, bool]], con: duckdb.DuckDBPyConnection
) -> None:
    """The clock steps as it likes; an import of other days does not count while there is a stream."""
    con.execute("DELETE FROM coverage")
    for n, (at_s, is_imported) in enumerate(times):
        cover(con, 100 + n, at_s, "imported" if is_imported else "stopped")
    own = [n for n, (_, is_imported) in enumerate(times) if not is_imported]
    newest = own[-1] if own else len(times) - 1
    end = ends(con, VENUE).symbols["X"]
    assert end.last_id == 100 + newest
    assert (
        end.ts_ns
        == (START + dt.timedelta(seconds=times[newest][0])).replace(tzinfo=dt.UTC).timestamp() * 1e9
    )
