"""Runs of trades found from stored rows: for files of before they were kept, and for imported days."""

from __future__ import annotations

from typing import Any, Protocol

from leadline.book.venues.registry import find_spec


class RunsStatements(Protocol):
    """A connection of any kind."""

    def execute(self, statement: str, parameters: dict[str, Any], /) -> Any:
        """Run one statement."""
        ...


_VENUES = "SELECT DISTINCT venue FROM trades ORDER BY venue"

_FORGET = "DELETE FROM trade_coverage WHERE venue = $venue AND ($symbol IS NULL OR symbol = $symbol)"

# Within one count ids ascend with the time of the trade: a run begins where an id is not the next one. An
# aggregate that was asked for among single trades stands for the ids that it covers. Asked of a file whose
# trades do not have that column yet, there is none.
_FIND = """
INSERT INTO trade_coverage BY NAME
WITH spans AS (
    SELECT venue, symbol, ts_recv, ts_trade, trade_id, {last_id} AS last_id
    FROM trades WHERE venue = $venue AND ($symbol IS NULL OR symbol = $symbol)
    QUALIFY row_number() OVER (PARTITION BY venue, symbol, trade_id, ts_trade) = 1
), begun AS (
    SELECT *, trade_id IS DISTINCT FROM lag(last_id) OVER w + 1 AS begins
    FROM spans WINDOW w AS (PARTITION BY venue, symbol ORDER BY ts_trade, trade_id)
), numbered AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY venue, symbol ORDER BY ts_trade, trade_id) AS run
    FROM begun
)
SELECT venue, symbol, min(ts_recv) AS ts_from, max(ts_recv) AS ts_to,
       min(trade_id) AS first_id, max(last_id) AS last_id, max(ts_trade) AS ts_trade
FROM numbered GROUP BY venue, symbol, run
"""
_SINGLE = "trade_id"
_SPAN = "CASE WHEN trade_id = covers_first_id THEN covers_last_id ELSE trade_id END"
_HAS_SPANS = """
SELECT count(*) FROM duckdb_columns()
WHERE database_name = current_database() AND table_name = 'trades' AND column_name = 'covers_last_id'
"""


def find_runs(con: RunsStatements, venue: str | None = None, symbol: str | None = None) -> None:
    """
    Write ``trade_coverage`` anew from ``trades``: of one market, of one venue, or of all.

    Venues that do not number their trades one by one have no runs.
    """
    venues = [venue] if venue is not None else [name for (name,) in con.execute(_VENUES, {}).fetchall()]
    for name in venues:
        spec = find_spec(name)
        if spec is not None and spec.numbers_trades:
            con.execute(_FORGET, {"venue": name, "symbol": symbol})
            is_plain = spec.aggregates_trades or con.execute(_HAS_SPANS, {}).fetchone() == (0,)
            find = _FIND.format(last_id=_SINGLE if is_plain else _SPAN)
            con.execute(find, {"venue": name, "symbol": symbol})
