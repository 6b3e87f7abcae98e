"""
What articles on the subject show, written plainly: json, dicts keyed by floats, max and min.

Nothing is done badly on purpose, and nothing with thought for speed. It checks no ids.
"""

from __future__ import annotations

import json
from typing import Any


class NaiveBook:
    """Two dicts of floats, filled from a REST depth answer."""

    def __init__(self, seed: dict[str, Any]) -> None:
        self.bids = {float(price): float(quantity) for price, quantity in seed["bids"]}
        self.asks = {float(price): float(quantity) for price, quantity in seed["asks"]}

    def take(self, frame: bytes) -> None:
        """Apply one combined frame."""
        data = json.loads(frame)["data"]
        for side, levels in ((self.bids, data["b"]), (self.asks, data["a"])):
            for price_text, quantity_text in levels:
                price, quantity = float(price_text), float(quantity_text)
                if quantity == 0:
                    side.pop(price, None)
                else:
                    side[price] = quantity

    def best(self) -> tuple[float, float]:
        """Return best bid and ask."""
        return max(self.bids), min(self.asks)

    def top(self, n: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the ``n`` best levels of each side, best first."""
        return sorted(self.bids.items(), reverse=True)[:n], sorted(self.asks.items())[:n]
