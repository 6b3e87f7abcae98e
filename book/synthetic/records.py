"""What the synthetic market says, in units of its `MarketSpec`; whoever plays a venue writes it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from leadline.book.messages import Level


class MarketDiff(NamedTuple):
    """Levels changed in one window, absolute, in units; bids descending, asks ascending."""

    symbol_index: int
    ts_ns: int
    first_id: int
    last_id: int
    prev_id: int
    bids: list[Level]
    asks: list[Level]


class MarketTicker(NamedTuple):
    """Best bid and offer right after ``last_id``, in units; 0 and 0 for an empty side."""

    symbol_index: int
    ts_ns: int
    last_id: int
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int


class MarketTrade(NamedTuple):
    """One fill at the touched level; ``buyer_is_maker`` when a bid was hit."""

    symbol_index: int
    ts_ns: int
    trade_id: int
    price: int
    qty: int
    buyer_is_maker: bool


Record: TypeAlias = MarketDiff | MarketTicker | MarketTrade


class Depth(NamedTuple):
    """The book right after ``last_id``, best first, in units."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
