"""What the store knows of an epoch's seed: between which prices the venue told everything."""

from __future__ import annotations

from decimal import Decimal

from leadline.storage.access.sql import Runs
from leadline.storage.queries.rebuild import exact

_SEED = """
SELECT bid_px, ask_px FROM seeds
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND source = 'venue'
ORDER BY last_id LIMIT 1
"""


def seed_prices(
    con: Runs, venue: str, symbol: str, epoch: int
) -> tuple[list[Decimal], list[Decimal]] | None:
    """Return the bid and ask prices of the venue's own seed, best first; None if it was let go."""
    row = con.execute(_SEED, {"venue": venue, "symbol": symbol, "epoch": epoch}).fetchone()
    if row is None:
        return None
    bids, asks = ([exact(price) for price in side] for side in row)
    return bids, asks
