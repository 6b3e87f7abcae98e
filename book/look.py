"""A live book at one moment as a row for people: the best levels, and figures made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from book import features
from book.batch import DepthSample
from book.certified import Reach
from book.events import State
from book.ladders import FullLadder
from book.messages import Bbo, Level
from book.scale import Scale

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
    bids, asks = book.top(n)
    edges = features.band_edges(bids[0][0], asks[0][0], bands_bps)
    depths = [ladder.lots_within(low, high) for low, high in zip(*edges, strict=True)]
    where = (book.index, epoch, ts_ns, book.last_id)
    return of_levels(*where, bids, asks, depths=depths, bands_bps=bands_bps, scale=scale, reach=book.reach)


def of_levels(
    index: int,
    epoch: int,
    ts_ns: int,
    last_id: int,
    bids: Sequence[Level],
    asks: Sequence[Level],
    *,
    depths: Sequence[tuple[int, int]],
    bands_bps: Sequence[float],
    scale: Scale,
    reach: Reach | None,
) -> DepthSample:
    """
    Return the sample of a book that may be trusted.

    ``bids`` and ``asks`` are its best levels; ``depths`` the lots within each band, bids and asks. What
    reaches beyond ``reach`` is None, and the sample says so; None is a reach that nobody knows.
    """
    best = Bbo(*bids[0], *asks[0])
    mid = features.mid(best)
    edges = zip(*features.band_edges(best.bid_ticks, best.ask_ticks, bands_bps), strict=True)
    sides = [
        (True, True) if reach is None else (reach.holds_bids(low), reach.holds_asks(high))
        for low, high in edges
    ]
    whole = reach is None or (reach.holds_bids(bids[-1][0]) and reach.holds_asks(asks[-1][0]))
    decimals = scale.qty_decimals
    bid_depth, ask_depth = (
        tuple(
            features.to_quantity(lots[side], decimals) if is_known[side] else None
            for lots, is_known in zip(depths, sides, strict=True)
        )
        for side in (0, 1)
    )
    bid_bps, ask_bps = reach.bps(mid) if reach is not None else (None, None)
    lacking = not whole or None in bid_depth or None in ask_depth
    return DepthSample(
        index,
        epoch,
        ts_ns,
        last_id,
        tuple(bids),
        tuple(asks),
        mid=features.to_price(mid, scale.price_decimals),
        spread_bps=features.spread_bps(best),
        imbalance=features.imbalance(bids, asks, max(len(bids), len(asks))) if whole else None,
        weighted_mid=features.to_price(features.weighted_mid(best), scale.price_decimals),
        depth_bps=tuple(bands_bps),
        bid_depth=bid_depth,
        ask_depth=ask_depth,
        trusted=True,
        reason="",
        certified_bid_bps=bid_bps,
        certified_ask_bps=ask_bps,
        uncertified=reach.why_not(mid) if lacking and reach is not None else None,
    )
