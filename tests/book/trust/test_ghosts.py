"""A venue that lists a part of its book, and what a live book may say of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from leadline.book.messages import DepthSnapshot, Level
from leadline.book.sync.events import State
from leadline.book.trust.audit import Change
from leadline.book.trust.certified import Reach
from leadline.book.trust.ghosts import Widened
from tests.book.fake_venue import ENGINES, FakeVenue
from tests.book.heard import Heard

SEED_LEVELS = 5  # one of the limits a venue has: a seed of as many was cut
LISTINGS = (5, 10, 20)
DEPTH = 60  # levels a side of the true book at the start
ROUNDS = 150


@dataclass(frozen=True, slots=True)
class Listed:
    """What the venue would answer at an id, whole; ``diffs`` were sent before it."""

    last_id: int
    diffs: int
    bids: list[Level]
    asks: list[Level]

    def snapshot(self, limit: int) -> DepthSnapshot:
        return DepthSnapshot("X", self.last_id, 0, tuple(self.bids[:limit]), tuple(self.asks[:limit]))


class DeepVenue(FakeVenue):
    """A true book far deeper than what is listed; its price wanders, and every change is told."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, depth=DEPTH)
        self.sent: list[Change] = []
        self.answers: list[Listed] = []

    def move(self) -> dict:
        """Change the book in two halves; an answer may come before, between and after them."""
        told: tuple[dict[int, int], dict[int, int]] = ({}, {})
        first = self.last_id + 1
        for _ in range(2):
            self._wander(told) if self.random.random() < 0.3 else self._trade(told)
            self.last_id += 1
            self.answers.append(Listed(self.last_id, len(self.sent), *self.true_sides()))
        bids, asks = (list(side.items()) for side in told)
        self.sent.append(Change(self.last_id, self.tick(), bids, asks))
        return {"U": first, "u": self.last_id, "pu": 0, "b": bids, "a": asks}

    def true_sides(self) -> tuple[list[Level], list[Level]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    def _trade(self, told: tuple[dict[int, int], dict[int, int]]) -> None:
        best = max(self.bids), min(self.asks)
        for _ in range(self.random.randrange(1, 6)):
            is_bid = self.random.random() < 0.5
            away = self.random.randrange(DEPTH)
            price = best[0] - away if is_bid else best[1] + away
            lots = 0 if self.random.random() < 0.4 else self._lots()
            self._set(told, price, lots, is_bid=is_bid)

    def _wander(self, told: tuple[dict[int, int], dict[int, int]]) -> None:
        """Take the best levels of one side away and let the other one follow."""
        is_up = self.random.random() < (0.7 if self.random_trend else 0.3)
        gone, kept = (self.asks, self.bids) if is_up else (self.bids, self.asks)
        for _ in range(self.random.randrange(1, 6)):
            if len(gone) > DEPTH // 2:
                price = min(gone) if is_up else max(gone)
                self._set(told, price, 0, is_bid=not is_up)
                self._set(told, price, self._lots(), is_bid=is_up)
        assert kept

    @property
    def random_trend(self) -> bool:
        return bool(self.last_id // 100 % 2)

    def _set(self, told: tuple[dict[int, int], dict[int, int]], price: int, lots: int, *, is_bid: bool):
        side, listed = (self.bids, told[0]) if is_bid else (self.asks, told[1])
        if not lots and len(side) <= SEED_LEVELS:
            return
        listed[price] = lots
        side[price] = lots
        if not lots:
            del side[price]


def told_wrong(heard: Heard, venue: DeepVenue) -> None:
    """Put ghosts where nobody vouches: what lies beyond the reach may be anything."""
    reach, (bid, _, ask, _) = heard.book.reach, heard.book.bbo()
    assert reach is not None
    low, high = min(reach.low, bid), max(reach.high, ask)
    price = low - venue.random.randrange(1, 40) if not reach.all_bids else 0
    heard.book._ladder.set_levels([(price, 7)] if price > 0 else [], [])
    if not reach.all_asks:
        heard.book._ladder.set_levels([], [(high + venue.random.randrange(1, 40), 7)])


def assert_true_within_reach(heard: Heard, venue: DeepVenue) -> None:
    reach = heard.book.reach
    assert reach is not None
    bids, asks = heard.book.levels()
    true_bids, true_asks = venue.true_sides()
    known = [level for level in bids if reach.holds_bids(level[0])]
    assert known == [level for level in true_bids if reach.holds_bids(level[0])]
    known = [level for level in asks if reach.holds_asks(level[0])]
    assert known == [level for level in true_asks if reach.holds_asks(level[0])]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(12))
def test_all_within_the_reach_is_true_and_later_listings_widen_it(engine: str, seed: int) -> None:
    venue, heard = DeepVenue(seed), Heard(engine)
    heard.book = venue.book(engine)
    random = Random(seed)

    def deliver() -> None:
        frame, start = venue.frame(venue.move())
        heard.book.receive_depth(frame, start, venue.now_ns, heard.batch)
        heard.batch.clear()

    def seed_now() -> None:
        whole = venue.bids, venue.asks
        bids, asks = venue.true_sides()
        venue.bids, venue.asks = dict(bids[:SEED_LEVELS]), dict(asks[:SEED_LEVELS])
        body = venue.snapshot()
        venue.bids, venue.asks = whole
        heard.book.receive_snapshot(body, venue.tick(), heard.batch)

    deliver()
    seed_now()
    widened = ghosts = 0
    for _ in range(ROUNDS):
        deliver()
        if heard.book.state is not State.LIVE:  # the price left what is known, or a ghost is in its way
            heard.book.leave("no longer known", venue.tick(), heard.batch)
            deliver()
            seed_now()
            assert heard.book.state is State.LIVE
        assert_true_within_reach(heard, venue)
        if random.random() < 0.3:
            told_wrong(heard, venue)
        if random.random() < 0.3:
            answer = random.choice(venue.answers[-12:])
            limit = random.choice(LISTINGS)
            before = heard.book.reach
            since = random.randrange(answer.diffs + 1)
            if heard.book.seed_id > answer.last_id:
                continue  # of an older epoch
            found = heard.book.widen(answer.snapshot(limit), limit, venue.sent[since:])
            assert (found is None) == (heard.book.reach == before)
            if found is not None:
                widened += 1
                ghosts += found.dropped
            assert_true_within_reach(heard, venue)
    assert widened > 5
    assert ghosts > 0


def widening(engine: str, limit: int, bids: list[Level], asks: list[Level], *changes: Change):
    """A book of five levels a side, 1.00 against 1.01, that stands at 9; a snapshot as of 8."""
    heard = Heard(engine)
    heard.depth(6, 8)
    sides = [[f'["{price / 100:.2f}","1"]' for price in prices] for prices in ((100, 99, 98, 97, 96),)]
    asks_text = ",".join(f'["1.{n:02d}","1"]' for n in range(1, 6))
    heard.seed(f'{{"lastUpdateId":7,"bids":[{",".join(sides[0])}],"asks":[{asks_text}]}}'.encode())
    heard.depth(9, 9, '["0.95","3"],["0.90","4"]', '["1.10","2"]')
    found = heard.book.widen(DepthSnapshot("X", 8, 0, tuple(bids), tuple(asks)), limit, changes)
    return heard.book, found


NEAR = [(price, 1000) for price in range(100, 95, -1)]
ASKS = [(price, 1000) for price in range(101, 106)]
NINE = Change(9, 0, [(95, 3000), (90, 4000)], [(110, 2000)])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_snapshot_teaches(engine: str) -> None:
    earlier = Change(8, 0, [(94, 77)], [])  # what the snapshot says of it came later
    book, found = widening(engine, 7, [*NEAR, (94, 9), (92, 8)], ASKS, earlier, NINE)
    assert found == Widened(2, 0)
    assert book.reach == Reach(92, 105, all_asks=True)  # five asks where seven were asked for
    assert book.top(9)[0] == [*NEAR, (95, 3000), (94, 9), (92, 8), (90, 4000)]
    assert book.top(9)[1] == [*ASKS, (110, 2000)], "it came after the snapshot"
    book, found = widening(engine, 7, [*NEAR, (94, 9), (89, 8)], ASKS)
    assert found == Widened(2, 3), "without the change of id 9, 0.95, 0.90 and 1.10 are ghosts"
    assert book.levels() == ([*NEAR, (94, 9), (89, 8)], ASKS)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_teaches_nothing(engine: str) -> None:
    book, found = widening(engine, 5, NEAR, ASKS, NINE)
    assert found is None, "it ends where the seed did"
    assert book.reach == Reach(96, 105)
    assert widening(engine, 3, NEAR[:3], ASKS[:3], NINE)[1] is None
    unknown = Heard(engine)
    assert unknown.book.widen(DepthSnapshot("X", 8, 0, (), ()), 5, []) is None, "there is no book"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_of_everything_certifies_everything(engine: str) -> None:
    book, found = widening(engine, 5000, [*NEAR, (1, 5)], ASKS, NINE)
    assert found == Widened(1, 0)
    assert book.reach is not None
    assert (book.reach.holds_bids(1), book.reach.holds_asks(10**9)) == (True, True)
    assert book.sample(5, (9_000.0,), 1).uncertified is None


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_may_teach_very_many_levels(engine: str) -> None:
    many = [(price, 1) for price in range(2_000, 105, -1)]
    book, found = widening(engine, 5000, NEAR, [*ASKS, *reversed(many)], NINE)
    assert found == Widened(len(many) - 1, 0)
    assert book.levels()[1] == [*ASKS, *((p, 2000 if p == 110 else 1) for p, _ in reversed(many))]
