"""
The venue's REST side: seeds, exchangeInfo, server time, all through one weight governor.

One call, bytes out. What goes wrong is raised as a `VenueError` that says whether trying again helps.
A base address that fails is left for the next one; a 429 or 418 is not, because it is the IP address
that is limited, not the host.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx
import msgspec

from leadline.tasks.net.clock import Clock, ClockOffset, clock_offset
from leadline.tasks.net.errors import AccessRefused, RateLimited, RestFailed, UnknownSymbol
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.profile import VenueProfile

USED_WEIGHT = "x-mbx-used-weight-1m"
INVALID_SYMBOL = -1121
TOO_MANY, TEAPOT, FORBIDDEN, LEGAL_REASONS, SERVER_ERROR = 429, 418, 403, 451, 500
TIME_WEIGHT = 1
# Longer than one minute of the venue's budget: whoever waits longer than this waits outside.
LONGEST_TURN_S = 65.0
SYMBOLS_A_REQUEST = 50  # keeps the query string of exchangeInfo under 1 kB
EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's bytes and our wall clock around it, ns; spot seeds carry no time of their own."""

    body: bytes
    sent_ns: int
    received_ns: int


class _VenueMessage(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _ServerTime(msgspec.Struct):
    serverTime: int  # noqa: N815  the venue's spelling


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
    ) -> None:
        self.profile = profile
        self.governor = governor
        self.requests = 0
        self._clock = clock
        self._timeout_s = timeout_s
        self._longest_turn_s = longest_turn_s
        self._base = 0
        self._client = httpx.AsyncClient(timeout=timeout_s, headers={"User-Agent": "leadline"})

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
        """Fetch a seed of ``limit`` levels a side; the body goes to the book unread."""
        weight = self.profile.depth_weight(limit)
        return await self._get("depth", {"symbol": symbol, "limit": str(limit)}, weight)

    async def exchange_info(self, symbols: Sequence[str]) -> list[Reply]:
        """Fetch the rules and status of ``symbols``, in as few requests as the venue allows."""
        weight = self.profile.exchange_info_weight
        if not self.profile.exchange_info_by_symbol:
            return [await self._get("exchangeInfo", {}, weight)]
        replies = []
        for start in range(0, len(symbols), SYMBOLS_A_REQUEST):
            some = list(symbols[start : start + SYMBOLS_A_REQUEST])
            wanted = json.dumps(some, separators=(",", ":"), ensure_ascii=False)
            replies.append(await self._get("exchangeInfo", {"symbols": wanted}, weight))
        return replies

    async def server_time(self) -> ClockOffset:
        """Ask the venue's clock; the offset is venue minus ours, with its error."""
        reply = await self._get("time", {}, TIME_WEIGHT)
        try:
            server_ms = msgspec.json.decode(reply.body, type=_ServerTime).serverTime
        except msgspec.MsgspecError as exc:
            raise RestFailed(f"time: expected serverTime, got {excerpt(reply.body)}") from exc
        return clock_offset(reply.sent_ns, reply.received_ns, server_ms)

    async def _get(self, path: str, params: Mapping[str, str], weight: int) -> Reply:
        """Send one request when its turn has come; try the other bases where this one refuses us."""
        for _ in self.profile.rest_bases[1:]:
            try:
                return await self._get_here(path, params, weight)
            except AccessRefused:
                self._next_base()
        return await self._get_here(path, params, weight)

    async def _get_here(self, path: str, params: Mapping[str, str], weight: int) -> Reply:
        await self._take_turn(weight)
        self.governor.spend(weight)
        self.requests += 1
        base = self.profile.rest_bases[self._base]
        sent_ns = self._clock.wall_ns()
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.get(
                    base + self.profile.rest_prefix + "/" + path, params=params
                )
        except (httpx.HTTPError, TimeoutError, OSError) as exc:
            self._next_base()
            raise RestFailed(f"{path} at {base}: {type(exc).__name__} {exc}".rstrip()) from exc
        finally:
            self.governor.settle(
                weight, used=_used_weight(response), succeeded=response is not None and response.is_success
            )
        received_ns = self._clock.wall_ns()
        if not response.is_success:
            self._refuse(response, f"{path} {dict(params)} at {base}")
        return Reply(response.content, sent_ns, received_ns)

    async def _take_turn(self, weight: int) -> None:
        deadline_s = self._clock.mono_s() + self._longest_turn_s
        while (wait_s := self.governor.delay_s(weight)) > 0:
            if self._clock.mono_s() + wait_s > deadline_s:
                raise RateLimited(
                    f"{self.profile.name}: no request weight for {wait_s:.0f} s", retry_after_s=wait_s
                )
            await asyncio.sleep(wait_s)

    def _refuse(self, response: httpx.Response, what: str) -> None:
        """Raise what this answer means; a success never comes here."""
        status = response.status_code
        said = f"{what}: {status} {excerpt(response.content)}"
        if status in (TOO_MANY, TEAPOT):
            wait_s = self.governor.punish(status, _retry_after_s(response))
            raise RateLimited(f"{said}; waiting {wait_s:.0f} s", retry_after_s=wait_s)
        if status >= SERVER_ERROR:
            self._next_base()
            raise RestFailed(said)
        if status == LEGAL_REASONS:
            raise AccessRefused(
                f"{said}; the venue does not serve this location. Try the market-data-only hosts "
                "(data-api.binance.vision) or run from a place it serves"
            )
        if status == FORBIDDEN:
            raise AccessRefused(f"{said}; its firewall refused the request. Check proxy and IP address")
        if _venue_code(response.content) == INVALID_SYMBOL:
            raise UnknownSymbol(f"{said}; check the spelling of the symbol")
        raise AccessRefused(said)

    def _next_base(self) -> None:
        self._base = (self._base + 1) % len(self.profile.rest_bases)


def excerpt(body: bytes) -> str:
    """Return the first 200 bytes as text, for messages."""
    return body[:EXCERPT].decode("utf-8", "replace")


def _used_weight(response: httpx.Response | None) -> int | None:
    text = response.headers.get(USED_WEIGHT, "") if response is not None else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _venue_code(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_VenueMessage).code
    except msgspec.MsgspecError:
        return 0
