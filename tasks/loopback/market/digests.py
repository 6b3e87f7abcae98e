"""
A number for the whole book at every update id, to hold a client's books against, id by id.

A book's digest is the sum, modulo 2**64, of a hash of each of its levels: side, price, quantity. So each
change of a level moves it by what one level was and what it is, and the digests of a million ids cost a
million steps. Two books of one digest differ by chance once in 2**64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from leadline.book.synthetic.market import SymbolMarket

Words: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Digests:
    """Digests of one symbol's true book: ``sums[n]`` from ``ids[n]`` on until the next id."""

    ids: NDArray[np.int64]
    sums: Words

    def at(self, last_id: int) -> int | None:
        """Return the digest of the book as it stood at an id; None outside the history kept."""
        if not self.ids[0] <= last_id <= self.ids[-1]:
            return None
        return int(self.sums[self.ids.searchsorted(last_id, "right") - 1])


def book_digest(bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> int:
    """Return the digest of a book from its levels in ticks and lots, in whatever order."""
    return sum(_of_side(side, sign) for side, sign in ((bids, 1), (asks, -1))) % 2**64


def level_hashes(keys: NDArray[np.int64], lots: NDArray[np.int64]) -> Words:
    """Hash levels: a key is a bid's price or minus an ask's; a level without lots is none, and 0."""
    mixed = _mix(_mix(keys.astype(np.uint64)) + lots.astype(np.uint64))
    return np.where(lots == 0, np.uint64(0), mixed)


def digests_of(market: SymbolMarket) -> Digests:
    """Return the digests of a market's book at every id of the history it keeps, as clients scale it."""
    spec = market.spec
    tick = 10 ** (spec.price_digits - spec.scale.price_decimals)
    lot = 10 ** (spec.qty_digits - spec.scale.qty_decimals)
    depth = market.depth()
    held = dict(depth.bids) | {-price: lots for price, lots in depth.asks}
    now = np.array([*held.items()], np.int64).reshape(-1, 2)
    rows = []
    for last_id, key, old in market.undo(market.oldest_id):
        rows.append((last_id, key, held.get(key, 0), old))
        held[key] = old
    changes = np.array(rows[::-1], np.int64).reshape(-1, 4)
    ids = np.concatenate(([market.oldest_id], changes[:, 0]))
    # Ask keys are negative multiples of a tick: // is exact for both.
    became, was = (level_hashes(changes[:, 1] // tick, changes[:, n] // lot) for n in (2, 3))
    moves = np.concatenate((np.zeros(1, np.uint64), became - was)).cumsum(dtype=np.uint64)
    last = level_hashes(now[:, 0] // tick, now[:, 1] // lot).sum(dtype=np.uint64)
    return Digests(ids, moves + np.uint64((int(last) - int(moves[-1])) % 2**64))


def _of_side(levels: Iterable[tuple[int, int]], sign: int) -> int:
    table = np.array(list(levels), np.int64).reshape(-1, 2)
    return int(level_hashes(sign * table[:, 0], table[:, 1]).sum(dtype=np.uint64))


def _mix(words: Words) -> Words:
    """Finish as splitmix64 does: every bit of the input turns half the bits of the output."""
    words = (words + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
