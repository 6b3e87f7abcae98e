"""
What the venue lists: the scale and the trading status of each symbol, brought to its book.

    AWAITED ──> LISTED      there is a book; it is HALTED while the symbol does not trade
       │         │    ▲
       └─────────┴────┴──>  UNLISTED, UNUSABLE, OFF_SCALE: no book, and no stream is carried

Every symbol has a state and a reason of its own, whatever others it is asked about with. One without a
book is asked about again, ever more slowly; one with a book every ``status_every_s``. A halted symbol
is asked about sooner, and at once when it trades. A symbol that vanished from the listing is halted, and
dropped when the venue says so again: a listing may lack something for a moment. The same book goes on
when a listing becomes unreadable; it needs it no more. A book is made anew when the venue writes finer
numbers than before, and dropped when its numbers do not fit although the listing stayed as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from leadline.book.engine.live import LiveBook
from leadline.book.errors import BadFrame, did_you_mean
from leadline.book.sync.events import State
from leadline.book.venues.common.listing import BadListing, Listed, ListingState, SymbolInfo, listing_row
from leadline.tasks.feed.requests.listed import Entry
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.net.errors import RestFailed
from leadline.tasks.net.limits import MINUTE_S
from leadline.tasks.venues.common import rest as venue_rest
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.rest import Reply, Rest

log = logging.getLogger("leadline.feed")

SHARE = 0.1  # of our request weight, for symbols that are asked about one by one
# A halted symbol is asked about so often at most when one of its streams speaks: a trade says that it is
# open, a diff may be of orders before the opening.
WAKE_EVERY_S = {StreamKind.TRADE: 1.0, StreamKind.DEPTH: 10.0}


class Listing:
    """
    Keeps books in line with what the venue lists; runs on the feed's loop.

    ``on_told`` hears what books tell; ``on_listed`` gets symbols that have a book from now on, ``on_gone``
    one that is to have none and why, in a word.
    """

    def __init__(
        self,
        rest: Rest,
        router: Router,
        *,
        config: FeedConfig,
        on_told: Callable[[Told], None],
        on_listed: Callable[[Sequence[str]], Awaitable[None]],
        on_gone: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._rest = rest
        self._router = router
        self._config = config
        self._clock = config.clock
        self._on_told = on_told
        self._on_listed = on_listed
        self._on_gone = on_gone
        self._entries: dict[str, Entry] = {}
        self._turn = asyncio.Lock()
        self._singles_due_s = 0.0

    def want(self, symbols: Iterable[str]) -> None:
        """Begin to look after symbols; `ensure` asks about them."""
        due_s = self._clock.mono_s() + self._config.again_first_s
        for symbol in symbols:
            self._entries.setdefault(symbol, Entry(due_s))

    def drop(self, symbol: str, why: str) -> None:
        """Look after a symbol no more; its last row says why."""
        if (entry := self._entries.pop(symbol, None)) is not None:
            entry.state, entry.reason = ListingState.DROPPED, why
            self._note(symbol, entry)
        self._router.off_scale.pop(symbol, None)

    def state(self, symbol: str) -> tuple[ListingState, str]:
        """Return the state of a wanted symbol and its reason."""
        entry = self._entries[symbol]
        return entry.state, entry.reason

    def doubt(self, symbol: str) -> None:
        """Ask about a symbol soon: the venue did not know it when it was asked for something else."""
        if (entry := self._entries.get(symbol)) is not None:
            entry.wake(self._clock.mono_s(), self._config.again_first_s)

    def tell_all(self) -> None:
        """Write every row again, for a store that has seen none of them."""
        self._router.batch.listings += [
            entry.noted for entry in self._entries.values() if entry.noted is not None
        ]

    # -- asking ----------------------------------------------------------------------------------

    async def ensure(self, symbols: Sequence[str]) -> None:
        """Ask about those of ``symbols`` that were never answered; raises a `VenueError`."""
        if self._unanswered(symbols):
            async with self._turn:
                if missing := self._unanswered(symbols):
                    await self._ask(missing)

    async def tend(self) -> None:
        """Ask about what is due; raises a `VenueError`, and asks about the same a while later."""
        if self._turn.locked():
            return
        async with self._turn:
            now_s = self._clock.mono_s()
            self._wake(now_s)
            if due := self._due(now_s):
                await self._ask(due)
            if now_s >= self._singles_due_s and (due := self._due_alone(now_s)):
                share = self._rest.governor.per_minute * self._rest.governor.share * SHARE
                self._singles_due_s = now_s + self._rest.profile.listing_weight * MINUTE_S / share
                await self._ask(due)

    def _unanswered(self, symbols: Sequence[str]) -> list[str]:
        entries = self._entries
        return [one for one in symbols if one in entries and entries[one].state is ListingState.AWAITED]

    def _wake(self, now_s: float) -> None:
        """See which symbols give a reason to be asked about at once."""
        for symbol, entry in self._entries.items():
            if symbol in self._router.off_scale:
                entry.wake(now_s, 0.0)
            elif entry.is_halted:
                for kind, least_s in WAKE_EVERY_S.items():
                    if self._speaks(symbol, kind, entry.asked_s):
                        entry.wake(now_s, least_s)

    def _speaks(self, symbol: str, kind: StreamKind, since_s: float) -> bool:
        """Whether a frame of such a stream came since."""
        pulse = self._router.pulse(self._config.profile.stream(symbol, kind))
        return pulse is not None and pulse.last_ns > since_s * 1e9

    def _due(self, now_s: float) -> list[str]:
        """Return the symbols to ask about together; with one whose turn it is go those that are next."""
        usual = {one: entry for one, entry in self._entries.items() if not entry.is_outcast}
        if not any(entry.due_s <= now_s for entry in usual.values()):
            return []
        is_turn = any(entry.due_s <= now_s and not entry.is_extra for entry in usual.values())
        until_s = now_s + (self._config.status_every_s / 2 if is_turn else 0.0)
        return [one for one, entry in usual.items() if entry.due_s <= until_s]

    def _due_alone(self, now_s: float) -> list[str]:
        """Return the outcasts to ask about: one, where one alone can spoil a request for all."""
        due = [one for one, entry in self._entries.items() if entry.is_outcast and entry.due_s <= now_s]
        if not due or not self._rest.has_weight_to_spare(self._rest.profile.listing_weight):
            return []
        due.sort(key=lambda one: self._entries[one].due_s)
        is_alone = any(one.symbols for one in self._rest.profile.adapter.listing_requests(due[:1]))
        return due[:1] if is_alone else due

    async def _ask(self, symbols: Sequence[str]) -> None:
        now_s = self._clock.mono_s()
        for symbol in symbols:  # until it is answered
            self._entries[symbol].asked(now_s, self._config.again_first_s)
        async for answer in self._rest.listing(symbols):
            await self._hear(answer)

    # -- hearing ---------------------------------------------------------------------------------

    async def _hear(self, answer: venue_rest.Listing) -> None:
        listed: list[str] = []
        found, others = self._read(answer)
        for symbol in answer.symbols:
            entry, one = self._entries.get(symbol), found.get(symbol)
            if entry is None:
                continue  # wanted no more
            if isinstance(one, SymbolInfo):
                if await self._is_listed(symbol, entry, one):
                    listed.append(symbol)
            elif isinstance(one, BadListing):
                self._is_unusable(symbol, entry, one.why)
            else:
                await self._is_unlisted(symbol, entry, others)
            self._note(symbol, entry)
        if listed:
            await self._on_listed(listed)

    def _read(self, answer: venue_rest.Listing) -> tuple[dict[str, Listed], set[str]]:
        """Return what an answer says of its symbols, and which others it lists or we know."""
        if answer.reply is None:
            return {}, self._known()
        if self._config.tap is not None:
            self._config.tap.listing(answer.reply.body, answer.reply.received_ns)
        parse = self._rest.profile.spec.parse_listing
        try:
            found = parse(answer.reply.body, frozenset(answer.symbols))
        except BadFrame as exc:
            if len(answer.symbols) > 1:
                raise RestFailed(f"listing: {exc}") from exc
            return {answer.symbols[0]: BadListing(answer.symbols[0], str(exc))}, set()
        is_whole = all(symbol in found for symbol in answer.symbols)
        return found, set() if is_whole else self._known() | _names(parse, answer.reply)

    def _known(self) -> set[str]:
        return {one for one, entry in self._entries.items() if entry.info is not None}

    async def _is_listed(self, symbol: str, entry: Entry, info: SymbolInfo) -> bool:
        """Bring what is listed to the book; return whether the book is a new one of this symbol."""
        ts_ns, before = self._clock.wall_ns(), self._router.books.get(symbol)
        unfit = self._router.off_scale.pop(symbol, None)
        is_same = before is not None and before.market.scale == info.scale
        if unfit is not None and is_same and entry.strikes_out(self._clock.mono_s()):
            entry.put_off(ListingState.OFF_SCALE, f"{symbol}: {unfit}", self._config)
            entry.is_halted = False
            await self._on_gone(symbol, "off_scale")
            return False
        book = self._router.rescale(self._rest.profile.market(symbol, info.scale), ts_ns)
        if book is not before and before is not None:
            log.warning("%s: scale is now %s, the book begins again", symbol, info.scale)
            entry.is_halted = False
        is_on_trial = entry.state is ListingState.OFF_SCALE and book.state is not State.LIVE
        self._halt(book, entry, "" if info.is_trading else f"halted: {info.status}")
        entry.accept(info, self._config, is_on_trial=is_on_trial)
        return before is None

    def _halt(self, book: LiveBook, entry: Entry, reason: str) -> None:
        """Halt the book for a reason, or let it go on without one."""
        ts_ns, batch = self._clock.wall_ns(), self._router.batch
        if reason and not entry.is_halted:
            self._on_told([(book, event) for event in book.halt(reason, ts_ns, batch)])
        elif not reason and entry.is_halted:
            self._on_told([(book, event) for event in book.unhalt(ts_ns, batch)])
        entry.is_halted = bool(reason)

    def _is_unusable(self, symbol: str, entry: Entry, why: str) -> None:
        if symbol in self._router.books:
            entry.go_on(f"{why}; the book goes on", self._config)
        else:
            entry.put_off(ListingState.UNUSABLE, why, self._config)

    async def _is_unlisted(self, symbol: str, entry: Entry, others: set[str]) -> None:
        was, venue = entry.state, self._rest.profile.name
        why = f"{venue} does not list {symbol}{did_you_mean(symbol, others - {symbol})}"
        if entry.info is not None:
            why = f"{venue} does not list {symbol} any more; its last status was {entry.info.status}"
        entry.put_off(ListingState.UNLISTED, why, self._config)
        book = self._router.books.get(symbol)
        if book is not None and was is ListingState.UNLISTED:
            await self._on_gone(symbol, "unlisted")
            entry.is_halted = False
        elif book is not None:
            self._halt(book, entry, "halted: not listed any more")

    def _note(self, symbol: str, entry: Entry) -> None:
        """Write a row where something changed."""
        info = entry.info if entry.state in {ListingState.LISTED, ListingState.OFF_SCALE} else None
        ts_ns, venue = self._clock.wall_ns(), self._rest.profile.name
        row = listing_row(venue, symbol, ts_ns, entry.state, info, entry.reason)
        if entry.noted is None or not row.is_like(entry.noted):
            entry.noted = row
            self._router.batch.listings.append(row)
            if entry.reason:
                log.warning("%s %s: %s", symbol, entry.state, entry.reason)


def _names(parse: Callable[[bytes, None], dict[str, Listed]], reply: Reply) -> set[str]:
    with contextlib.suppress(BadFrame):
        return set(parse(reply.body, None))
    return set()
