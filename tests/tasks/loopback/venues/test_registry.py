"""Which markets the built-in venue plays."""

from __future__ import annotations

import pytest

from leadline.book.errors import BadInput
from leadline.book.venues.registry import MARKETS
from leadline.tasks.loopback import LoopbackVenue, Options
from leadline.tasks.loopback.venues.registry import PROTOCOLS, protocol_of


def test_it_plays_every_market_there_is() -> None:
    assert list(PROTOCOLS) == [spec.loopback_kind for spec in MARKETS]


def test_a_kind_that_nobody_plays_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"kind: expected one of spot, usdm, coinm.*, got 'kraken'"):
        LoopbackVenue(Options(kind="kraken"))


def test_futures_may_be_asked_more_often() -> None:
    assert [protocol_of(kind).messages_per_s for kind in ("spot", "usdm", "coinm")] == [5, 10, 10]
