"""Where the stored trades of a venue end: what the next stream has to go on from."""

from __future__ import annotations

from leadline.storage.access.sql import Runs

_NEWEST = """
SELECT symbol, last_id, epoch_ns(ts_trade) FROM trade_coverage WHERE venue = $venue
QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY ts_trade DESC, last_id DESC) = 1
"""


def newest_trades(con: Runs, venue: str) -> dict[str, tuple[int, int]]:
    """Return id and time of trade, ns since 1970, of the newest trade of each symbol that has any."""
    found = con.execute(_NEWEST, {"venue": venue}).fetchall()
    return {symbol: (trade_id, traded_ns) for symbol, trade_id, traded_ns in found}
