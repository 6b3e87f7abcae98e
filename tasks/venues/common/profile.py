"""
A venue's market as its client must know it before the first byte: addresses, limits, and its adapter.

Nothing here connects. A `VenueProfile` is frozen; `tasks.venues.registry` finds one by its name, and makes
one for a server on this machine whose addresses are known at run time only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from leadline.book.errors import BadInput
from leadline.book.rows.batch import Market
from leadline.book.scale import Scale
from leadline.book.venues.common.spec import VenueSpec
from leadline.tasks.net.session import Heartbeat
from leadline.tasks.venues.common.adapter import StreamKind, VenueAdapter, WsBase

USUAL_KINDS = frozenset({StreamKind.DEPTH, StreamKind.TICKER, StreamKind.TRADE})
MOVING = frozenset({StreamKind.TICKER, StreamKind.TRADE})  # sent when the market moved, and only then
LEAST_SEED_LEVELS = 100


@dataclass(frozen=True, slots=True)
class DepthWeight:
    """A depth request of up to ``levels`` levels a side costs ``weight``."""

    levels: int
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueProfile:
    """One market of one venue; figures of limits are the venue's own, we stay below them."""

    name: str  # as in the rows: loopback-usdm, …
    spec: VenueSpec
    adapter: VenueAdapter
    streams: Mapping[StreamKind, str]  # names, of {symbol} or {lower}; others are not offered
    ws_bases: tuple[WsBase, ...]  # in the order they are tried
    rest_bases: tuple[str, ...]
    rest_prefix: str
    depth_weights: tuple[DepthWeight, ...]  # deepest first
    listing_weight: int
    trade_weight: int  # of asking for the newest trade, or for past ones
    weight_per_minute: int
    commands_per_s: int  # messages we may send on a connection, pongs included
    streams_per_connection: int
    streams_per_command: int = 100  # about 3 kB of JSON
    heartbeat: Heartbeat | None = None  # what we must send now and then; None: the venue pings us
    ping_every_s: float | None = None  # the venue's own pings; None: it sends none
    moving: frozenset[StreamKind] = MOVING  # what shows that the market moved
    seeds_in_stream: bool = False  # a new subscription begins with the whole book: no REST seed is needed
    attempts: int = 300  # connection attempts for an IP address …
    attempts_window_s: float = 300.0  # … in this time
    session_life_s: float = 86_400.0  # the venue cuts every connection at this age
    time_unit_ns: int = 1_000_000  # of the times on the wire
    time_units_ns: tuple[int, ...] = (1_000_000,)  # that the venue can be asked for

    def in_unit(self, unit_ns: int) -> VenueProfile:
        """Return the profile that asks for times in a unit; raises `BadInput` if the venue has it not."""
        if unit_ns == self.time_unit_ns:
            return self
        if unit_ns not in self.time_units_ns:
            units = ", ".join(f"{each} ns" for each in self.time_units_ns)
            raise BadInput(f"{self.name}: expected a time unit of {units}, got {unit_ns} ns")
        return replace(self, adapter=self.adapter.in_unit(unit_ns), time_unit_ns=unit_ns)

    def market(self, symbol: str, scale: Scale) -> Market:
        """Return what books and rows must know of one of its symbols."""
        return Market(self.name, symbol, scale, self.spec.rule)

    def stream(self, symbol: str, kind: StreamKind) -> str:
        """Name a symbol's stream; raises `BadInput` for a kind that is not offered."""
        try:
            return self.streams[kind].format(symbol=symbol, lower=symbol.lower())
        except KeyError:
            raise BadInput(f"{self.name}: expected one of {', '.join(self.streams)}, got {kind}") from None

    def depth_weight(self, limit: int) -> int:
        """Return the request weight of a depth snapshot of ``limit`` levels a side."""
        fitting = [step.weight for step in self.depth_weights if step.levels >= limit]
        if not fitting or limit < 1:
            raise BadInput(f"{self.name}: depth limit 1 to {self.depth_weights[0].levels}, got {limit}")
        return min(fitting)

    def seed_limit(self, pending: int, remaining_weight: int) -> int:
        """
        Choose how many levels to ask for: the most that ``pending`` symbols can have within the budget.

        Below one hundred levels a seed is of little use, so that is the least even when it must wait.
        """
        useful = [step for step in self.depth_weights if step.levels >= LEAST_SEED_LEVELS]
        for step in useful:
            if step.weight * max(1, pending) <= remaining_weight:
                return step.levels
        return useful[-1].levels
