"""
What the venue lists: the scale and the trading status of each symbol, brought to its book.

A book can be made once the scale is known, and must be made anew when the venue writes finer numbers
than before. A symbol that does not trade has a book that nobody should act on: it is halted.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence

from leadline.book.errors import BadFrame, did_you_mean
from leadline.book.venues.common.listing import BadListing, SymbolInfo
from leadline.tasks.feed.routing.config import Tap
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.net.clock import Clock
from leadline.tasks.net.errors import RestFailed, UnknownSymbol
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")


class Listing:
    """Keeps books in line with what the venue lists; runs on the feed's loop."""

    def __init__(
        self,
        rest: Rest,
        router: Router,
        clock: Clock,
        on_told: Callable[[Told], None],
        *,
        tap: Tap | None = None,
    ) -> None:
        self._rest = rest
        self._router = router
        self._clock = clock
        self._on_told = on_told
        self._tap = tap
        self._halted: set[str] = set()

    async def ensure_books(self, symbols: Sequence[str]) -> None:
        """Make the books that are missing; raises `UnknownSymbol` naming what the venue does not list."""
        missing = [symbol for symbol in symbols if symbol not in self._router.books]
        if missing:
            self._apply(await self._ask(missing))

    async def refresh(self) -> None:
        """Ask for status and scale of all symbols that have a book."""
        symbols = list(self._router.books)
        if symbols:
            self._apply(await self._ask(symbols))

    async def refresh_scales(self) -> None:
        """Ask for the scale of those symbols whose numbers no longer fit."""
        symbols = [symbol for symbol in self._router.off_scale if symbol in self._router.books]
        self._router.off_scale.clear()
        if symbols:
            self._apply(await self._ask(symbols))

    async def _ask(self, symbols: Sequence[str]) -> dict[str, SymbolInfo]:
        found: dict[str, SymbolInfo] = {}
        parse, replies = self._rest.profile.spec.parse_listing, await self._rest.listing(symbols)
        for reply in replies:
            if self._tap is not None:
                self._tap.listing(reply.body, reply.received_ns)
            try:
                for symbol, one in parse(reply.body, frozenset(symbols)).items():
                    if isinstance(one, BadListing):
                        raise RestFailed(f"listing: {one.why}")
                    found[symbol] = one
            except BadFrame as exc:
                raise RestFailed(f"listing: {exc}") from exc
        unknown = sorted(set(symbols) - found.keys())
        if unknown:
            listed: set[str] = set()
            with contextlib.suppress(BadFrame):  # of a symbol nobody asked for
                listed.update(*(parse(reply.body, None) for reply in replies))
            named = ", ".join(f"{symbol}{did_you_mean(symbol, listed)}" for symbol in unknown)
            raise UnknownSymbol(f"{self._rest.profile.name} does not list {named}")
        return found

    def _apply(self, found: dict[str, SymbolInfo]) -> None:
        ts_ns = self._clock.wall_ns()
        for symbol, info in found.items():
            before = self._router.books.get(symbol)
            book = self._router.rescale(self._rest.profile.market(symbol, info.scale), ts_ns)
            if book is not before and before is not None:
                log.warning("%s: scale is now %s, the book begins again", symbol, info.scale)
                self._halted.discard(symbol)
            if not info.is_trading and symbol not in self._halted:
                self._halted.add(symbol)
                reason = f"halted: {info.status}"
                self._on_told([(book, event) for event in book.halt(reason, ts_ns, self._router.batch)])
            elif info.is_trading and symbol in self._halted:
                self._halted.discard(symbol)
                self._on_told([(book, event) for event in book.unhalt(ts_ns, self._router.batch)])
