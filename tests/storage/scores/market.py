"""A synthetic market and signals about it, stored as a stream and analyze-signals would have left them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from leadline.storage.access.connect import Connection
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Decision
from tests.storage.signals.market import NOON

VENUE = "loopback-spot"
TICK_S = 5  # between best prices
EVERY_S = 60  # between decisions
LATE_S = 1.5  # an answer comes so long after its question
WORDS = {1: "bullish", 0: "neutral", -1: "bearish"}


@dataclass
class Synthetic:
    """
    ``hours`` of random walk before ``until``, in which nobody can know the future but who is told it.

    Best prices come every `TICK_S`, at half seconds, around a mid that moves by 2 bps a minute.
    """

    con: Connection
    hours: float = 10.0
    until: dt.datetime = NOON
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    seed: int = 1
    half_spread_bps: float = 0.5
    mids: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.start = self.until - dt.timedelta(hours=self.hours)
        self.start_ns = int(self.start.timestamp()) * 10**9
        ticks = int(self.hours * 3600 / TICK_S)
        for symbol in self.symbols:
            steps = 2e-4 * np.sqrt(TICK_S / 60) * self.rng.standard_normal(ticks)
            self.mids[symbol] = 100.0 * np.exp(np.cumsum(steps))

    def prices(self) -> Synthetic:
        """Store the best prices."""
        for symbol, mid in self.mids.items():
            n = len(mid)
            recv_ns = self.start_ns + (np.arange(n) * TICK_S * 10**9) + 5 * 10**8
            half = mid * self.half_spread_bps / 1e4
            table = pa.table(
                {
                    "venue": [VENUE] * n, "symbol": [symbol] * n,
                    "ts_recv": pa.array(recv_ns // 1000, pa.int64()).cast(pa.timestamp("us")),
                    "recv_ns": recv_ns, "update_id": np.arange(n) + 1,
                    "bid_px": mid - half, "bid_qty": np.ones(n), "ask_px": mid + half,
                    "ask_qty": np.ones(n),
                }
            )  # fmt: skip
            self.con.append("book_tickers", table)
        return self

    def covered(self, *cuts: tuple[float, float, str | None]) -> Synthetic:
        """Store trusted intervals: hours from the start, and what ended them; none given: all of it."""
        for symbol in self.symbols:
            for k, (since, to, why) in enumerate(cuts or ((0.0, self.hours, None),)):
                self.con.execute(
                    "INSERT INTO coverage BY NAME SELECT $v AS venue, $s AS symbol, $k AS epoch, "
                    "$a AS ts_from, $z AS ts_to, $k * 100000 + 1 AS first_id, $k * 100000 + 9 AS last_id, "
                    "$why AS ended_by",
                    {"v": VENUE, "s": symbol, "k": k, "a": self.at(since * 3600), "z": self.at(to * 3600),
                     "why": why},
                )  # fmt: skip
        return self

    def at(self, seconds: float) -> dt.datetime:
        return (self.start + dt.timedelta(seconds=seconds)).replace(tzinfo=None)

    def mid(self, symbol: str, seconds: float) -> float:
        """The mid in force so many seconds from the start."""
        return float(self.mids[symbol][int((seconds - 0.5) // TICK_S)])

    def moved_bps(self, symbol: str, seconds: float, horizon_s: float) -> float:
        return 1e4 * (self.mid(symbol, seconds + horizon_s) / self.mid(symbol, seconds) - 1)

    def signals(self, name: str, *, knows: float = 0.0, horizon_s: int = 300, **given: Any) -> list[float]:
        """
        Store a decision a minute; return what each will have earned before costs, in bps.

        ``knows`` is the share of calls that are told the future; the others are drawn. The first minute has
        none, so that prices come before it.
        """
        late = 0.0 if given.get("kind") == "baseline" else LATE_S
        made, earned = [], []
        for symbol in self.symbols:
            for k in range(1, int(self.hours * 3600 / EVERY_S)):
                seconds = float(k * EVERY_S)
                sign = int(self.rng.choice((-1, 0, 1), p=(0.4, 0.2, 0.4)))
                last = seconds + late + horizon_s
                if last < self.hours * 3600:
                    moved = self.moved_bps(symbol, seconds + late, horizon_s)
                    if self.rng.random() < knows:
                        sign = int(np.sign(moved))
                    earned.append(sign * moved)
                made.append(
                    self.decision(
                        f"{name} {symbol} {k}", symbol, seconds, direction=WORDS[sign],
                        ts_arrival=self.at(seconds + late), horizon_s=horizon_s, **given,
                    )
                )  # fmt: skip
        rows.put(self.con, made)
        return earned

    def decision(self, signal_id: str, symbol: str, seconds: float, **given: Any) -> Decision:
        """One decision, ok unless said otherwise."""
        given = {
            "kind": "llm", "provider": "house", "model_requested": "m", "lineage": "house/m",
            "prompt_version": "p1", "outcome": "ok", "confidence": 0.6,
            "features": {"spread_bps": 1 + seconds % 7, "volatility_60s_bps": seconds % 11}, **given,
        }  # fmt: skip
        return Decision(
            signal_id=signal_id,
            ts=self.at(seconds),
            venue=VENUE,
            symbol=symbol,
            trigger="schedule",
            **given,
        )

    def ofi(self, *, name: str = "ofi", **given: Any) -> list[float]:
        """Store what the baseline, or another by the name of ``name``, said; drawn."""
        rule = {
            "kind": "baseline",
            "provider": "baseline",
            "model_requested": name,
            "prompt_version": None,
        }
        return self.signals(name, **{**rule, "lineage": f"baseline/{name}", **given})
