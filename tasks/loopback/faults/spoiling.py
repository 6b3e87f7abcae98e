"""
Diffs that are well formed, in order, and wrong: nothing in their ids can show it.

The level that is hit is the one nearest the top among those the diff sets, of the bids if it sets any;
or, as the order may say, the one farthest from it.
"""

from __future__ import annotations

import json
from typing import Any

from leadline.tasks.loopback.base.faults import FaultKind
from leadline.tasks.loopback.base.streams import compact

K = FaultKind


def spoil(kind: FaultKind, payload: bytes, *, deepest: bool = False) -> bytes:
    """Return a combined diff as a fault leaves it; one without a level to hit stays as it is."""
    wrapped = json.loads(payload)
    data = wrapped["data"]
    if kind is K.LOST_EVENT:
        data["b"] = data["a"] = []
    elif kind is K.CROSSED:
        prices = [price for price, _ in data["b"] + data["a"]] or ["1"]
        data["b"].insert(0, ["9" + max(prices, key=float), _one(data)])
    else:
        _hit(kind, data, deepest=deepest)
    return compact(wrapped)


def _hit(kind: FaultKind, data: dict[str, Any], *, deepest: bool) -> None:
    """Spoil one level."""
    bids = [level for level in data["b"] if float(level[1])]
    asks = [level for level in data["a"] if float(level[1])]
    if not (bids or asks):
        return
    side, other = ("b", "a") if bids else ("a", "b")
    levels = sorted(bids or asks, key=_price, reverse=bool(bids))
    level = levels[-1 if deepest else 0]
    if kind is K.WRONG_QTY:
        level[1] = "1" + level[1]
    elif kind is K.LOST_LEVEL:
        level[1] = "0"
    else:
        data[side].remove(level)
        if kind is K.WRONG_SIDE:
            data[other].append(level)


def _price(level: list[str]) -> float:
    return float(level[0])


def _one(data: dict[str, Any]) -> str:
    """Give the quantity one in the decimals this symbol writes."""
    quantities = [qty for _, qty in data["b"] + data["a"]]
    digits = len(quantities[0].partition(".")[2]) if quantities else 0
    return f"{1:.{digits}f}"
