"""
Tells a quiet market from a stream that fell silent.

The venue may accept a subscription and then send nothing, or stop sending one stream while the others
flow; a book kept from it looks perfectly healthy and is frozen. So every stream's last frame is dated
on a monotonic clock, and `Liveness.check` judges them:

    depth silent, while what tells that the market moves flows  Silent      -> STALE
    still so a while later                                      Resubscribe
    nothing on the connection for longer than is usual on it    LineSilent  -> looked into

A market without any trading is not silent: nothing else of the symbol moved either. How long "longer
than usual" is follows from the rate of the connection so far, within bounds; it doubles each time that a
silence was borne (`tasks.feed.requests.silences`), and that a new connection was no better.

Pure: it neither waits nor reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import MOVING


@dataclass(slots=True)
class StreamPulse:
    """When a stream was last heard; the router sets ``last_ns`` with every frame."""

    name: str
    symbol: str
    kind: StreamKind
    last_ns: int = 0  # monotonic; 0 before the first frame
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Silent:
    """A symbol's depth stream is silent while its other streams flow."""

    symbol: str
    for_s: float


@dataclass(frozen=True, slots=True)
class Resubscribe:
    """A depth stream stayed silent after that: ask for it anew."""

    symbol: str
    stream: str


@dataclass(frozen=True, slots=True)
class LineSilent:
    """
    Nothing came over the connection for ``for_s`` seconds.

    ``spoke`` says whether anything ever did, ``was_busy`` whether so much that it is no quiet market.
    """

    for_s: float
    spoke: bool
    was_busy: bool = False


# After so many frames a connection counts as busy.
BUSY_FRAMES = 1_000
MOST_DOUBLINGS = 4

Verdict: TypeAlias = Silent | Resubscribe | LineSilent


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence is borne, in seconds."""

    depth_s: float = 1.5  # a symbol's other streams flowing without its depth: STALE within 2 s
    resubscribe_s: float = 15.0  # … and then, until the stream is asked for anew
    line_s: float = 10.0  # nothing on the connection, at the least
    line_most_s: float = 60.0  # … and at the most: three of the venue's pings on spot
    usual_gaps: float = 50.0  # … in between: so many times the connection's mean gap between frames


@dataclass(slots=True)
class Liveness:
    """Judges the streams of one connection, from when it was opened; times are monotonic ns."""

    pulses: list[StreamPulse]
    opened_ns: int
    patience: Patience
    moving: frozenset[StreamKind] = MOVING  # what shows that the market moved
    vain: int = 0  # connections in a row before this one that ended in silence
    _silent_since_ns: dict[str, int] = field(default_factory=dict)
    _asked_ns: dict[str, int] = field(default_factory=dict)
    _alone_ns: dict[str, int] = field(default_factory=dict)  # since when others flow without depth
    _floor_ns: int = 0
    _checked_ns: int = 0
    _borne: int = 0  # silences in a row …
    _borne_ns: int = 0  # … since the last frame, which came then

    @property
    def last_ns(self) -> int:
        """When any stream was heard; 0 before the first frame."""
        return max((pulse.last_ns for pulse in self.pulses), default=0)

    @property
    def _frames(self) -> int:
        return sum(pulse.frames for pulse in self.pulses)

    def resumed(self, now_ns: int) -> None:
        """Say that we did not read until ``now_ns``: silence before that was our own."""
        self._floor_ns = self._checked_ns = now_ns

    def borne(self, now_ns: int) -> None:
        """Say that the silence until ``now_ns`` was a quiet market's."""
        self._floor_ns = now_ns
        self._borne_ns, self._borne = self.last_ns, self._borne + 1

    def added(self, pulses: Iterable[StreamPulse], now_ns: int) -> None:
        """Watch more streams, subscribed at ``now_ns``."""
        for pulse in pulses:
            self.pulses.append(pulse)
            self._asked_ns[pulse.symbol] = now_ns

    def removed(self, symbol: str) -> None:
        """Watch a symbol's streams no more."""
        self.pulses = [pulse for pulse in self.pulses if pulse.symbol != symbol]
        self._silent_since_ns.pop(symbol, None)
        self._alone_ns.pop(symbol, None)

    def check(self, now_ns: int) -> list[Verdict]:
        """Judge all streams as of ``now_ns``; each finding is told once, until it heals."""
        if now_ns - (self._checked_ns or now_ns) > self.patience.depth_s / 2 * 1e9:
            self.resumed(now_ns)  # we were not awake to hear anything
        self._checked_ns = now_ns
        last_ns = self.last_ns
        if last_ns != self._borne_ns:
            self._borne = 0
        quiet_s = (now_ns - max(last_ns, self.opened_ns, self._floor_ns)) / 1e9
        if self.pulses and quiet_s > self.line_patience_s(now_ns):
            return [LineSilent(quiet_s, last_ns > 0, self._frames >= BUSY_FRAMES)]
        return self._check_depth(now_ns)

    def line_patience_s(self, now_ns: int) -> float:
        """Return how many seconds of silence of the whole connection are borne at ``now_ns``."""
        patience, frames = self.patience, self._frames
        mean_gap_s = (now_ns - self.opened_ns) / 1e9 / frames if frames else 0.0
        usual_s = min(max(patience.line_s, mean_gap_s * patience.usual_gaps), patience.line_most_s)
        # A connection that has been busy is not a quiet market, whatever came before it.
        vain = 0 if frames >= BUSY_FRAMES else min(self.vain, MOST_DOUBLINGS)
        usual_s *= 2**vain
        return float(
            max(usual_s, min(usual_s * 2 ** min(self._borne, MOST_DOUBLINGS), patience.line_most_s))
        )

    def _check_depth(self, now_ns: int) -> list[Verdict]:
        others: dict[str, int] = {}
        for pulse in self.pulses:
            if pulse.kind in self.moving:
                others[pulse.symbol] = max(others.get(pulse.symbol, 0), pulse.last_ns)
        verdicts: list[Verdict] = []
        for pulse in self.pulses:
            if pulse.kind is StreamKind.DEPTH:
                verdicts += self._judge(pulse, others.get(pulse.symbol, 0), now_ns)
        return verdicts

    def _judge(self, depth: StreamPulse, other_ns: int, now_ns: int) -> list[Verdict]:
        symbol = depth.symbol
        heard_ns = max(depth.last_ns, self.opened_ns, self._asked_ns.get(symbol, 0), self._floor_ns)
        since_ns = self._silent_since_ns.get(symbol)
        if since_ns is not None and depth.last_ns > since_ns:
            del self._silent_since_ns[symbol]  # it spoke again
            since_ns = None
        if not self._others_flow_alone(symbol, heard_ns, other_ns, now_ns):
            return []
        if since_ns is None:
            self._silent_since_ns[symbol] = now_ns
            return [Silent(symbol, (now_ns - heard_ns) / 1e9)]
        if now_ns - since_ns <= int(self.patience.resubscribe_s * 1e9):
            return []
        self._silent_since_ns[symbol] = now_ns
        return [Resubscribe(symbol, depth.name)]

    def _others_flow_alone(self, symbol: str, heard_ns: int, other_ns: int, now_ns: int) -> bool:
        """
        Tell whether the symbol's other streams have flowed for ``depth_s`` without its depth.

        Counted from the first of their frames that no diff followed: a symbol that was quiet and moves
        again has its ticker a moment before its diff. A single frame proves nothing: what changed may
        have changed back within the diff's 100 ms.
        """
        if other_ns <= heard_ns:
            self._alone_ns.pop(symbol, None)
            return False
        alone_ns = self._alone_ns.setdefault(symbol, other_ns)
        if alone_ns <= heard_ns:
            alone_ns = self._alone_ns[symbol] = other_ns
        depth_ns = int(self.patience.depth_s * 1e9)
        return now_ns - alone_ns >= depth_ns and other_ns - alone_ns >= depth_ns // 2
