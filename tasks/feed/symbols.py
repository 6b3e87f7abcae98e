"""
The symbols a feed is to carry: wanted by somebody, then listed by the venue, then on a line.

A symbol gets onto a line as soon as it has a book, and leaves its line when it is to have none. So what
the venue says of one symbol touches no stream of another, and a command never names a stream that the
venue might refuse together with all the others in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence

from leadline.tasks.feed.connections.line import Line
from leadline.tasks.feed.connections.lines import Lines
from leadline.tasks.feed.requests.listing import Listing
from leadline.tasks.feed.requests.needs import Need
from leadline.tasks.feed.requests.runner import Desk
from leadline.tasks.feed.requests.seeds import Seat, Seeds
from leadline.tasks.feed.routing.config import FeedConfig, SymbolStatus
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.net.errors import VenueError
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

FIRST_CONNECTION = "first connection"
LISTED_LATER = "a symbol is listed"


class Symbols:
    """See the head of this module; everything runs on the feed's loop."""

    def __init__(
        self, config: FeedConfig, router: Router, rest: Rest, lines: Lines, seeds: Seeds, desk: Desk
    ) -> None:
        self.wanted: list[str] = []
        self.listing = Listing(
            rest,
            router,
            config=config,
            on_told=seeds.hear,
            on_listed=self._carry,
            on_gone=self._drop,
        )
        self._config = config
        self._router = router
        self._lines = lines
        self._seeds = seeds
        self._desk = desk

    def start(self, symbols: Sequence[str]) -> None:
        """Begin with these symbols; returns at once."""
        self._want(symbols)
        self._lines.add(symbols)
        for line in self._lines:
            self.need_connection(line, FIRST_CONNECTION)

    async def add(self, symbols: Sequence[str]) -> None:
        """Carry more symbols: on lines that have room, else on new ones; each once it is listed."""
        new = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.wanted]
        self._want(new)
        try:
            await self.listing.ensure(new)
        except VenueError as exc:  # it is asked again
            log.warning("%s: %s", ", ".join(new), exc)

    async def remove(self, symbols: Sequence[str], why: str) -> None:
        """Carry these symbols no more; their books leave."""
        for symbol in [symbol for symbol in symbols if symbol in self.wanted]:
            self.wanted.remove(symbol)
            self.listing.drop(symbol, why)
            await self._drop(symbol, "removed")

    async def connect(self, line: Line) -> None:
        """Open a line with the streams of those of its symbols that are listed; raises a `VenueError`."""
        try:
            await self.listing.ensure(line.symbols)
        except VenueError as exc:
            if not any(symbol in self._router.books for symbol in line.symbols):
                raise
            log.warning("%s: connecting without some symbols: %s", line.name, exc)
        for symbol in line.symbols:
            if symbol not in self._router.books:
                await line.remove(symbol)
        if line.width:
            await line.open()
            await line.subscribe_added()

    def need_connection(self, line: Line, why: str) -> None:
        """Have a line connected, by the host or by the feed itself."""
        line.need = Need("connect", line.name, why, asyncio.get_running_loop())
        self._desk.open(line.need)

    def statuses(self) -> list[SymbolStatus]:
        """Tell where each wanted symbol stands."""
        found = []
        for symbol in self.wanted:
            book, seat = self._router.books.get(symbol), self._seeds.seats.get(symbol, Seat())
            listing = self.listing.state(symbol)
            found.append(
                SymbolStatus.of(symbol, book, gaps=seat.gaps, resyncs=seat.resyncs, listing=listing)
            )
        return found

    def _want(self, symbols: Sequence[str]) -> None:
        self.wanted += symbols
        self.listing.want(symbols)

    async def _carry(self, symbols: Sequence[str]) -> None:
        """Put symbols that have a book onto lines, and see that these are connected."""
        self._lines.add([symbol for symbol in symbols if not self._lines.carries(symbol)])
        for line in self._lines:
            if line.width and not line.is_up and (line.need is None or line.need.is_over):
                self.need_connection(line, LISTED_LATER)
            else:
                await self._send(line.subscribe_added())

    async def _drop(self, symbol: str, reason: str) -> None:
        """Take a symbol off its lines, and its book away."""
        for line in self._lines:
            await self._send(line.remove(symbol))
        book, ts_ns = self._router.books.get(symbol), self._config.clock.wall_ns()
        if book is not None:
            book.leave(reason, ts_ns, self._router.batch)
            if self._config.tap is not None:
                self._config.tap.left([symbol], reason, ts_ns)  # no frame shows it
        self._router.remove(symbol)
        self._seeds.forget(symbol)

    @staticmethod
    async def _send(command: Coroutine[None, None, None]) -> None:
        """Send a command; a line that is lost meanwhile has its streams right when it is back."""
        try:
            await command
        except VenueError as exc:
            log.warning("%s", exc)
