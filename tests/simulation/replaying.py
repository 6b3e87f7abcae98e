"""The stored rows of an epoch, replayed: a digest of the whole book after every seed and diff."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.book.scale import Scale
from leadline.storage.access.sql import Runs
from leadline.tasks.loopback.market.digests import level_hashes

# A rebuilt seed stands for the diffs before it, which another stream stored in an epoch of its own.
_CHANGES = """
SELECT last_id, true AS is_seed, bid_px, bid_qty, ask_px, ask_qty FROM seeds
WHERE symbol = $symbol AND epoch = $epoch
UNION ALL
SELECT last_id, false, bid_px, bid_qty, ask_px, ask_qty FROM depth_diffs
WHERE symbol = $symbol AND epoch = $epoch
ORDER BY last_id, is_seed
"""


def replay(con: Runs, symbol: str, epoch: int, scale: Scale) -> Iterator[tuple[int, int]]:
    """Yield id and digest (`tasks.loopback.market.digests`) after each seed and diff of an epoch."""
    price, qty = 10**scale.price_decimals, 10**scale.qty_decimals
    held: dict[int, int] = {}
    digest = 0
    for last_id, is_seed, *sides in con.execute(_CHANGES, {"symbol": symbol, "epoch": epoch}).fetchall():
        if is_seed:
            held, digest = {}, 0
        keys = [round(each * price) for each in sides[0]] + [-round(each * price) for each in sides[2]]
        lots = [round(each * qty) for each in (*sides[1], *sides[3])]
        was = [held.get(key, 0) for key in keys]
        held.update(zip(keys, lots, strict=True))
        digest += _sum(keys, lots) - _sum(keys, was)
        yield last_id, digest % 2**64


def _sum(keys: list[int], lots: list[int]) -> int:
    return int(level_hashes(np.array(keys, np.int64), np.array(lots, np.int64)).sum(dtype=np.uint64))
