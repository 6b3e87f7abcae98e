"""
Bybit's REST side: order book, instruments and time, below ``/v5/market``.

An error comes with status 200 and a ``retCode``. One limit holds for all paths: so many requests in any
five seconds, and whoever passes it meets 403 for ten minutes.

Sources: bybit-exchange/docs, v5/market, v5/error, v5/rate-limit; answers for symbols that are not listed,
as others met them in 2026-09.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.base.streams import compact
from leadline.tasks.loopback.venues.common.protocol import RestParts
from leadline.tasks.loopback.venues.common.rest import Refused, RestPaths, age_s

PREFIX = "/v5/market"
LIMIT, WINDOW_S = 600, 5.0  # requests of an address, in any such time
BAN_S = 600.0
DEEPEST = 1000
USUAL_LEVELS = {"spot": 1, "linear": 25}  # where none are asked for
TOO_MANY_VISITS, BAD_PARAMS, SERVER_FAULT = 10006, 10001, 10016
TRADING = "Trading"


class Refusal(Refused):
    """A request answered with an error: a ``retCode``, or a status without one."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Visits:
    """Counts requests within any five seconds; beyond the limit the address is banned."""

    def __init__(self, limit: int, speed: float, now_s: Callable[[], float]) -> None:
        self._limit = limit
        self._window_s, self._ban_s = WINDOW_S / (speed or 1.0), BAN_S / (speed or 1.0)
        self._now_s = now_s
        self._visits: deque[float] = deque()
        self._banned_until = 0.0

    @property
    def used(self) -> int:
        """Requests within the last five seconds."""
        while self._visits and self._visits[0] < self._now_s() - self._window_s:
            self._visits.popleft()
        return len(self._visits)

    def count(self) -> None:
        """Take one request; raises `Refusal` 403 beyond the limit and while banned."""
        self._visits.append(self._now_s())
        if self.used > self._limit:
            self._banned_until = self._now_s() + self._ban_s
        if self._now_s() < self._banned_until:
            raise banned()

    def ban(self, seconds: float) -> None:
        """Answer 403 for so long."""
        self._banned_until = self._now_s() + seconds


def banned() -> Refusal:
    """Return the answer to those who ask too often."""
    return Refusal(0, "403, access too frequent", status=403)


class BybitRest(RestPaths):
    """The HTTP paths of one market."""

    begun: ClassVar = b'{"retCode":0,'

    def __init__(self, category: str, parts: RestParts) -> None:
        super().__init__(parts.faults, parts.cut)
        self.category = category
        self.visits = Visits(
            parts.options.weight_limit or LIMIT, parts.options.speed, parts.options.clock.mono_s
        )
        self._source = parts.source
        self._pump = parts.pump

    @property
    def routes(self) -> list[Route]:
        """The paths."""
        return [
            Route(f"{PREFIX}/orderbook", self.guard(self._orderbook, is_depth=True)),
            Route(f"{PREFIX}/instruments-info", self.guard(self._instruments)),
            Route(f"{PREFIX}/time", self.guard(self._time)),
        ]

    @property
    def used_weight(self) -> int:
        """Requests within the last five seconds."""
        return self.visits.used

    def write_refusal(self, refusal: Refused) -> Response:
        """Answer with a ``retCode``, or with a status and a text."""
        assert isinstance(refusal, Refusal)
        if refusal.status != 200:  # noqa: PLR2004 - a success, as HTTP sees it
            return Response(str(refusal), refusal.status, media_type="text/plain")
        return Response(self._reply({}, refusal.code, str(refusal)), media_type="application/json")

    def refuse(self, fault: Fault) -> Refused:
        """Return the error that a fault orders."""
        if fault.kind is FaultKind.REST_429:
            return Refusal(TOO_MANY_VISITS, "Too many visits!")
        if fault.kind is FaultKind.REST_418:
            self.visits.ban(fault.seconds or BAN_S)
            return banned()
        if fault.code:
            return Refusal(0, "upstream error", status=fault.code)
        return Refusal(SERVER_FAULT, "Server error.")

    def headers(self) -> dict[str, str]:
        """Show nothing: there are no figures for an address."""
        return {}

    # -- the venue's paths -----------------------------------------------------------------------

    async def _orderbook(self, request: Request) -> bytes:
        self._enter(request)
        symbol = request.query_params.get("symbol", "")
        if symbol not in self._listed():
            raise Refusal(BAD_PARAMS, "Not supported symbols")
        limit = self._limit(request.query_params.get("limit"))
        self._pump()  # what went before the answer goes out before it
        return self._reply(self._source.snapshot(symbol, limit, age_s(request)))

    async def _instruments(self, request: Request) -> bytes:
        self._enter(request)
        asked, listed = request.query_params.get("symbol"), self._listed()
        if asked is not None and asked not in listed and self.category != "spot":
            raise Refusal(BAD_PARAMS, "params error: symbol invalid")
        names = [name for name in listed if asked in (None, name)]
        shown = [self._faults.listings.say(name, self._instrument(name)) for name in names]
        entries = [entry for entry in shown if entry is not None and entry.get("status") == TRADING]
        return self._reply({"category": self.category, "list": entries, "nextPageCursor": ""})

    async def _time(self, _request: Request) -> bytes:
        self.visits.count()
        now_ns = self._source.now_ns()
        return self._reply({"timeSecond": str(now_ns // 1_000_000_000), "timeNano": str(now_ns)})

    def _enter(self, request: Request) -> None:
        """Count a request of this market; raises `Refusal`."""
        self.visits.count()
        if request.query_params.get("category") != self.category:
            raise Refusal(BAD_PARAMS, "params error: category invalid")

    def _listed(self) -> list[str]:
        return [name for name in self._source.symbols if not self._faults.listings.hides(name)]

    def _limit(self, text: str | None) -> int:
        """Read ``limit``; more than the deepest is the deepest."""
        if text is None:
            return USUAL_LEVELS[self.category]
        if not (text.isascii() and text.isdigit()) or int(text) < 1:
            raise Refusal(BAD_PARAMS, "params error: limit invalid")
        return min(int(text), DEEPEST)

    def _instrument(self, name: str) -> dict[str, Any]:
        tick, step = self._source.sizes(name)
        status = self._source.status[name]
        sizes = {"basePrecision": step} if self.category == "spot" else {"qtyStep": step}
        return {
            "symbol": name,
            "status": TRADING if status == "TRADING" else status,
            "baseCoin": name.removesuffix("USDT"),
            "quoteCoin": "USDT",
            "priceFilter": {"tickSize": tick},
            "lotSizeFilter": sizes,
        }

    def _reply(self, result: object, code: int = 0, message: str = "OK") -> bytes:
        text = result if isinstance(result, str) else compact(result).decode()
        head, at = f'{{"retCode":{code},"retMsg":"{message}","result":', self._source.now_ns() // 1_000_000
        return f'{head}{text},"retExtInfo":{{}},"time":{at}}}'.encode()
