"""
The venue's side of a life: a market as busy as the plan says, and weather between it and the client.

The market keeps every change of a life, so that the true book is known at every id. What it said is kept
as well: the range of every diff, every trade.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from leadline.book.synthetic.market import SyntheticMarket
from leadline.book.synthetic.records import MarketDiff, MarketTicker, MarketTrade, Record
from leadline.book.synthetic.specs import Kind, make_specs
from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.market.synthetic import Synthetic
from leadline.tasks.loopback.venue import LoopbackVenue
from leadline.tasks.loopback.venues.binance.lines import SymbolLines
from leadline.tasks.loopback.venues.binance.rest import BinanceRest
from tests.simulation.world import HOST, World

if TYPE_CHECKING:
    from tests.simulation.grammar import Plan

TICK_S = 0.2
FOR_EVER = 1_000_000  # changes a symbol: more than a life has
SOONEST_S = 0.01  # between two turns of the venue
LOTS = re.compile(rb'"B":"([^"]*)"')  # of the best bid


@dataclass(slots=True)
class Said:
    """What the market of one symbol said over a life, in order."""

    diffs: list[tuple[int, int, int]] = field(default_factory=list)  # venue's time, first id, last id
    trades: dict[int, tuple[int, int, int, bool]] = field(
        default_factory=dict
    )  # id: time, price, qty, maker
    tickers: int = 0


class CalmMarket(Synthetic):
    """A synthetic market with rates and depths of our choice, which remembers all it ever said."""

    def __init__(self, plan: Plan, options: Options, hub: Hub, ledger: Ledger, timers: Timers) -> None:
        super().__init__(Kind(plan.kind), SymbolLines, options, hub, ledger, timers)
        self.every = self.symbols  # also those that are not listed any more
        specs = [
            replace(spec, events_per_s=each.events_per_s, levels=each.levels)
            for spec, each in zip(make_specs(plan.kind, self.symbols), plan.markets, strict=True)
        ]
        kept = FOR_EVER / max(each.events_per_s for each in plan.markets)
        self.market = SyntheticMarket(specs, seed=plan.seed, start_ns=self._start_ns, history_s=kept)
        hub.topics.clear()
        self._lines = [SymbolLines(hub, market) for market in self.market.symbols]
        self.said = {symbol: Said() for symbol in self.symbols}
        self._line_s = plan.line_s
        advance = self.market.advance

        def remember(to_ns: int) -> list[Record]:
            records = advance(to_ns)
            for record in records:
                self._remember(record)
            return records

        self.market.advance = remember  # type: ignore[method-assign]

    def _remember(self, record: Record) -> None:
        said = self.said[self.every[record.symbol_index]]
        if isinstance(record, MarketDiff):
            said.diffs.append((record.ts_ns, record.first_id, record.last_id))
        elif isinstance(record, MarketTrade):
            fact = (record.ts_ns, record.price, record.qty, record.buyer_is_maker)
            said.trades[record.trade_id] = fact
        elif isinstance(record, MarketTicker):
            said.tickers += 1

    def pump(self) -> None:
        """Publish what is due; new connections are as far away as the plan says."""
        for client in self._hub.connections:
            client.lag_s = client.lag_s or self._line_s
        super().pump()

    async def rest(self, tick_s: float) -> None:
        """Wait until something is due: a tick, or what a fault or the way holds back."""
        now = self._clock.mono_s()
        due = min((at for at, _ in self._timers._calls), default=now + tick_s)
        await asyncio.sleep(max(SOONEST_S, min(tick_s, due - now)))

    def set_status(self, symbol: str, status: str) -> None:
        """Let a symbol trade, or not."""
        self.status[symbol] = status
        self.market[symbol].trading = status == "TRADING"

    def delist(self, symbol: str) -> None:
        """Take a symbol off the list, as the venue does some time after its last trade."""
        self.symbols = tuple(each for each in self.symbols if each != symbol)
        self.market[symbol].trading = False


class Venue(LoopbackVenue):
    """The loopback venue with a calm market, and with REST that takes its time."""

    source: CalmMarket

    def __init__(self, plan: Plan, world: World) -> None:
        self._plan = plan
        super().__init__(
            Options(
                kind=plan.kind,
                symbols=tuple(each.symbol for each in plan.markets),
                levels=1,
                host=HOST,
                seed=plan.seed,
                tick_s=TICK_S,
                clock=world.venues,
                weight_limit=plan.weight_limit,
            )
        )
        self.requests: list[tuple[float, str]] = []  # when, and how it was answered
        self._rng = Random(f"{plan.seed}:rest")
        self._world = world
        self.weather = Weather(
            self.hub, self._timers, world, Random(f"{plan.seed}:weather"), lie_every=plan.lie_every
        )
        start = self._http.start
        self._http.start = lambda app: start(self._late(app))  # type: ignore[method-assign]

    def _make_source(self, options: Options) -> CalmMarket:
        return CalmMarket(self._plan, options, self.hub, self.ledger, self._timers)

    @property
    def urls(self) -> tuple[str, str]:
        """Addresses of streams and of REST."""
        return (self.ws_url.replace(HOST, f"[{HOST}]"), self.rest_url.replace(HOST, f"[{HOST}]"))

    def calm(self) -> None:
        """End all faults and spells."""
        self.clear()
        self.weather.spells.clear()
        self.weather.lie_every = 0
        assert isinstance(self._rest, BinanceRest)
        self._rest.budget._banned_until = 0.0
        for client in self.hub.connections:
            client.lag_s = min(client.lag_s, self._plan.line_s)

    def _late(self, app: Any) -> Any:
        async def served(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(self._rng.uniform(0.005, 0.12))

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    self.requests.append((self._world.now_s, str(message["status"])))
                await send(message)

            await app(scope, receive, answer)

        return served


class Weather:
    """
    Tickers and trades that are left out, come late, or several as one; for a while, by symbol.

    One of every ``lie_every`` tickers of a symbol lies, where that is not 0.
    """

    def __init__(self, hub: Hub, timers: Timers, world: World, rng: Random, *, lie_every: int = 0) -> None:
        self.lie_every = lie_every
        self._told: dict[str, int] = {}  # tickers of each symbol
        self.spells: list[tuple[float, str, str, str, float]] = []  # until, symbol, stream, what, how much
        self.lost: dict[str, list[tuple[int, int]]] = {}  # ids by stream name
        self._timers, self._world, self._rng = timers, world, rng
        self._publish: Callable[[Topic, bytes], None] = hub.publish
        hub.publish = self._pass  # type: ignore[method-assign]

    def begin(self, seconds: float, symbol: str, stream: str, what: str, much: float) -> None:
        """Begin a spell: ``what`` is left_out (a share), late (seconds) or conflated (so many as one)."""
        self.spells.append((self._world.now_s + seconds, symbol, stream, what, much))

    def _pass(self, topic: Topic, payload: bytes) -> None:
        if self.lie_every and topic.kind == "bookTicker":
            self._told[topic.symbol] = self._told.get(topic.symbol, 0) + 1
            if self._told[topic.symbol] % self.lie_every == 0:
                payload = LOTS.sub(rb'"B":"1\1"', payload)
        for until_s, symbol, stream, what, much in self.spells:
            if symbol != topic.symbol or stream != topic.kind or self._world.now_s > until_s:
                continue
            if what == "left_out" and self._rng.random() < much:
                self.lost.setdefault(topic.name, []).append(topic.ids(payload) or (-1, -1))
                return
            if what == "conflated" and self._rng.random() * much >= 1:
                return
            if what == "late":
                late_s = self._rng.uniform(0, much)
                self._timers.after(late_s, lambda: self._publish(topic, payload))
                return
        self._publish(topic, payload)
