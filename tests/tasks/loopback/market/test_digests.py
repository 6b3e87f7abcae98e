"""Digests of the true book at every id."""

from __future__ import annotations

from random import Random

import pytest

from leadline.book.errors import BadInput
from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.specs import Kind, make_specs
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.market.digests import book_digest, digests_of
from leadline.tasks.loopback.market.synthetic import Synthetic
from leadline.tasks.loopback.venue import LoopbackVenue

BIDS, ASKS = ((100, 5), (99, 6)), ((101, 7), (103, 8))


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (BIDS[:1], ASKS),
        (((100, 5), (99, 7)), ASKS),
        (((100, 5), (98, 6)), ASKS),
        (((100, 6), (99, 5)), ASKS),
        ((*BIDS, (101, 7)), ASKS[1:]),
        (ASKS, BIDS),
    ],
    ids=["lost-level", "quantity", "price", "swapped-quantities", "wrong-side", "sides-swapped"],
)
def test_any_other_book_has_another_digest(bids, asks) -> None:
    assert book_digest(bids, asks) != book_digest(BIDS, ASKS)


def test_order_and_levels_without_a_quantity_do_not_matter() -> None:
    assert book_digest(BIDS[::-1], [*ASKS, (200, 0)]) == book_digest(BIDS, ASKS) > 0
    assert book_digest((), ()) == 0


@pytest.mark.parametrize("kind", [Kind.SPOT, Kind.USDM])
def test_every_id_has_the_digest_of_its_book(kind: Kind) -> None:
    venue = LoopbackVenue(Options(kind=kind, count=1, levels=100))
    source = venue.source
    assert isinstance(source, Synthetic)
    (symbol,) = source.symbols
    market = source.market[symbol]
    source.market.advance(market.next_ns + 5_000_000_000)
    digests = digests_of(market)
    step = digests.ids[1] - digests.ids[0]
    assert len(digests.ids) > 200
    assert (digests.ids[0], digests.ids[-1]) == (market.oldest_id, market.last_id)
    for last_id in [*Random(1).sample(digests.ids.tolist(), 30), market.oldest_id, market.last_id]:
        truth = source.truth(symbol, last_id)
        assert digests.at(last_id) == book_digest(truth.bids, truth.asks), last_id
        if last_id < market.last_id:
            assert digests.at(last_id + step - 1) == digests.at(last_id), "until the next change"
    assert digests.at(market.oldest_id - 1) is digests.at(market.last_id + 1) is None


def test_a_market_that_has_not_moved_has_one() -> None:
    (spec,) = make_specs(Kind.SPOT, ["ETHUSDT"])
    market = SymbolMarket(0, spec, 1, 0, 1.0)
    assert len(digests_of(market).ids) == 1


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(BadInput, match="NOSUCH"):
        LoopbackVenue(Options(count=1)).digests("NOSUCH")
