"""Random misbehaviour: all kinds a client can recover from, over time, the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from leadline.tasks.loopback.base.faults import SYMBOL_FAULTS, Fault, FaultKind

if TYPE_CHECKING:
    from leadline.tasks.loopback.venue import LoopbackVenue

K = FaultKind
# What may come, how often (relative), for how many messages at most, for how long at most in seconds.
CLIMATE = (
    (K.DROP, 10, 3, 0.0),
    (K.DUPLICATE, 6, 3, 0.0),
    (K.REORDER, 6, 1, 0.0),
    (K.DELAY, 6, 1, 1.5),
    (K.MUTE, 2, 1, 2.0),
    (K.TRUNCATED, 4, 1, 0.0),
    (K.CROSSED, 4, 1, 0.0),
    (K.GARBAGE, 4, 3, 0.0),
    (K.BINARY, 2, 1, 0.0),
    (K.DEMAND_PONG, 2, 1, 5.0),
    (K.NO_PONG, 1, 1, 3.0),
    (K.CUT, 2, 1, 0.0),
    (K.CLOSE, 1, 1, 0.0),
    (K.SHUTDOWN, 1, 1, 1.0),
    (K.REFUSE, 1, 1, 1.5),
    (K.REST_429, 3, 2, 1.0),
    (K.REST_5XX, 3, 2, 0.0),
    (K.REST_SLOW, 3, 1, 1.0),
    (K.REST_GARBAGE, 2, 1, 0.0),
    (K.REST_CUT, 2, 1, 0.0),
    (K.LATE_SNAPSHOT, 3, 1, 1.5),
    (K.STALE_SNAPSHOT, 3, 1, 8.0),
    (K.ONE_SIDED, 2, 1, 1.0),
    (K.STATUS, 1, 1, 2.0),
)


class Weather:
    """Orders a fault now and then, ``per_minute`` on average."""

    def __init__(self, venue: LoopbackVenue, seed: int, per_minute: float) -> None:
        self.venue = venue
        self._rng = Random(seed)
        self._per_s = per_minute / 60.0
        market_stays = bool(venue.options.recording)
        self._climate = [row for row in CLIMATE if not (market_stays and row[0] in SYMBOL_FAULTS)]
        self._next = venue.clock.mono_s() + self._pause()

    def tick(self, now: float) -> None:
        """Order what is due at the monotonic time ``now``."""
        while now >= self._next:
            self._next += self._pause()
            self.venue.inject(self._draw())

    def _pause(self) -> float:
        return self._rng.expovariate(self._per_s) if self._per_s > 0 else float("inf")

    def _draw(self) -> Fault:
        """Draw one fault on one symbol."""
        rng = self._rng
        (kind, _, most, seconds), *_ = rng.choices(self._climate, [row[1] for row in self._climate])
        symbol = rng.choice(self.venue.symbols)
        n, lasting = rng.randint(1, most), round(rng.uniform(0.2, 1.0) * seconds, 3)
        text = rng.choice(("bids", "asks")) if kind is K.ONE_SIDED else ""
        concerns_all = kind.startswith("rest_")
        return Fault(kind, None if concerns_all else symbol, n=n, seconds=lasting, text=text)
