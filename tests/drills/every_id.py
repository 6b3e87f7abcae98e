"""
Books held against the venue's truth at every update id, not at samples.

    in memory   after every message that moved a LIVE book, its own ladder is read whole and digested
    stored      seeds and diffs are replayed, and digested at every id that coverage vouches for

Both are compared with the digests of the venue's own market (`tasks.loopback.market.digests`), which know
nothing of what was sent. A book must be known whole for that: the venue's books have fewer levels than
a seed gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from leadline.book.engine.live import LiveBook
from leadline.book.scale import Scale
from leadline.book.sync.events import State
from leadline.storage.access.sql import Runs
from leadline.tasks.feed import core as feed_core
from leadline.tasks.loopback.market.digests import Digests, book_digest, level_hashes

MOST_NAMED = 5  # ids of a symbol that the report names

_CUT_SEEDS = "SELECT count(*) FROM seeds WHERE greatest(len(bid_px), len(ask_px)) >= 5000"
_COVERED = "SELECT epoch, first_id, last_id FROM coverage WHERE symbol = $symbol ORDER BY epoch, first_id"
_CHANGES = """
SELECT last_id, true AS is_seed, bid_px, bid_qty, ask_px, ask_qty FROM seeds
WHERE symbol = $symbol AND epoch = $epoch AND source = 'venue'
UNION ALL
SELECT last_id, false, bid_px, bid_qty, ask_px, ask_qty FROM depth_diffs
WHERE symbol = $symbol AND epoch = $epoch
ORDER BY last_id, is_seed DESC
"""


@dataclass(slots=True)
class Compared:
    """How many ids were held against the truth, and which books were not equal to it."""

    ids: int = 0
    unknown: int = 0  # outside the history that the venue keeps
    counts: dict[str, int] = field(default_factory=dict)  # ids where a book was wrong, by symbol
    wrong: list[str] = field(default_factory=list)  # the same in words

    def add(self, symbol: str, found: Mapping[int, int], digests: Digests) -> None:
        """Compare digests by id with the venue's."""
        wrong = []
        for last_id, digest in found.items():
            true = digests.at(last_id)
            self.unknown += true is None
            self.ids += true is not None
            if true is not None and true != digest:
                wrong.append(last_id)
        if wrong:
            self.counts[symbol] = len(wrong)
            some = ", ".join(map(str, wrong[:MOST_NAMED]))
            self.wrong.append(f"{symbol}: {len(wrong)} ids, among them {some}")

    @property
    def is_right(self) -> bool:
        """Whether something was compared, all of it, and all was right."""
        return self.ids > 0 and not self.unknown and not self.wrong


class Watch:
    """Digests of LIVE books by symbol and id, as they stood in memory."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[int, int]] = {}
        self.changed: list[str] = []  # LIVE at an id twice, and not the same

    def note(self, book: LiveBook, *, is_moved: bool) -> None:
        """
        Look at a book that has just been told something; on the feed's own thread.

        What cannot move a book may still make it LIVE: it is digested then if it has not been at this id.
        """
        if book.state is State.LIVE:
            symbol, last_id = book.market.symbol, book.last_id
            seen = self.seen.setdefault(symbol, {})
            if is_moved or last_id not in seen:
                digest = book_digest(*book.levels())
                if seen.setdefault(last_id, digest) != digest:
                    self.changed.append(f"{symbol} at {last_id}")


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the books of every feed that is started within the block."""
    watch, make = Watch(), feed_core.make_book

    def made(*arguments: Any, **options: Any) -> LiveBook:
        book = make(*arguments, **options)
        for name in ("receive_depth", "receive_snapshot", "receive_audit", "receive_ticker", "unhalt"):
            moves = name not in {"receive_ticker", "unhalt"}
            setattr(book, name, _watched(getattr(book, name), partial(watch.note, book, is_moved=moves)))
        return book

    feed_core.make_book = made
    try:
        yield watch
    finally:
        feed_core.make_book = make


def _watched(receive: Callable[..., Any], note: Callable[[], None]) -> Callable[..., Any]:
    def told(*arguments: Any, **options: Any) -> Any:
        answer = receive(*arguments, **options)
        note()
        return answer

    return told


def seeds_cut(con: Runs) -> int:
    """Count seeds as long as the venue answers: of such a book not every level is known."""
    return int(con.execute(_CUT_SEEDS).fetchone()[0])


def stored(con: Runs, symbol: str, scale: Scale) -> dict[int, int]:
    """Replay what is stored of a symbol; return the digest at every id that coverage vouches for."""
    found: dict[int, int] = {}
    intervals = con.execute(_COVERED, {"symbol": symbol}).fetchall()
    for epoch in dict.fromkeys(epoch for epoch, _, _ in intervals):
        spans = [(first, last) for one, first, last in intervals if one == epoch]
        found |= {
            last_id: digest
            for last_id, digest in _replay(con, symbol, epoch, scale)
            if any(first <= last_id <= last for first, last in spans)
        }
    return found


def _replay(con: Runs, symbol: str, epoch: int, scale: Scale) -> Iterator[tuple[int, int]]:
    """Yield id and digest after each seed and diff of an epoch; a diff costs its own levels."""
    held: dict[int, int] = {}
    digest = 0
    for last_id, is_seed, *sides in con.execute(_CHANGES, {"symbol": symbol, "epoch": epoch}).fetchall():
        if is_seed:
            held, digest = {}, 0
        keys, lots = _levels(*sides, scale)
        was = [held.get(key, 0) for key in keys]
        held.update(zip(keys, lots, strict=True))
        digest += _sum(keys, lots) - _sum(keys, was)
        yield last_id, digest % 2**64


def _levels(
    bid_px: Sequence[float],
    bid_qty: Sequence[float],
    ask_px: Sequence[float],
    ask_qty: Sequence[float],
    scale: Scale,
) -> tuple[list[int], list[int]]:
    """Return keys and lots of stored doubles, exact as the venue wrote them."""
    price, qty = 10**scale.price_decimals, 10**scale.qty_decimals
    keys = [round(each * price) for each in bid_px] + [-round(each * price) for each in ask_px]
    return keys, [round(each * qty) for each in (*bid_qty, *ask_qty)]


def _sum(keys: list[int], lots: list[int]) -> int:
    return int(level_hashes(np.array(keys, np.int64), np.array(lots, np.int64)).sum(dtype=np.uint64))
