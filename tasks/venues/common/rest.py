"""
A venue's REST side: order books, listings, the clock, all through one weight governor.

One call, bytes out. What goes wrong is raised as a `VenueError` that says whether trying again helps.
A base address that fails is left for the next one, within the same call if it refuses us or cannot be
reached. One that limits us is not, because it is the IP address that is limited, not the host. A ban is
remembered in a file (`tasks.net.bans`), for all who share it. Paths and errors are the adapter's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import httpx

from leadline.book.errors import BadFrame
from leadline.tasks.net.bans import Bans
from leadline.tasks.net.clock import Clock, ClockOffset, clock_offset
from leadline.tasks.net.errors import (
    AccessRefused,
    RateLimited,
    RestFailed,
    UnknownSymbol,
    Unreachable,
    VenueError,
)
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.net.proxies import http_client, proxy_for
from leadline.tasks.venues.common.adapter import PastTrades, Refusal, Request, Trouble
from leadline.tasks.venues.common.profile import VenueProfile

TIME_WEIGHT = 1
# Longer than one minute of the venue's budget: whoever waits longer than this waits outside.
LONGEST_TURN_S = 65.0
EXCERPT = 200
CONNECT_SHARE = 0.8  # of the time for an answer; who is not there by then is not there
ROAD = "rest"
BAN_SLACK_S = 1.0  # two clocks and a file

log = logging.getLogger("leadline.feed")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's bytes and our wall clock around it, ns; spot seeds carry no time of their own."""

    body: bytes
    sent_ns: int
    received_ns: int
    weight: int = 0  # what it cost
    used_weight: int | None = None  # of this minute, as the venue counts it; None where it does not say


@dataclass(frozen=True, slots=True)
class Listing:
    """What came of asking about ``symbols``: a reply, or the venue's refusal of the only one."""

    symbols: tuple[str, ...]
    reply: Reply | None
    refusal: str = ""


class AddressNotes(Protocol):
    """Hears which addresses serve us; ``road`` is "rest" or "stream"."""

    def refused(self, road: str, address: str, reason: str) -> None:
        """Take note that an address did not let us in."""
        ...

    def reached(self, road: str, address: str) -> None:
        """Take note that an address serves us."""
        ...

    def banned(self, road: str, address: str, reason: str, seconds: float) -> None:
        """Take note that nothing may be asked there for a while."""
        ...


class Rest:
    """Client of one venue; use as an async context manager, in the event loop that will call it."""

    def __init__(
        self,
        profile: VenueProfile,
        governor: WeightGovernor,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        longest_turn_s: float = LONGEST_TURN_S,
        bans: Bans | None = None,
        notes: AddressNotes | None = None,
    ) -> None:
        """``bans`` are remembered beyond this client, ``notes`` hear which addresses serve us."""
        self.profile = profile
        self.governor = governor
        self.requests = 0
        self._clock = clock
        self._timeout_s = timeout_s
        self._longest_turn_s = longest_turn_s
        self._bans = bans or Bans(None, clock)
        self._notes = notes
        self._base = 0
        headers = {"User-Agent": "leadline", **profile.adapter.headers}
        timeout = httpx.Timeout(timeout_s, connect=timeout_s * CONNECT_SHARE)
        self._client = http_client(profile.rest_bases, timeout=timeout, headers=headers)

    async def __aenter__(self) -> Rest:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def depth(self, symbol: str, limit: int) -> Reply:
        """Fetch an order book of ``limit`` levels a side; the body goes to the book unread."""
        weight = self.profile.depth_weight(limit)
        return await self._get(self.profile.adapter.depth_request(symbol, limit), weight)

    async def newest_trade(self, symbol: str) -> int | None:
        """Fetch the id of the newest trade; None without one, and where the venue cannot be asked."""
        request = self.profile.adapter.trade_request(symbol)
        if request is None:
            return None
        reply = await self._get(request, self.profile.trade_weight)
        try:
            return self.profile.adapter.newest_trade(reply.body)
        except BadFrame as exc:
            raise RestFailed(f"{request.path} of {symbol}: {exc}") from exc

    async def past_trades(self, symbol: str, wanted: PastTrades) -> Reply:
        """Fetch trades of some time ago; raises `RestFailed` where the venue offers none."""
        request = self.profile.adapter.past_trades_request(symbol, wanted)
        if request is None:
            raise RestFailed(f"{self.profile.name} offers no past trades")
        return await self._get(request, self.profile.trade_weight)

    async def listing(self, symbols: Sequence[str]) -> AsyncIterator[Listing]:
        """
        Fetch sizes and status of ``symbols``, in as few requests as the venue allows; yield what comes.

        A venue refuses a whole request for one symbol that it does not list. Such a request is cut in
        halves until the symbol stands alone, behind the others and while half of our weight is left;
        symbols that were then not asked about are in no answer.
        """
        adapter, weight = self.profile.adapter, self.profile.listing_weight
        waiting = deque(adapter.listing_requests(symbols))
        while waiting:
            request = waiting.popleft()
            about = request.symbols or tuple(symbols)
            try:
                yield Listing(about, await self._get(request, weight))
            except UnknownSymbol as exc:
                if len(request.symbols) == 1:
                    yield Listing(about, None, str(exc))
                elif not request.symbols:
                    raise
                elif self.has_weight_to_spare(weight):
                    middle = len(about) // 2
                    for half in (about[:middle], about[middle:]):
                        waiting.extend(adapter.listing_requests(half))

    def has_weight_to_spare(self, weight: int) -> bool:
        """Whether half of our weight a minute is left after a request that can wait."""
        governor = self.governor
        return governor.remaining - weight >= governor.per_minute * governor.share / 2

    async def time(self) -> Reply:
        """Ask the venue's clock; the body goes to `offset`."""
        return await self._get(self.profile.adapter.time_request(), TIME_WEIGHT)

    async def server_time(self) -> ClockOffset:
        """Ask the venue's clock; the offset is venue minus ours, with its error."""
        return self.offset(await self.time())

    def offset(self, reply: Reply) -> ClockOffset:
        """Read an answer of `time`; raises `RestFailed`."""
        try:
            server_ns = self.profile.adapter.server_ns(reply.body)
        except BadFrame as exc:
            raise RestFailed(f"time: {exc}; got {excerpt(reply.body)}") from exc
        unit_ns = self.profile.time_unit_ns
        return clock_offset(reply.sent_ns, reply.received_ns, server_ns, unit_ns=unit_ns)

    async def _get(self, request: Request, weight: int) -> Reply:
        """Send one request when its turn has come; try the other bases where this one refuses us."""
        refusals: list[AccessRefused | Unreachable] = []
        for _ in self.profile.rest_bases:
            base = self.profile.rest_bases[self._base]
            try:
                reply = await self._get_at(base, request, weight)
            except (AccessRefused, Unreachable) as exc:
                refusals.append(exc)
                self._next_base()
            else:
                if self._notes is not None:
                    self._notes.reached(ROAD, base)
                return reply
        raise _none_serves(self.profile.name, refusals)

    async def _get_at(self, base: str, request: Request, weight: int) -> Reply:
        await self._take_turn(weight)
        self.governor.spend(weight)
        self.requests += 1
        adapter, proxy = self.profile.adapter, proxy_for(base)
        where = base if proxy is None else f"{base} by way of {proxy}"
        url = f"{base}{self.profile.rest_prefix}/{request.path}"
        sent_ns = self._clock.wall_ns()
        used: int | None = None
        refusal: Refusal | None = Refusal(Trouble.BROKEN)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.get(url, params=dict(request.params))
            used = adapter.used_weight(response.headers)
            refusal = adapter.refusal(response.status_code, response.headers, response.content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as exc:
            said = f"{type(exc).__name__} {exc}".rstrip()
            self._note_refused(base, said)
            raise Unreachable(f"{request.path} at {where}: {said}") from exc
        except (httpx.HTTPError, TimeoutError, OSError) as exc:
            self._next_base()
            raise RestFailed(f"{request.path} at {where}: {type(exc).__name__} {exc}".rstrip()) from exc
        finally:
            self.governor.settle(weight, used=used, succeeded=refusal is None)
        received_ns = self._clock.wall_ns()
        if refusal is not None:
            said = f"{response.status_code} {excerpt(response.content)}"
            if refusal.trouble in (Trouble.PLACE, Trouble.FIREWALL):
                self._note_refused(base, said)
            self._refuse(refusal, base, f"{request.path} {dict(request.params)} at {where}: {said}")
        return Reply(response.content, sent_ns, received_ns, weight, used)

    async def _take_turn(self, weight: int) -> None:
        deadline_s = self._clock.mono_s() + self._longest_turn_s
        self._heed_bans()
        while (wait_s := self.governor.delay_s(weight)) > 0:
            if self._clock.mono_s() + wait_s > deadline_s:
                raise RateLimited(
                    f"{self.profile.name}: no request weight for {wait_s:.0f} s", retry_after_s=wait_s
                )
            await asyncio.sleep(wait_s)

    @property
    def _who(self) -> str:
        return f"{self.profile.name} {ROAD} {self.profile.rest_bases[0]}"

    def _heed_bans(self) -> None:
        """Let the governor know of a ban that an earlier process met, or another one just now."""
        left_s, is_ban = self._bans.left(self._who)
        if left_s > self.governor.blocked_s + BAN_SLACK_S:
            log.warning("%s: nothing is asked for %.0f s, as was told before", self.profile.name, left_s)
            self.governor.punish(left_s, is_ban=is_ban)

    def _note_refused(self, base: str, reason: str) -> None:
        if self._notes is not None:
            self._notes.refused(ROAD, base, reason)

    def _refuse(self, refusal: Refusal, base: str, said: str) -> None:
        """Raise what a refusal means."""
        trouble = refusal.trouble
        if trouble in (Trouble.LIMITED, Trouble.BANNED):
            is_ban = trouble is Trouble.BANNED
            wait_s = self.governor.punish(refusal.retry_after_s, is_ban=is_ban)
            self._bans.note(self._who, wait_s, is_ban=is_ban)
            if self._notes is not None:
                self._notes.banned(ROAD, base, said, wait_s)
            raise RateLimited(f"{said}; waiting {wait_s:.0f} s", retry_after_s=wait_s)
        if trouble is Trouble.BROKEN:
            self._next_base()
            raise RestFailed(said)
        said += f"; {refusal.hint}" if refusal.hint else ""
        raise UnknownSymbol(said) if trouble is Trouble.UNKNOWN_SYMBOL else AccessRefused(said)

    def _next_base(self) -> None:
        self._base = (self._base + 1) % len(self.profile.rest_bases)


def excerpt(body: bytes) -> str:
    """Return the first 200 bytes as text, for messages."""
    return body[:EXCERPT].decode("utf-8", "replace")


def _none_serves(venue: str, refusals: Sequence[AccessRefused | Unreachable]) -> VenueError:
    """Return the only refusal, or one that names each address with its reason."""
    if len(refusals) == 1:
        return refusals[0]
    said = f"no address of {venue} serves us: {'; '.join(map(str, refusals))}"
    is_final = all(isinstance(one, AccessRefused) for one in refusals)
    return AccessRefused(said) if is_final else Unreachable(said)
