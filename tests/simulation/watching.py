"""A look at every book after everything it is told: LIVE, at which id, and a digest of all its levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from leadline.book.engine.live import LiveBook
from leadline.book.sync.events import State
from leadline.tasks.feed import core as feed_core
from leadline.tasks.loopback.market.digests import book_digest
from tests.simulation.seen import Held, Seen

TELLS = ("receive_depth", "receive_snapshot", "receive_audit", "unhalt")


@contextmanager
def watching(seen: Callable[[], Seen], number: Callable[[], int]) -> Iterator[None]:
    """Watch the books that are made within the block; ``number`` says by which process."""
    make = feed_core.make_book

    def made(*arguments: Any, **options: Any) -> LiveBook:
        book = make(*arguments, **options)
        for name in TELLS:
            setattr(book, name, _watched(book, getattr(book, name), seen(), number()))
        return book

    feed_core.make_book = made
    try:
        yield
    finally:
        feed_core.make_book = make


def _watched(book: LiveBook, receive: Callable[..., Any], seen: Seen, number: int) -> Callable[..., Any]:
    last = -1

    def told(*arguments: Any, **options: Any) -> Any:
        nonlocal last
        answer = receive(*arguments, **options)
        if book.state is State.LIVE and (book.last_id != last or answer):
            last = book.last_id
            digest = book_digest(*book.levels())
            symbol = book.market.symbol
            seen.held.append(Held(seen.world.now_s, number, symbol, last, digest, book.seed_id))
            seen.note(f"s{number} {symbol} {last} {digest:x}")
        return answer

    return told
