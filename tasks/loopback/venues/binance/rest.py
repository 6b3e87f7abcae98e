"""
The venue's REST side: depth, exchangeInfo, time and ping, weights and bans.

Weights, codes and headers are those of rest-api.md and of the derivatives documents. A minute of the
budget is a minute of market time, so it shrinks with ``speed``; ``Retry-After`` is in real seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.base.streams import compact
from leadline.tasks.loopback.venues.common.protocol import RestParts
from leadline.tasks.loopback.venues.common.rest import Refused, RestPaths, age_s
from leadline.tasks.venues.common.adapter import PastTrades

PREFIX = {Kind.SPOT: "/api/v3", Kind.USDM: "/fapi/v1", Kind.COINM: "/dapi/v1"}
# (levels up to, weight)
WEIGHTS = {
    Kind.SPOT: ((100, 5), (500, 25), (1000, 50), (5000, 250)),
    Kind.USDM: ((50, 2), (100, 5), (500, 10), (1000, 20)),
    Kind.COINM: ((50, 2), (100, 5), (500, 10), (1000, 20)),
}
FUTURES_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
TIME_UNIT = "x-mbx-time-unit"
STATUSES = ("TRADING", "HALT", "BREAK")  # what symbolStatus may ask for
MINUTE_S = 60.0
PATIENCE = 5  # requests made while told to wait before the address is banned
BAN_S = 120.0  # the shortest ban the documents name


class Refusal(Refused):
    """A request answered with an error body of the venue."""

    def __init__(self, status: int, code: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class Budget:
    """Request weight per minute; what happens to those who do not heed it."""

    def __init__(self, limit: int, speed: float, now_s: Callable[[], float]) -> None:
        self.limit = limit
        self._now_s = now_s
        self._minute_s = MINUTE_S / (speed or 1.0)
        self._ban_s = BAN_S / (speed or 1.0)
        self._minute = -1
        self.used = 0
        self._ignored = 0
        self._banned_until = 0.0

    def charge(self, weight: int) -> None:
        """Take ``weight`` off; raises `Refusal` 429 when all is spent, 418 when that is ignored."""
        now = self._now_s()
        if now < self._banned_until:
            raise self._refusal(HTTPStatus.IM_A_TEAPOT, self._banned_until - now)
        minute, passed = divmod(now, self._minute_s)
        if minute != self._minute:
            self._minute, self.used, self._ignored = int(minute), 0, 0
        self.used += weight
        if self.used <= self.limit:
            return
        self._ignored += 1
        if self._ignored > PATIENCE:
            raise self.ban(self._ban_s)
        raise self._refusal(HTTPStatus.TOO_MANY_REQUESTS, self._minute_s - passed)

    def ban(self, seconds: float) -> Refusal:
        """Answer 418 for this long; return the first such answer."""
        self._banned_until = self._now_s() + seconds
        return self._refusal(HTTPStatus.IM_A_TEAPOT, seconds)

    def _refusal(self, status: HTTPStatus, wait_s: float) -> Refusal:
        banned = "; IP banned" if status is HTTPStatus.IM_A_TEAPOT else ""
        message = f"Too much request weight used{banned}; please wait."
        return Refusal(status, -1003, message, max(1, math.ceil(wait_s)))


class BinanceRest(RestPaths):
    """The HTTP paths of one of the three markets."""

    begun: ClassVar = b'{"lastUpdateId":'

    def __init__(self, kind: Kind, parts: RestParts) -> None:
        super().__init__(parts.faults, parts.cut)
        self.kind = kind
        options = parts.options
        self.budget = Budget(
            options.weight_limit or (6000 if self.kind is Kind.SPOT else 2400),
            options.speed,
            options.clock.mono_s,
        )
        self._source = parts.source
        self._pump = parts.pump

    @property
    def routes(self) -> list[Route]:
        """The paths."""
        prefix = PREFIX[self.kind]
        return [
            Route(f"{prefix}/depth", self.guard(self._depth, is_depth=True)),
            Route(f"{prefix}/aggTrades", self.guard(self._agg_trades)),
            Route(f"{prefix}/exchangeInfo", self.guard(self._exchange_info)),
            Route(f"{prefix}/time", self.guard(self._time)),
            Route(f"{prefix}/ping", self.guard(self._ping)),
        ]

    @property
    def used_weight(self) -> int:
        """What was used in this minute."""
        return self.budget.used

    def write_refusal(self, refusal: Refused) -> Response:
        """Answer with code and message; Retry-After where there is one."""
        assert isinstance(refusal, Refusal)
        body = compact({"code": refusal.code, "msg": str(refusal)})
        response = Response(body, refusal.status, media_type="application/json;charset=UTF-8")
        if refusal.retry_after_s is not None:
            response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response

    def refuse(self, fault: Fault) -> Refused:
        """Return the error that a fault orders."""
        if fault.kind is FaultKind.REST_429:
            return Refusal(429, -1003, "Too many requests; please wait.", max(1, math.ceil(fault.seconds)))
        if fault.kind is FaultKind.REST_418:
            return self.budget.ban(fault.seconds or BAN_S)
        return Refusal(
            fault.code or 503, -1001, "Internal error; unable to process your request. Please try again."
        )

    def headers(self) -> dict[str, str]:
        """Show the used weight."""
        return dict.fromkeys(("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M"), str(self.budget.used))

    # -- the venue's paths -----------------------------------------------------------------------

    async def _depth(self, request: Request) -> bytes:
        params = request.query_params
        symbol = params.get("symbol")
        limit = self._limit(params.get("limit"))
        self.budget.charge(next(weight for levels, weight in WEIGHTS[self.kind] if limit <= levels))
        if not symbol:
            raise Refusal(
                400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            )
        if symbol not in self._listed():
            raise Refusal(400, -1121, "Invalid symbol.")
        wanted = params.get("symbolStatus")
        if wanted is not None and wanted not in STATUSES:
            raise Refusal(400, -1122, "Invalid symbolStatus.")
        if wanted is not None and wanted != self._source.status[symbol]:
            raise Refusal(400, -1220, "The symbol's status does not match the requested symbolStatus.")
        self._pump()  # what went before the answer goes out before it
        return self._source.snapshot(symbol, limit, age_s(request)).encode()

    async def _agg_trades(self, request: Request) -> bytes:
        params = request.query_params
        self.budget.charge(4 if self.kind is Kind.SPOT else 20)
        symbol = params.get("symbol")
        if symbol not in self._listed():
            raise Refusal(400, -1121, "Invalid symbol.")
        numbers = {}
        for name, default in (("fromId", -1), ("startTime", 0), ("endTime", 1 << 60), ("limit", 500)):
            text = params.get(name, str(default))
            if name in params and not (text.isascii() and text.isdigit()):
                raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'.")
            numbers[name] = int(text)
        self._pump()
        if not {"fromId", "startTime", "endTime"} & params.keys():  # the newest is all that is asked for so
            newest = self._source.newest_trade(symbol)
            return compact([] if newest is None else [{"a": newest}])
        from_id = numbers["fromId"] if "fromId" in params else None
        wanted = PastTrades(from_id, numbers["startTime"], numbers["endTime"])
        listed = self._source.past_trades(symbol, wanted, min(numbers["limit"], 1000))
        if not self._in_micros(request):
            return listed.encode()
        return compact([{**one, "T": one["T"] * 1_000} for one in json.loads(listed)])

    def _limit(self, text: str | None) -> int:
        """Read ``limit``; spot cuts it to 5000, futures take listed values only."""
        if text is None:
            return 100 if self.kind is Kind.SPOT else 500
        if not (text.isascii() and text.isdigit()) or int(text) < 1:
            raise Refusal(
                400, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
            )
        limit = int(text)
        if self.kind is Kind.SPOT:
            return min(limit, 5000)
        if limit not in FUTURES_LIMITS:
            raise Refusal(400, -4021, f"{limit} is not a valid depth limit.")
        return limit

    async def _exchange_info(self, request: Request) -> bytes:
        self.budget.charge(20 if self.kind is Kind.SPOT else 1)
        names = self._listed()
        if self.kind is Kind.SPOT:
            names = self._chosen(request) or names
        info = {
            "timezone": "UTC",
            "serverTime": self._source.now_ns() // 1_000_000,
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self.budget.limit,
                }
            ],
            "exchangeFilters": [],
            "symbols": [
                shown
                for name in names
                if (shown := self._faults.listings.say(name, self._symbol_info(name))) is not None
            ],
        }
        return compact(info)

    def _listed(self) -> list[str]:
        """Name the symbols that the venue says it lists."""
        return [name for name in self._source.symbols if not self._faults.listings.hides(name)]

    def _chosen(self, request: Request) -> list[str]:
        """Read ``symbol`` or ``symbols`` (a JSON list); raises `Refusal` for what is not listed."""
        one, many = request.query_params.get("symbol"), request.query_params.get("symbols")
        try:
            names = [one] if one else json.loads(many) if many else []
        except ValueError as exc:
            raise Refusal(400, -1100, "Illegal characters found in parameter 'symbols'.") from exc
        if not isinstance(names, list) or not all(name in self._listed() for name in names):
            raise Refusal(400, -1121, "Invalid symbol.")
        return names

    def _symbol_info(self, name: str) -> dict[str, Any]:
        tick, step = self._source.sizes(name)
        base = name.partition("_")[0]
        quote = next((q for q in ("USDT", "USDC", "USD") if base.endswith(q) and base != q), "")
        filters = [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "1000000.00000000",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "92141578721.00000000", "stepSize": step},
        ]
        key = "contractStatus" if self.kind is Kind.COINM else "status"
        info = {
            "symbol": name,
            key: self._source.status[name],
            "baseAsset": base.removesuffix(quote),
            "quoteAsset": quote,
        }
        if self.kind is not Kind.SPOT:
            info |= {"pair": base, "contractType": "PERPETUAL"}
        return {**info, "orderTypes": ["LIMIT", "MARKET"], "filters": filters}

    async def _time(self, request: Request) -> bytes:
        self.budget.charge(1)
        return compact(
            {"serverTime": self._source.now_ns() // (1_000 if self._in_micros(request) else 1_000_000)}
        )

    def _in_micros(self, request: Request) -> bool:
        return self.kind is Kind.SPOT and request.headers.get(TIME_UNIT, "").upper() == "MICROSECOND"

    async def _ping(self, _request: Request) -> bytes:
        self.budget.charge(1)
        return b"{}"
