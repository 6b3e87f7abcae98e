"""The synthetic market as a source of the loopback venue: clock, topics, snapshots, truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from leadline.book.errors import BadInput
from leadline.book.scale import parse_scaled
from leadline.book.synthetic.market import SymbolMarket, SyntheticMarket
from leadline.book.synthetic.specs import Kind, default_symbols, make_specs
from leadline.tasks.loopback.base.faults import FaultKind
from leadline.tasks.loopback.base.ledger import Entry, Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.market.digests import Digests, digests_of
from leadline.tasks.loopback.market.lines import Lines
from leadline.tasks.venues.common.adapter import PastTrades

SLICE_NS = 100_000_000  # of market time
LATE_S = 2.0  # behind the wall clock before market time slips
PUMP_S = 0.05  # at most, before others have their turn
SHOCKS = ("bids", "asks", "spread")
PRESS_EVERY_S = 0.05
PRESS_TIMES = 50  # the usual size, on each of the best levels of one side
WIDE_BPS = 40.0

MakeLines: TypeAlias = Callable[[Hub, SymbolMarket], Lines]


class Synthetic:
    """
    Lets the market run with the wall clock, ``speed`` times as fast.

    ``kind`` says which synthetic market it is; ``make_lines`` makes the topics of a symbol.
    """

    def __init__(
        self,
        kind: Kind,
        make_lines: MakeLines,
        options: Options,
        hub: Hub,
        ledger: Ledger,
        timers: Timers,
    ) -> None:
        self._hub = hub
        self._ledger = ledger
        self._timers = timers
        self._speed = options.speed
        self._clock = options.clock
        self.symbols = tuple(options.symbols or default_symbols(kind, options.count))
        self.status = dict.fromkeys(self.symbols, "TRADING")
        specs = make_specs(kind, self.symbols)
        if options.levels is not None:
            specs = [replace(spec, levels=min(spec.levels, options.levels)) for spec in specs]
        now_ns = self._clock.wall_ns() + int(options.clock_skew_s * 1e9)
        self._start_ns = now_ns if options.start_ns is None else options.start_ns
        self.market = SyntheticMarket(
            specs, seed=options.seed, start_ns=self._start_ns, history_s=options.history_s
        )
        self._lines = [make_lines(hub, market) for market in self.market.symbols]
        self._origin_ns = self._clock.mono_ns()

    def now_ns(self) -> int:
        """Market time, ns since 1970."""
        passed = self._clock.mono_ns() - self._origin_ns
        return self._start_ns + int(passed * self._speed)

    def pump(self) -> None:
        """
        Publish what the market says until now.

        After a pause of the process it catches up in slices, a bounded while at a time, so that
        pings, requests and buffers have their turn. When that is not enough, market time slips: a
        market on a machine too slow for it is late, but neither grows nor bursts.
        """
        lines, market = self._lines, self.market
        now, ends = self.now_ns(), self._clock.mono_s() + PUMP_S
        while market.now_ns < now and self._clock.mono_s() < ends:
            for record in market.advance(min(now, market.now_ns + SLICE_NS)):
                lines[record.symbol_index].tell(record)
            self._hub.flush()
        late_s = (now - market.now_ns) / 1e9 / self._speed
        if late_s > LATE_S:
            self._origin_ns += int(late_s * 1e9)
            self._ledger.note("slipped", seconds=round(late_s, 3))

    async def rest(self, tick_s: float) -> None:
        """Wait a tick."""
        await asyncio.sleep(tick_s)

    def topic(self, name: str) -> Topic | None:
        """Find the topic of a stream name."""
        return self._hub.topics.get(name)

    def snapshot(self, symbol: str, limit: int, age_s: float) -> str:
        """Write the REST depth answer; ``age_s`` seconds old, or as old as the history reaches."""
        market = self.market[symbol]
        changes_ago = int(age_s * self._speed * market.spec.events_per_s)
        return self._lines[market.index].snapshot(limit, self.market.now_ns, changes_ago=changes_ago)

    def newest_trade(self, symbol: str) -> int | None:
        """Give the id of the newest trade."""
        return self.market[symbol].trade_id

    def past_trades(self, symbol: str, wanted: PastTrades, limit: int) -> str:
        """Write the REST list of past trades."""
        return self._lines[self.market[symbol].index].past_trades(wanted, limit)

    def sizes(self, symbol: str) -> tuple[str, str]:
        """Tick and step size as texts."""
        spec = self.market[symbol].spec
        return spec.tick_text, spec.step_text

    def truth(self, symbol: str, at_id: int | None) -> Truth:
        """Give the book at an id of its diff stream, in ticks and lots of the scale the venue lists."""
        market = self.market[symbol]
        spec, depth = market.spec, self._lines[market.index].depth(at_id)
        scale = spec.scale
        tick = 10 ** (spec.price_digits - scale.price_decimals)
        lot = 10 ** (spec.qty_digits - scale.qty_decimals)
        bids, asks = (
            tuple((price // tick, qty // lot) for price, qty in side) for side in (depth.bids, depth.asks)
        )
        return Truth(depth.last_id, bids, asks, scale)

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the book at every id of the history kept."""
        return digests_of(self.market[symbol])

    def change_market(self, entry: Entry) -> None:
        """Change a side, the spread, a status or a tick size; undone after ``seconds`` where it can be."""
        fault = entry.fault
        assert fault.symbol is not None
        market = self.market[fault.symbol]
        if fault.kind is FaultKind.TICK_SIZE:
            market.set_tick(parse_scaled(fault.text, market.spec.price_digits))
            entry.hit(tick_size=market.spec.tick_text, last_id=market.last_id)
            entry.done = True
        elif fault.kind is FaultKind.RESTART:
            entry.hit(**self._lines[market.index].restart())
            entry.done = True
        elif fault.kind is FaultKind.STATUS:
            self._set_status(entry, fault.text or "HALT")
            if fault.seconds:
                self._timers.after(fault.seconds, lambda: self._set_status(entry, "TRADING"))
        elif fault.kind is FaultKind.SHOCK:
            if fault.text not in SHOCKS:
                raise BadInput(f"shock: text is {', '.join(SHOCKS)}, got {fault.text!r}")
            ends_s = self._clock.mono_s() + fault.seconds
            self._shock(entry, ends_s)
        else:
            if fault.text not in ("", "bids", "asks"):
                raise BadInput(f"one_sided: text is bids or asks, got {fault.text!r}")
            first = market.last_id
            market.close_side(bids=fault.text == "bids")
            entry.hit(side=fault.text or "asks", first_id=first + 1, last_id=market.last_id)
            self._timers.after(fault.seconds, lambda: self._reopen(entry))

    def _shock(self, entry: Entry, ends_s: float) -> None:
        """Push the market away from what it was, again and again until ``ends_s``: its flow pulls back."""
        fault = entry.fault
        assert fault.symbol is not None
        market = self.market[fault.symbol]
        if entry.done or self._clock.mono_s() > ends_s:
            market.widen(0.0)
            entry.done = True
            return
        first = market.last_id
        if fault.text != "spread":
            market.press(bids=fault.text == "bids", times=PRESS_TIMES)
        elif not entry.hits:
            market.widen(WIDE_BPS)
        if not entry.hits:
            entry.hit(shock=fault.text, first_id=first + 1, last_id=market.last_id)
        self._timers.after(PRESS_EVERY_S, lambda: self._shock(entry, ends_s))

    def _set_status(self, entry: Entry, status: str) -> None:
        assert entry.fault.symbol is not None
        market = self.market[entry.fault.symbol]
        market.trading = status == "TRADING"
        self.status[market.spec.symbol] = status
        entry.hit(status=status, last_id=market.last_id)
        entry.done = market.trading or not entry.fault.seconds

    def _reopen(self, entry: Entry) -> None:
        assert entry.fault.symbol is not None
        market = self.market[entry.fault.symbol]
        first = market.last_id
        market.reopen()
        entry.hit(side="both", first_id=first + 1, last_id=market.last_id)
        entry.done = True
