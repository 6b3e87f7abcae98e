"""
What differs between the venues, as data: addresses, paths, stream names, limits.

Nothing here connects. A `VenueProfile` is frozen; `venue()` finds one by its name, `loopback()` makes
one for a server on this machine whose addresses are known at run time only.

Sources, as of 2026-09: binance-spot-api-docs (web-socket-streams.md, rest-api.md, CHANGELOG.md,
faqs/market_data_only.md); the derivatives documents on developers.binance.com; for what they leave
open, binance/binance-public-data#472 and Tucsky/aggr#444.

Futures streams are split since 2026-03-06: ``/public`` carries diff depth and book tickers,
``/market`` trades. A stream asked for on the wrong path is accepted and then stays silent, as is the
undocumented futures ``@trade``; so futures take ``@aggTrade`` on ``/market``, over a second connection.
For COIN-M the documents are thinner: the split is tried first, then the undivided address, which the
feed moves on to when the first stays silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from leadline.book.errors import BadInput
from leadline.book.rows.batch import Market
from leadline.book.scale import Scale
from leadline.book.venues.common.spec import VenueSpec


class StreamKind(StrEnum):
    """What a stream carries."""

    DEPTH = "depth"
    TICKER = "ticker"
    TRADE = "trade"
    DEPTH20 = "depth20"  # the best 20 levels a side, whole, ten times a second


USUAL_KINDS = frozenset({StreamKind.DEPTH, StreamKind.TICKER, StreamKind.TRADE})


@dataclass(frozen=True, slots=True)
class WsBase:
    """One WebSocket address; the paths are put before ``/stream``, equal ones share a connection."""

    url: str
    book_path: str = ""  # diff depth, book tickers
    trade_path: str = ""

    def path_for(self, kind: StreamKind) -> str:
        """Return the path that carries streams of ``kind``."""
        return self.trade_path if kind is StreamKind.TRADE else self.book_path


@dataclass(frozen=True, slots=True)
class DepthWeight:
    """A depth request of up to ``levels`` levels a side costs ``weight``."""

    levels: int
    weight: int


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """Everything about a venue that its client must know before the first byte."""

    name: str  # as in the rows: binance-spot, loopback-usdm, …
    spec: VenueSpec
    ws_bases: tuple[WsBase, ...]  # in the order they are tried
    rest_bases: tuple[str, ...]
    rest_prefix: str
    depth_weights: tuple[DepthWeight, ...]  # deepest first
    exchange_info_weight: int
    exchange_info_by_symbol: bool  # whether ?symbols= is understood
    weight_per_minute: int
    commands_per_s: int  # messages we may send on a connection, pongs included
    streams_per_connection: int
    server_ping_s: float  # the library answers; this only tells a dead line from a quiet one
    depth_suffix: str = "depth@100ms"
    ticker_suffix: str = "bookTicker"
    trade_suffix: str = "trade"
    depth20_suffix: str = "depth20@100ms"
    attempts: int = 300  # connection attempts for an IP address …
    attempts_window_s: float = 300.0  # … in this time
    session_life_s: float = 86_400.0  # the venue cuts every connection at this age
    time_unit_ns: int = 1_000_000  # of the times on the wire

    def market(self, symbol: str, scale: Scale) -> Market:
        """Return what books and rows must know of one of its symbols."""
        return Market(self.name, symbol, scale, self.spec.rule)

    def stream(self, symbol: str, kind: StreamKind) -> str:
        """Name a stream: symbols are lower-case there, those outside ASCII too (币安人生usdt@trade)."""
        suffix = {
            StreamKind.DEPTH: self.depth_suffix,
            StreamKind.TICKER: self.ticker_suffix,
            StreamKind.TRADE: self.trade_suffix,
            StreamKind.DEPTH20: self.depth20_suffix,
        }[kind]
        return f"{symbol.lower()}@{suffix}"

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


LEAST_SEED_LEVELS = 100


def combined_url(base: WsBase, path: str, streams: Iterable[str]) -> str:
    """Build the address of a combined stream; without streams it is one to SUBSCRIBE on."""
    names = "/".join(quote(name, safe="@") for name in streams)
    return f"{base.url}{path}/stream" + (f"?streams={names}" if names else "")
