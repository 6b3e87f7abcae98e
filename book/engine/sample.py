"""A live book at one moment as a row for people: the best levels, and figures made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leadline.book.analytics import features
from leadline.book.messages import Bbo, Level
from leadline.book.rows.batch import DepthSample
from leadline.book.scale import Scale
from leadline.book.trust.certified import Reach

_FIGURES = ("mid", "spread_bps", "imbalance", "weighted_mid")


def of_nothing(index: int, epoch: int, ts_ns: int, last_id: int, reason: str) -> DepthSample:
    """Return the empty, untrusted sample of a book that is not LIVE; ``reason`` says why it is not."""
    nothing: dict[str, Any] = dict.fromkeys(_FIGURES)
    return DepthSample(
        index, epoch, ts_ns, last_id, (), (), **nothing, trusted=False, reason=reason,
        depth_bps=(), bid_depth=(), ask_depth=(),
    )  # fmt: skip


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
