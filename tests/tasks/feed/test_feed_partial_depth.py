"""The feed with partial depth beside the diffs: true books agree, a level below the top is found wrong."""

from __future__ import annotations

import pytest

from leadline.book.rows.evidence import Kind
from leadline.tasks.loopback import Fault
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import USUAL_KINDS
from tests.tasks.feed.test_attestation import WITHIN_S, audits_of, is_true, spoil_until_noticed
from tests.tasks.feed.test_faults import hits, streaming
from tests.tasks.feeding import all_live, assert_true_book, until

WITH_DEPTH20 = USUAL_KINDS | {StreamKind.DEPTH20}
ALONE = frozenset({StreamKind.DEPTH, StreamKind.DEPTH20})  # no book ticker says anything


@pytest.mark.parametrize("engine", ["plain", "auto"])
@pytest.mark.parametrize(("kind", "legs"), [("spot", 1), ("spot", 2), ("usdm", 1), ("usdm", 2)])
def test_true_books_agree_with_partial_depth_over_cuts(kind: str, legs: int, engine: str) -> None:
    with streaming(kind=kind, engine=engine, legs=legs, kinds=WITH_DEPTH20) as (feed, venue, sink):
        for _ in range(2):
            lost, frames = len(hits(venue, "cut")), feed.status().frames
            until(lambda n=frames: feed.status().frames > n + 500, "frames", within_s=WITHIN_S)
            venue.inject(Fault("cut"))
            until(lambda n=lost: len(hits(venue, "cut")) > n, "cut", within_s=WITHIN_S)
            all_live(feed, within_s=WITHIN_S)
        frames = feed.status().frames
        until(lambda: feed.status().frames > frames + 500, "frames", within_s=WITHIN_S)
        for symbol in venue.symbols:
            assert_true_book(feed, venue, symbol)
            assert {"mismatch", "refuted", "bad_frame"}.isdisjoint(sink.reasons(symbol))
        assert feed.status().unrecognised == 0
        feed.stop()  # scores are written when a book leaves
        compared, unlike = audits_of(sink)
        assert compared > 100
        assert unlike == 0


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_a_wrong_level_is_found_without_any_book_ticker(kind: str) -> None:
    with streaming(count=1, kind=kind, kinds=ALONE) as (feed, venue, sink):
        (victim,) = venue.symbols
        spoil_until_noticed(feed, venue, sink, "wrong_qty", victim, by={"mismatch"})
        first = sink.mismatches(victim)[0].miss
        assert first.kind is Kind.DEPTH20
        truth = venue.truth(victim, first.witness_id)
        price, lots = first.theirs[:2] if first.theirs.bid_ticks else first.theirs[2:]
        assert dict(truth.bids if first.theirs.bid_ticks else truth.asks).get(price, 0) == lots
        assert first.ours != first.theirs
        until(lambda: is_true(feed, venue, victim), "set anew, or discarded", within_s=WITHIN_S)
