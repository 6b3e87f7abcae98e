"""
One contact from beginning to end.

    REST: time, listing, weights ──> streams open ──> order books, weights again, forms of addresses
    ──> half way: an order book of each symbol, a ping ──> the end: the same, and what came of all
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from leadline.book.contact.depth import look_at_depths
from leadline.book.contact.findings import Finding, Tally, Verdict
from leadline.book.contact.market import MarketContact
from leadline.book.contact.weights import WeightCheck
from leadline.book.errors import LeadlineError
from leadline.book.messages import DepthSnapshot
from leadline.book.venues.common.documented import Part
from leadline.tasks.contact.forms import Forms
from leadline.tasks.contact.streams import PARTS, Streams
from leadline.tasks.net.clock import Clock, ClockOffset
from leadline.tasks.net.errors import RestFailed, VenueError
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.adapter import PastTrades, StreamKind
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.common.rest import TIME_WEIGHT, Reply, Rest

TIMES = 5  # questions about the time: the quickest says most
TWICE = 2
FAR_NS = 250_000_000  # of our clock: ages of messages are wrong by as much
FIRST_DIFF_S = 10.0
PATIENCE_S = 10.0  # for an answer, and for the first message at an address
LAST_S = 1.5  # before the end, for the diffs behind the last order books
LEAST_S = 3.0
LOOK_S = 0.05
SEED_TRIES = 5
PAST_MS = 2_000  # of trades that are compared with the stream's


class NoContact(LeadlineError):
    """The venue does not answer, or lists nothing of what was asked for; one line says why."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What a contact came to; ``seconds`` is how long streams were open."""

    symbols: tuple[str, ...]
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether no assumption was broken."""
        return all(finding.verdict is not Verdict.BROKEN for finding in self.findings)


async def make_contact(
    profile: VenueProfile,
    symbols: Sequence[str],
    *,
    seconds: float,
    clock: Clock,
    patience_s: float = PATIENCE_S,
    tick: Callable[[], None] = lambda: None,
) -> Contact:
    """
    Stream ``symbols`` for ``seconds`` and check every assumption; raises `NoContact`.

    ``patience_s``: what an answer, or the first message at an address, may take.
    """
    governor = WeightGovernor(profile.weight_per_minute, clock.mono_s)
    async with Rest(profile, governor, clock) as rest:
        return await _Course(profile, rest, clock, patience_s, tick).run(symbols, max(seconds, LEAST_S))


class _Course:
    """The course of one contact; see the head of this module."""

    def __init__(
        self, profile: VenueProfile, rest: Rest, clock: Clock, patience_s: float, tick: Callable[[], None]
    ) -> None:
        self._profile = profile
        self._rest = rest
        self._clock = clock
        self._patience_s = patience_s
        self._tick = tick
        self._sources = profile.spec.documented.sources
        parts = {PARTS[kind] for kind in profile.streams}
        self._market = MarketContact(profile.spec, parts, profile.time_unit_ns)
        self._weights = WeightCheck(self._sources["weights"])
        self._depth = Tally(
            "depth", "an order book has as many levels as asked for", self._sources["depth"], "sides"
        )
        self._found: list[Finding] = []

    async def run(self, symbols: Sequence[str], seconds: float) -> Contact:
        """Do all of it."""
        try:
            await self._ask_time()
            await self._ask_listing(symbols)
        except VenueError as exc:
            raise NoContact(str(exc)) from exc
        if not self._market.symbols:
            why = "; ".join(
                finding.detail for finding in self._market.findings() if finding.area == "filters"
            )
            raise NoContact(f"nothing to stream: {why}")
        streams = Streams(self._profile, self._market, self._clock, self._patience_s)
        began_s = self._clock.mono_s()
        async with _closing(streams):
            await streams.open()
            if all(line.session is None for line in streams.lines):
                raise NoContact("; ".join(why for line in streams.lines for why in line.failures))
            await self._stream(streams, began_s, seconds)
        lasted_s = self._clock.mono_s() - began_s
        for contact in self._market.symbols.values():
            contact.settle(is_last=True)
        self._found += streams.findings(lasted_s)
        weights = self._weights.findings(
            tells=self._profile.spec.documented.tells_weight,
            limit=self._profile.weight_per_minute,
            stated=self._market.stated_weight,
        )
        findings = (*self._market.findings(), self._depth.finding(), *weights, *self._found)
        return Contact(tuple(self._market.symbols), lasted_s, findings)

    # -- before the streams ----------------------------------------------------------------------

    async def _ask_time(self) -> None:
        offsets: list[ClockOffset] = []
        for _ in range(TIMES):
            reply = await self._rest.time()
            self._weights.note("the time", TIME_WEIGHT, reply.used_weight)
            self._market.answer(Part.TIME, reply.body)
            try:
                offsets.append(self._rest.offset(reply))
            except RestFailed as exc:
                self._found.append(self._told("clock", "the time can be read", Verdict.BROKEN, str(exc)))
                return
        best = min(offsets, key=lambda one: one.error_ns)
        ahead = "ahead" if best.offset_ns >= 0 else "behind"
        ms, error_ms = abs(best.offset_ns) / 1e6, best.error_ns / 1e6
        words = f"the venue's clock is {ms:.1f} ms {ahead}, ± {error_ms:.1f} ms"
        self._market.clock(best.offset_ns, best.error_ns)
        far = abs(best.offset_ns) - best.error_ns > FAR_NS
        if far:
            words += "; if it is ours that is wrong, set it by NTP"
        self._found.append(
            self._told("clock", "both clocks agree", Verdict.NOTED if far else Verdict.HOLDS, words)
        )

    async def _ask_listing(self, symbols: Sequence[str]) -> None:
        for n in range(TWICE):
            async for part in self._rest.listing(symbols):
                if part.reply is None:
                    self._weights.break_off()  # it says nothing of its weight
                    if not n:
                        self._market.unlisted(part.symbols[0], part.refusal)
                    continue
                self._weights.note("a listing", self._profile.listing_weight, part.reply.used_weight)
                if not n:
                    asked = [symbol for symbol in part.symbols if symbol in symbols]
                    self._market.listing(part.reply.body, asked)

    # -- while they stream -----------------------------------------------------------------------

    async def _stream(self, streams: Streams, began_s: float, seconds: float) -> None:
        first = next(iter(self._market.symbols))
        await self._until(
            lambda: self._all_moved(streams), streams, began_s + min(FIRST_DIFF_S, seconds / 2)
        )
        forms = asyncio.create_task(self._try_forms(streams, first))
        try:
            await self._measure(first)
            for symbol in self._market.symbols:
                await self._seed(symbol)
            await self._until(lambda: False, streams, began_s + seconds / 2)
            await streams.ping()
            await self._take_books()
            await self._until(lambda: False, streams, began_s + seconds - LAST_S)
            await self._take_books()
            await self._until(lambda: False, streams, began_s + seconds)
            await self._until(self._all_reached, streams, self._clock.mono_s() + self._patience_s)
            await forms
        finally:
            forms.cancel()
            await asyncio.gather(forms, return_exceptions=True)

    def _all_moved(self, streams: Streams) -> bool:
        return all(streams.heard(symbol, StreamKind.DEPTH) for symbol in self._market.symbols)

    def _all_reached(self) -> bool:
        return not any(contact.awaits_diffs for contact in self._market.symbols.values())

    async def _try_forms(self, streams: Streams, symbol: str) -> None:
        async for finding in Forms(streams, symbol, self._clock, self._patience_s).findings():
            self._found.append(finding)

    async def _measure(self, symbol: str) -> None:
        """Ask for books of every depth, twice: what they weigh, and how deep they are."""
        have: dict[int, DepthSnapshot] = {}
        for step in (*reversed(self._profile.depth_weights), *reversed(self._profile.depth_weights)):
            snapshot = await self._book(symbol, step.levels, measured=True)
            if snapshot is not None:
                have[step.levels] = snapshot
        look_at_depths(self._depth, have)
        for _ in range(TWICE):
            await self._ask_past(symbol, measured=True)

    async def _seed(self, symbol: str) -> None:
        """Begin a symbol's book where the stream does not bring it."""
        if self._profile.seeds_in_stream:
            return
        for _ in range(SEED_TRIES):
            snapshot = await self._book(symbol, self._profile.depth_weights[0].levels)
            if snapshot is None or self._market.symbols[symbol].seed(snapshot):
                return
            await asyncio.sleep(LOOK_S)

    async def _take_books(self) -> None:
        """Take an order book of each symbol, to be compared with what the diffs made of the first."""
        for symbol, contact in self._market.symbols.items():
            snapshot = await self._book(symbol, min(1000, self._profile.depth_weights[0].levels))
            if snapshot is not None:
                contact.seed(snapshot)
            await self._ask_past(symbol)

    async def _book(self, symbol: str, limit: int, *, measured: bool = False) -> DepthSnapshot | None:
        try:
            reply: Reply = await self._rest.depth(symbol, limit)
        except VenueError as exc:
            self._weights.break_off()
            self._found.append(
                self._told("depth", f"{symbol}: an order book of {limit}", Verdict.BROKEN, str(exc))
            )
            return None
        if measured:
            weight = self._profile.depth_weight(limit)
            self._weights.note(f"an order book of {limit}", weight, reply.used_weight)
        return self._market.order_book(symbol, reply.body, reply.received_ns)

    async def _ask_past(self, symbol: str, *, measured: bool = False) -> None:
        """Ask REST for the trades of the last seconds, where it offers them."""
        made_ns = self._market.symbols[symbol].last_trade_ns
        if self._profile.spec.parse_trades is None or made_ns is None:
            return
        to_ms = made_ns // 1_000_000
        try:
            reply = await self._rest.past_trades(symbol, PastTrades(None, to_ms - PAST_MS, to_ms))
        except VenueError as exc:
            self._weights.break_off()
            self._found.append(self._told("trades", f"{symbol}: past trades", Verdict.BROKEN, str(exc)))
            return
        if measured:
            self._weights.note("past trades", self._profile.trade_weight, reply.used_weight)
        self._market.past_trades(symbol, reply.body, reply.received_ns)

    async def _until(self, is_so: Callable[[], bool], streams: Streams, deadline_s: float) -> None:
        while not is_so() and self._clock.mono_s() < deadline_s:
            await asyncio.sleep(LOOK_S)
            await streams.beat()
            for contact in self._market.symbols.values():
                contact.settle()
            self._tick()

    def _told(self, area: str, assumption: str, verdict: Verdict, detail: str) -> Finding:
        return Finding(area, assumption, verdict, detail, self._sources[area])


@asynccontextmanager
async def _closing(streams: Streams) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await streams.close()
