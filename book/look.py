"""A live book at one moment as a row for people: the best levels, and figures made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from book import features
from book.batch import DepthSample
from book.events import State
from book.ladders import FullLadder

if TYPE_CHECKING:
    from book.live import LiveBook

_FIGURES = ("mid", "spread_bps", "imbalance", "weighted_mid")


def sample(
    book: LiveBook, ladder: FullLadder, n: int, bands_bps: Sequence[float], ts_ns: int
) -> DepthSample:
    """Return the ``n`` best levels and figures; see `LiveBook.sample`."""
    scale, epoch = book.market.scale, -1 if book.epoch is None else book.epoch
    if book.state is not State.LIVE:
        nothing: dict[str, Any] = dict.fromkeys(_FIGURES)
        return DepthSample(
            book.index, epoch, ts_ns, book.last_id, (), (), **nothing, trusted=False, reason=book.why,
            depth_bps=(), bid_depth=(), ask_depth=(),
        )  # fmt: skip
    best = book.bbo()
    bids, asks = book.top(n)
    edges = features.band_edges(best.bid_ticks, best.ask_ticks, bands_bps)
    depths = [ladder.lots_within(low, high) for low, high in zip(*edges, strict=True)]
    return DepthSample(
        book.index,
        epoch,
        ts_ns,
        book.last_id,
        tuple(bids),
        tuple(asks),
        mid=features.to_price(features.mid(best), scale.price_decimals),
        spread_bps=features.spread_bps(best),
        imbalance=features.imbalance(bids, asks, n),
        weighted_mid=features.to_price(features.weighted_mid(best), scale.price_decimals),
        depth_bps=tuple(bands_bps),
        bid_depth=tuple([features.to_quantity(lots, scale.qty_decimals) for lots, _ in depths]),
        ask_depth=tuple([features.to_quantity(lots, scale.qty_decimals) for _, lots in depths]),
        trusted=True,
        reason="",
    )
