"""The least that a book can be: two maps of price to quantity, for comparing what a venue says twice."""

from __future__ import annotations

from collections.abc import Iterable

from leadline.book.messages import Bbo, DepthDiff, DepthSnapshot, Level


class Sides:
    """One book of a `DepthSnapshot` on; prices in ticks, quantities in lots."""

    def __init__(self, seed: DepthSnapshot) -> None:
        self.last_id = seed.last_id
        self.witness_id = seed.witness_id
        self._bids, self._asks = dict(seed.bids), dict(seed.asks)

    def apply(self, diff: DepthDiff) -> None:
        """Take a diff, whatever its ids."""
        self.last_id, self.witness_id = diff.last_id, diff.witness_id
        _apply(self._bids, diff.bids)
        _apply(self._asks, diff.asks)

    def top(self) -> Bbo | None:
        """Return both best levels; None where a side is empty."""
        if not self._bids or not self._asks:
            return None
        bid, ask = max(self._bids), min(self._asks)
        return Bbo(bid, self._bids[bid], ask, self._asks[ask])

    def best(self, levels: int) -> tuple[list[Level], list[Level]]:
        """Return the best levels of both sides, best first."""
        return (
            sorted(self._bids.items(), reverse=True)[:levels],
            sorted(self._asks.items())[:levels],
        )


def _apply(side: dict[int, int], levels: Iterable[Level]) -> None:
    for price, qty in levels:
        if qty:
            side[price] = qty
        else:
            side.pop(price, None)
