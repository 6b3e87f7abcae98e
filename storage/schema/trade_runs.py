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

# Within one count ids ascend with the time of the trade, so a place in that order less the id is the same
# for all of a run.
_FIND = """
INSERT INTO trade_coverage BY NAME
SELECT venue, symbol, min(ts_recv) AS ts_from, max(ts_recv) AS ts_to,
       min(trade_id) AS first_id, max(trade_id) AS last_id, max(ts_trade) AS ts_trade
FROM (SELECT *, trade_id - row_number() OVER (PARTITION BY venue, symbol ORDER BY ts_trade, trade_id) AS run
      FROM trades WHERE venue = $venue AND ($symbol IS NULL OR symbol = $symbol)
      QUALIFY row_number() OVER (PARTITION BY venue, symbol, trade_id, ts_trade) = 1)
GROUP BY venue, symbol, run
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
            con.execute(_FIND, {"venue": name, "symbol": symbol})
