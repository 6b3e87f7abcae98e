"""
Shocks of a book: its imbalance or its spread leaves what it has been, all of a sudden; no clock.

A figure is held against its own recent past, never against another market's:

    imbalance   |x - median| >= the larger of ``imbalance_sds`` robust standard deviations (1.4826 times
                the median absolute deviation) and ``imbalance_least``
    spread      x >= ``spread_ratio`` times the median, and ``spread_least_bps`` above it

    WARMING ── enough looks ──> READY ── beyond the threshold ──> IN SHOCK ── within half of it ──> READY
                                           │ a `Shock`, unless the book had one within ``cooldown_s``
    another epoch, or a book that is not LIVE ──> WARMING: what came between is not known

Half of the threshold has to be reached before the next one counts (hysteresis), and after a shock of
either kind the book is left in peace for a while (cool-down), so that one shock is told once. What is
looked at joins the past whatever it is: a spread that stays wide is the new ordinary after a window.
Source of the scale: Hampel (1974), "The influence curve and its role in robust estimation".
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from leadline.book.errors import BadInput

Kind: TypeAlias = Literal["imbalance", "spread"]

KINDS: tuple[Kind, ...] = ("imbalance", "spread")
TO_SD = 1.4826  # times the median absolute deviation is a normal distribution's standard deviation
CALM = 0.5  # of the threshold: a shock is over when the figure is nearer than that
LEAST_LOOKS = 20  # fewer have no distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class ShockRules:
    """When a figure is beyond what is ordinary; ``imbalance_…`` in -1 … 1, times in seconds."""

    window_s: float = 60.0  # the past that counts
    warmup_s: float = 30.0  # of it must have been seen
    imbalance_sds: float = 6.0
    imbalance_least: float = 0.5
    spread_ratio: float = 5.0
    spread_least_bps: float = 2.0
    cooldown_s: float = 60.0

    def __post_init__(self) -> None:
        least = {"window_s": self.window_s, "imbalance_sds": self.imbalance_sds}
        least |= {"imbalance_least": self.imbalance_least, "spread_least_bps": self.spread_least_bps}
        for name, value in least.items():
            if not value > 0:
                raise BadInput(f"shock rules: {name}: expected more than 0, got {value}")
        if not 0 <= self.warmup_s <= self.window_s:
            raise BadInput(f"shock rules: warmup_s: expected 0 … {self.window_s:g}, got {self.warmup_s}")
        if not self.spread_ratio > 1:
            raise BadInput(f"shock rules: spread_ratio: expected more than 1, got {self.spread_ratio}")
        if not self.cooldown_s >= 0:
            raise BadInput(f"shock rules: cooldown_s: expected 0 or more, got {self.cooldown_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """
    One shock: ``value`` was ``threshold`` or more away from ``typical``, the median of its recent past.

    Of an imbalance all three lie in -1 … 1 (the threshold in 0 … 2), of a spread they are basis points.
    """

    kind: Kind
    value: float
    typical: float
    threshold: float
    epoch: int
    last_id: int  # update id of the book that showed it
    ts_ns: int  # when it was seen, our clock, ns UTC

    @property
    def times(self) -> float:
        """How many times the threshold it is away: 1 or more."""
        return abs(self.value - self.typical) / self.threshold

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, for a row or an event."""
        return asdict(self)


class Past:
    """The values of the last ``window_s`` seconds, kept sorted beside their order of arrival."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._arrived: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def span_s(self) -> float:
        """Seconds from the oldest to the newest value."""
        return self._arrived[-1][0] - self._arrived[0][0] if self._arrived else 0.0

    def add(self, now_s: float, value: float) -> None:
        """Take a value; those older than the window go."""
        self._arrived.append((now_s, value))
        insort(self._sorted, value)
        while self._arrived[0][0] < now_s - self._window_s:
            _, gone = self._arrived.popleft()
            del self._sorted[bisect_left(self._sorted, gone)]

    def clear(self) -> None:
        """Forget all of it."""
        self._arrived.clear()
        self._sorted.clear()

    def median(self) -> float:
        """Return the median; there must be a value."""
        return _median(self._sorted)

    def deviation(self) -> float:
        """Return the robust standard deviation."""
        centre = self.median()
        return TO_SD * _median(sorted(abs(value - centre) for value in self._sorted))


class ShockDetector:
    """
    Watches one book; `look` at least twice a second, for some 10 µs of Python (30 µs in a wild market).

    Three hundred books looked at twice a second are 0.6 % of a core, or 2 %.
    """

    def __init__(self, rules: ShockRules) -> None:
        self._rules = rules
        self._epoch: int | None = None
        self._past: dict[Kind, Past] = {kind: Past(rules.window_s) for kind in KINDS}
        self._in_shock: set[Kind] = set()
        self._quiet_until_s = float("-inf")

    def look(
        self, now_s: float, *, epoch: int, last_id: int, ts_ns: int, imbalance: float, spread_bps: float
    ) -> Shock | None:
        """
        Take a look at a LIVE book; return the shock that begins with it.

        ``now_s`` is a clock that never goes back; ``ts_ns`` is only handed on.
        """
        if epoch != self._epoch:
            self.leave()
            self._epoch = epoch
        found: list[Shock] = []
        for kind, value in zip(KINDS, (imbalance, spread_bps), strict=True):
            past = self._past[kind]
            if len(past) >= LEAST_LOOKS and past.span_s >= self._rules.warmup_s:
                typical = past.median()
                threshold, away = self._measure(kind, value, typical)
                if away >= threshold and kind not in self._in_shock:
                    self._in_shock.add(kind)
                    found.append(
                        Shock(
                            kind=kind,
                            value=value,
                            typical=typical,
                            threshold=threshold,
                            epoch=epoch,
                            last_id=last_id,
                            ts_ns=ts_ns,
                        )
                    )
                elif away < CALM * threshold:
                    self._in_shock.discard(kind)
            past.add(now_s, value)
        if not found or now_s < self._quiet_until_s:
            return None
        self._quiet_until_s = now_s + self._rules.cooldown_s
        return max(found, key=lambda shock: shock.times)

    def leave(self) -> None:
        """Forget the past: the book is not LIVE. The cool-down goes on."""
        self._epoch = None
        self._in_shock.clear()
        for past in self._past.values():
            past.clear()

    def _measure(self, kind: Kind, value: float, typical: float) -> tuple[float, float]:
        """Return the threshold and how far the value is away in the direction that counts."""
        rules = self._rules
        if kind == "spread":
            return max((rules.spread_ratio - 1) * typical, rules.spread_least_bps), value - typical
        away = abs(value - typical)
        # The deviation is the dear part, and asked for only where it can matter.
        if away < CALM * rules.imbalance_least:
            return rules.imbalance_least, away
        return max(rules.imbalance_sds * self._past[kind].deviation(), rules.imbalance_least), away


def _median(values: list[float]) -> float:
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
