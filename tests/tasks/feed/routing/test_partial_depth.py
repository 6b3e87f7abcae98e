"""A book held against partial depth: spelled by both kinds of venue, in every order of arrival."""

from __future__ import annotations

import json

import pytest

from leadline.book.errors import BadFrame
from leadline.book.rows.batch import Batch
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import BookReady, Mismatched, Refuted, SnapshotNeeded, State
from leadline.tasks.feed.routing.partial_depth import Depth20
from tests.book.fake_venue import ENGINES
from tests.book.heard import MARKET, Heard, is_live

MS = 1_000_000
BIDS, ASKS = [["1.00", "5"], ["0.99", "6"]], [["1.01", "7"], ["1.03", "8"]]
LESS = [["1.00", "5"], ["0.99", "2"]]  # of the bid below the best, which no book ticker names


class Held(Heard):
    """A live book at id 9 and its check."""

    def __init__(self, engine: str) -> None:
        live = is_live(engine)
        self.book, self.batch, self.now = live.book, live.batch, live.now
        self.check = Depth20(self.book)

    def listing(self, last_id: int, bids: list, asks: list = ASKS, *, futures: bool = False) -> list:
        self.now += 10
        if futures:
            head = {"e": "depthUpdate", "E": 7, "T": 7, "s": "BTCUSDT", "U": 1, "u": last_id, "pu": 1}
            payload = {**head, "b": bids, "a": asks}
        else:
            payload = {"lastUpdateId": last_id, "bids": bids, "asks": asks}
        head_bytes = b'{"stream":"btcusdt@depth20@100ms","data":'
        frame = head_bytes + json.dumps(payload, separators=(",", ":")).encode() + b"}"
        return list(self.check.receive(frame, len(head_bytes), self.now, self.batch, 0))

    def tally(self) -> tuple[int, int]:
        """Levels compared and unlike."""
        self.book._witness.close(self.batch)
        tallies = [row.tally for row in self.batch.attestations]
        return sum(one.audited for one in tallies), sum(one.audit_misses for one in tallies)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("futures", [False, True])
def test_a_listing_at_the_book_s_id_is_compared_at_once(engine: str, futures: bool) -> None:
    held = Held(engine)
    assert held.listing(9, BIDS, futures=futures) == []  # noted; the next one can be compared
    assert held.listing(9, BIDS, futures=futures) == []
    assert held.tally() == (4, 0)
    assert held.listing(9, LESS, futures=futures) == [Mismatched(9)], "the next one confirms it"
    told = held.listing(9, LESS, futures=futures)
    assert told == [Refuted(9), SnapshotNeeded(9, "refuted")]
    assert [(row.miss.kind, row.refuted) for row in held.batch.mismatches] == [
        (Kind.DEPTH20, False),
        (Kind.DEPTH20, True),
    ]
    miss = held.batch.mismatches[0].miss
    assert (miss.ours, miss.theirs) == ((99, 6000, 0, 0), (99, 2000, 0, 0))
    assert "partial depth 9 says" in miss.why()
    assert held.tally() == (12, 2)
    assert held.listing(10, LESS) == [], "there is no book"


@pytest.mark.parametrize("engine", ENGINES)
def test_listings_whose_ids_lag_behind_their_content_discard_no_book(engine: str) -> None:
    held = Held(engine)
    epoch = held.book.epoch
    held.listing(9, BIDS)
    for n in range(10, 60):
        ahead = [["1.00", "5"], ["0.99", str(n)]]
        told = held.listing(n - 1, ahead)  # what the next diff brings
        heals = [BookReady(epoch, n - 1)]  # what it differed in was set by a diff since
        assert told == ([Mismatched(n - 1)] if n % 2 == 0 else heals)
        held.depth(n, n, f'["0.99","{n}"]')
    assert held.listing(n, ahead) == []
    assert (held.book.state, held.book.epoch) == (State.LIVE, epoch)
    assert not any(row.refuted for row in held.batch.mismatches)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_listing_ahead_of_the_book_waits_for_it(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    assert held.listing(11, LESS) == []
    assert held.tally() == (0, 0)
    held.depth(10, 11, '["0.99","2"]')
    assert held.listing(12, LESS) == []
    assert held.tally() == (4, 0), "at 11"
    held.depth(12, 12, '["0.99","9"]')
    assert held.listing(13, LESS) != [], "0.99 is 9 since 12"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_listing_behind_the_book_is_compared_with_what_it_was(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    held.depth(10, 11, '["0.99","2"]')
    held.depth(12, 12, '["0.99","3"]')
    assert held.listing(11, LESS) == []
    assert held.tally() == (4, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_prices_of_the_diff_around_it_are_left_out_and_a_miss_must_come_twice(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    held.depth(10, 12, '["0.99","2"]')
    assert held.listing(11, [["1.00", "5"], ["0.99", "4"]]) == []
    assert held.tally() == (3, 0)
    held.depth(13, 15)
    assert held.listing(14, BIDS) == []
    assert held.tally() == (3, 0), "unlike, but perhaps for an instant"
    held.depth(16, 18)
    assert held.listing(17, BIDS)[:1] == [Mismatched(18)]
    assert held.tally()[1] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_miss_that_does_not_come_again_is_none(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    held.depth(10, 12)
    assert held.listing(11, LESS) == []
    held.depth(13, 15)
    assert held.listing(14, BIDS) == []
    held.depth(16, 18)
    assert held.listing(17, LESS) == [], "one again"
    assert held.book.state is State.LIVE


@pytest.mark.parametrize("engine", ENGINES)
def test_another_level_that_is_unlike_confirms_nothing(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    held.depth(10, 12)
    assert held.listing(11, LESS) == []
    held.depth(13, 15)
    assert held.listing(14, [["1.00", "4"], ["0.99", "6"]]) == []
    assert (held.book.state, held.tally()[1]) == (State.LIVE, 0)
    assert held.check._changes == [], "what was compared is forgotten"


@pytest.mark.parametrize("engine", ENGINES)
def test_diffs_of_batches_that_are_full_count_too(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    for n in range(10, 14):
        held.depth(n, n, f'["0.99","{n}"]')
        if n % 2:
            full, held.batch = held.batch, Batch([MARKET])
            held.check.note_batch(full)
    assert held.listing(12, [["1.00", "5"], ["0.99", "12"]]) == []
    assert held.tally() == (4, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_epoch_is_noted_anew(engine: str) -> None:
    held = Held(engine)
    held.listing(9, BIDS)
    held.say("leave", "session_lost")
    assert held.listing(10, LESS) == []
    held.depth(10, 11)
    held.seed(b'{"lastUpdateId":11,"bids":[["1.00","5"],["0.99","2"]],"asks":[["1.01","7"],["1.03","8"]]}')
    held.depth(12, 12)
    assert held.book.state is State.LIVE
    held.listing(12, LESS)
    assert held.listing(12, LESS) == []
    assert held.tally() == (4, 0)


def test_what_is_no_listing_is_refused() -> None:
    held = Held("plain")
    with pytest.raises(BadFrame):
        held.check.receive(b'{"lastUpdateId":9,"bids":[["1.00","5"]]}', 0, 1, held.batch, 0)
    with pytest.raises(BadFrame):
        held.listing(9, [["0.99", "6"], ["1.00", "5"]])
