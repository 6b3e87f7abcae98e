from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.errors import BadInput
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.venues.binance.profiles import SPOT
from leadline.tasks.venues.common.adapter import StreamKind

FEW = replace(SPOT, streams={StreamKind.DEPTH: "{lower}@depth", StreamKind.TRADE: "{lower}@trade"})

UNPAIRED = replace(SPOT, spec=replace(SPOT.spec, pairs_connections=False))


def test_a_kind_of_stream_that_the_venue_does_not_offer_is_refused_at_the_door() -> None:
    with pytest.raises(
        BadInput, match="binance-spot: kinds of streams are depth, trade, got depth20, ticker"
    ):
        FeedConfig(profile=FEW, symbols=("A",), kinds=frozenset(StreamKind))
    assert FeedConfig(profile=FEW, symbols=("A",), kinds=frozenset({StreamKind.TRADE})).legs == 1


def test_connections_that_cannot_be_paired_are_not() -> None:
    with pytest.raises(BadInput, match="legs is 1, got 2"):
        FeedConfig(profile=UNPAIRED, symbols=("A",), legs=2)
    FeedConfig(profile=SPOT, symbols=("A",), legs=2)
