"""
What a venue says, once it is past the door: frozen, typed, in integers.

Prices are in *ticks* of ``10**-price_decimals`` and quantities in *lots* of ``10**-qty_decimals`` of
the symbol's `Scale`; times are nanoseconds since 1970 UTC. ``ts_event_ns`` is the venue's clock,
``ts_recv_ns`` ours; ``ts_transaction_ns`` is when the matching engine did it, by the venue's clock,
None where the venue says only when it told so. A quantity of 0 in a diff deletes the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

Level: TypeAlias = tuple[int, int]
"""``(price_ticks, qty_lots)``."""


class TradeKind(IntEnum):
    """What a trade was; stored by name, in lower case."""

    MARKET = 0  # an order met the book
    INSURANCE_FUND = 1  # the insurance fund took over a position
    ADL = 2  # a position was closed against another trader's
    RPI = 3  # an order met retail price improvement orders alone, which no book shows
    BLOCK = 4  # agreed upon outside the book
    OTHER = 5  # of a kind that the venue does not explain, or without a price


@dataclass(frozen=True, slots=True)
class DepthDiff:
    """Absolute quantities of the levels that changed in ``first_id..last_id``."""

    symbol: str
    first_id: int
    last_id: int
    prev_id: int | None  # the last_id of the diff before; None where the venue does not say
    ts_event_ns: int
    ts_recv_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    shared_id: int | None = None  # what the symbol's other streams call this state, if not last_id
    ts_transaction_ns: int | None = None

    @property
    def witness_id(self) -> int:
        """The id by which book tickers and listings of the venue name the state after this diff."""
        return self.last_id if self.shared_id is None else self.shared_id


@dataclass(frozen=True, slots=True)
class DepthSnapshot:
    """The venue's whole order book, best level first on each side; the seed of an epoch."""

    symbol: str
    last_id: int  # -1 for a market that never had an order
    ts_recv_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    ts_event_ns: int | None = None  # None where the venue sends none
    shared_id: int | None = None  # as in `DepthDiff`
    ts_transaction_ns: int | None = None

    @property
    def witness_id(self) -> int:
        """See `DepthDiff.witness_id`."""
        return self.last_id if self.shared_id is None else self.shared_id


@dataclass(frozen=True, slots=True)
class Trade:
    """
    One trade, or the fills of one order at one price; ``buyer_is_maker`` means that the aggressor sold.

    ``market_lots`` is the part of ``qty_lots`` that met the book, None for all of it. ``covers`` are the
    first and last id of the trades that an aggregate holds; None for a single trade.
    """

    symbol: str
    trade_id: int
    price_ticks: int
    qty_lots: int
    buyer_is_maker: bool
    ts_trade_ns: int
    ts_event_ns: int
    ts_recv_ns: int
    kind: TradeKind = TradeKind.MARKET
    market_lots: int | None = None
    covers: tuple[int, int] | None = None
    is_backfilled: bool = False  # asked for later, because the stream had left it out


@dataclass(frozen=True, slots=True)
class BookTicker:
    """Best bid and offer as the venue saw them at ``update_id``, a diff's `DepthDiff.witness_id`."""

    symbol: str
    update_id: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    ts_event_ns: int | None  # None where the venue sends none
    ts_recv_ns: int
    ts_transaction_ns: int | None = None

    @property
    def top(self) -> Bbo:
        """Both best levels."""
        return Bbo(self.bid_ticks, self.bid_lots, self.ask_ticks, self.ask_lots)


@dataclass(frozen=True, slots=True)
class ServerShutdown:
    """The venue is about to close this connection; leave now, the documents promise no delay."""

    ts_event_ns: int


@dataclass(frozen=True, slots=True)
class CommandReply:
    """Answer to SUBSCRIBE, UNSUBSCRIBE or another command; ``error`` is None when it was accepted."""

    request_id: int | str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A well-formed message of a kind we do not use; counted, never an error."""

    kind: str


Message: TypeAlias = DepthDiff | Trade | BookTicker | ServerShutdown | CommandReply | Unrecognised


class Bbo(NamedTuple):
    """Best bid and offer of a two-sided book, in ticks and lots; a tuple, as one is made per diff."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
