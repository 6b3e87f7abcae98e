"""Addresses and ways to ask: every base, raw streams, SUBSCRIBE, microseconds, the division into paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from leadline.book.contact.findings import Finding, Verdict
from leadline.tasks.contact.streams import Streams, first_frame
from leadline.tasks.net.clock import Clock
from leadline.tasks.net.errors import VenueError
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.adapter import StreamKind, WsBase
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.common.rest import Rest

MICROSECOND_NS = 1_000
NEAR_NS = 3_600_000_000_000  # a time in the wrong unit is years off
SILENT_S = 2.0  # how long a path is listened to that ought to say nothing


class Forms:
    """Tries each form with the depth stream of ``symbol``, waiting ``within_s`` for its first message."""

    def __init__(self, streams: Streams, symbol: str, clock: Clock, within_s: float) -> None:
        self._streams = streams
        self._profile = streams.profile
        self._symbol = symbol
        self._clock = clock
        self._within_s = within_s
        self._base = self._profile.ws_bases[0]
        self._stream = self._profile.stream(symbol, StreamKind.DEPTH)

    async def findings(self) -> AsyncIterator[Finding]:
        """Try them one after the other."""
        profile, adapter = self._profile, self._profile.adapter
        raw = adapter.raw_address(self._base, StreamKind.DEPTH, self._stream)
        if raw is not None:
            yield await self._try("a raw stream has an address of its own", raw, wrapped=False)
        bare = adapter.address(self._base, StreamKind.DEPTH, ()).url
        yield await self._try("streams can be subscribed to", bare, subscribe=True)
        if MICROSECOND_NS in profile.time_units_ns:
            asked = adapter.in_unit(MICROSECOND_NS).address(self._base, StreamKind.DEPTH, [self._stream])
            yield await self._try(
                "times come in microseconds if asked for", asked.url, unit_ns=MICROSECOND_NS
            )
        if self._base.book_path != self._base.trade_path:
            yield await self._wrong_path()
        for base in profile.ws_bases[1:]:
            yield await self._other_base(base)
        for rest_base in profile.rest_bases[1:]:
            yield await self._other_rest(rest_base)

    async def _try(
        self,
        assumption: str,
        url: str,
        *,
        wrapped: bool = True,
        subscribe: bool = False,
        unit_ns: int | None = None,
    ) -> Finding:
        try:
            frame = await self._first(url, subscribe=subscribe)
        except VenueError as exc:
            return self._told(assumption, Verdict.BROKEN, str(exc))
        if frame is None:
            return self._told(assumption, Verdict.BROKEN, f"accepted, then silent for {self._within_s:g} s")
        adapter = self._profile.adapter
        if not wrapped and adapter.is_data(frame):
            return self._told(
                assumption, Verdict.BROKEN, "the message came in the wrapper of combined streams"
            )
        if wrapped and not adapter.is_data(frame):
            return self._told(assumption, Verdict.BROKEN, "the message came without its wrapper")
        event = adapter.event_time(frame)
        unit_ns = unit_ns or self._profile.time_unit_ns
        if event is not None and abs(event * unit_ns - self._clock.wall_ns()) > NEAR_NS:
            return self._told(
                assumption, Verdict.BROKEN, f"event time {event} is not now in units of {unit_ns} ns"
            )
        return self._told(assumption, Verdict.HOLDS, "a message came")

    async def _wrong_path(self) -> Finding:
        """Ask for diffs where trades are: nothing may come, or the division is not what we take it for."""
        swapped = replace(self._base, book_path=self._base.trade_path)
        assumption = f"{swapped.book_path} carries no diffs"
        address = self._profile.adapter.address(swapped, StreamKind.DEPTH, [self._stream])
        try:
            frame = await first_frame(self._streams, address.url, within_s=SILENT_S)
        except VenueError as exc:
            return self._told(assumption, Verdict.HOLDS, f"refused: {exc}")
        if frame is None:
            return self._told(assumption, Verdict.HOLDS, f"accepted, and silent for {SILENT_S:g} s")
        return self._told(assumption, Verdict.NOTED, "diffs came: the venue divides its streams no more")

    async def _other_base(self, base: WsBase) -> Finding:
        """See whether another address serves; one of several that does not is no broken assumption."""
        where = base.url.partition("://")[2] + base.book_path
        assumption = f"{where} serves streams too"
        address = self._profile.adapter.address(base, StreamKind.DEPTH, [self._stream])
        try:
            frame = await self._first(address.url, subscribe=not address.subscribes)
        except VenueError as exc:
            return self._told(assumption, Verdict.NOTED, str(exc), area="addresses")
        if frame is None:
            words = f"accepted, then silent for {self._within_s:g} s"
            return self._told(assumption, Verdict.NOTED, words, area="addresses")
        return self._told(assumption, Verdict.HOLDS, "a message came", area="addresses")

    async def _other_rest(self, base: str) -> Finding:
        assumption = f"{base.partition('://')[2]} answers too"
        alone: VenueProfile = replace(self._profile, rest_bases=(base,))
        governor = WeightGovernor(alone.weight_per_minute, self._clock.mono_s)
        try:
            async with Rest(alone, governor, self._clock, timeout_s=self._within_s) as rest:
                await rest.server_time()
        except VenueError as exc:
            return self._told(assumption, Verdict.NOTED, str(exc), area="addresses")
        return self._told(assumption, Verdict.HOLDS, "it gave the time", area="addresses")

    async def _first(self, url: str, *, subscribe: bool) -> bytes | None:
        asked = [self._stream] if subscribe else []
        return await first_frame(self._streams, url, asked, within_s=self._within_s)

    def _told(self, assumption: str, verdict: Verdict, detail: str, *, area: str = "streams") -> Finding:
        return Finding(area, assumption, verdict, detail, self._profile.spec.documented.sources[area])
