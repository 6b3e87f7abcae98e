"""Random misbehaviour: all kinds a client can recover from, over time, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from leadline.tasks.loopback.base.faults import SYMBOL_FAULTS, Fault, FaultKind

K = FaultKind
# What may come, how often (relative), for how many messages at most, for how long at most in seconds.
CHOICES = (
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


class RandomFaults:
    """Orders a fault now and then, ``per_minute`` on average; a recording's market stays as it was."""

    def __init__(
        self,
        inject: Callable[[Fault], object],
        symbols: Sequence[str],
        *,
        now_s: float,
        seed: int,
        per_minute: float,
        is_recording: bool,
    ) -> None:
        self._inject = inject
        self._symbols = symbols
        self._rng = Random(seed)
        self._per_s = per_minute / 60.0
        self._choices = [row for row in CHOICES if not (is_recording and row[0] in SYMBOL_FAULTS)]
        self._next = now_s + self._pause()

    def tick(self, now: float) -> None:
        """Order what is due at the monotonic time ``now``."""
        while now >= self._next:
            self._next += self._pause()
            self._inject(self._draw())

    def _pause(self) -> float:
        return self._rng.expovariate(self._per_s) if self._per_s > 0 else float("inf")

    def _draw(self) -> Fault:
        """Draw one fault on one symbol."""
        rng = self._rng
        (kind, _, most, seconds), *_ = rng.choices(self._choices, [row[1] for row in self._choices])
        symbol = rng.choice(self._symbols)
        n, lasting = rng.randint(1, most), round(rng.uniform(0.2, 1.0) * seconds, 3)
        text = rng.choice(("bids", "asks")) if kind is K.ONE_SIDED else ""
        concerns_all = kind.startswith("rest_")
        return Fault(kind, None if concerns_all else symbol, n=n, seconds=lasting, text=text)
