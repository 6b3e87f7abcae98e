from __future__ import annotations

import random

import pytest

from leadline.tasks.feed.connections.merger import Frame, Merger
from leadline.tasks.venues.binance.ids import read_ids
from leadline.tasks.venues.common.adapter import Ids


def diff(first: int, last: int, *, prev: int | None = None) -> bytes:
    tail = "" if prev is None else f',"pu":{prev}'
    return f'{{"stream":"a@depth","data":{{"e":"depthUpdate","U":{first},"u":{last}{tail}}}}}'.encode()


def trade(number: int) -> bytes:
    return f'{{"stream":"a@trade","data":{{"e":"trade","T":9,"t":{number}}}}}'.encode()


class Two:
    """Two legs; what went on is kept as the newest ids, in order."""

    def __init__(self) -> None:
        self.merger = Merger(read_ids)
        self.now_ns = 0
        self.out: list[int] = []

    def hear(self, leg: int, *frames: bytes, later_ns: int = 1_000_000) -> None:
        for data in frames:
            self.now_ns += later_ns
            self.out += self._ids(self.merger.take(leg, Frame(data, self.now_ns, self.now_ns)))

    def end(self, leg: int) -> None:
        self.out += self._ids(self.merger.drop(leg))

    @staticmethod
    def _ids(frames: list[Frame]) -> list[int]:
        return [ids.last_id for frame in frames if (ids := read_ids(frame.data)) is not None]


@pytest.mark.parametrize(
    ("frame", "ids"),
    [
        (diff(5, 7), Ids(b"a@depth", 7, 4)),
        (diff(5, 7, prev=3), Ids(b"a@depth", 7, 3)),
        (trade(8), Ids(b"a@trade", 8, -1)),
        (b'{"stream":"a@bookTicker","data":{"u":12,"s":"A"}}', Ids(b"a@bookTicker", 12, -1)),
        (b'{"stream":"a@aggTrade","data":{"e":"aggTrade","a":3}}', Ids(b"a@aggTrade", 3, -1)),
        (b'{"stream":"a@depth20@100ms","data":{"lastUpdateId":5}}', Ids(b"a@depth20@100ms", 5, -1)),
        (b'{"stream":"a@depth20","data":{"U":3,"u":5,"pu":1}}', Ids(b"a@depth20", 5, -1)),
        (b'{"result":null,"id":1}', None),
        (b'{"stream":"a@depth","data":{"u":}}', None),
        (b"\x00\xff", None),
    ],
)
def test_what_a_frame_says(frame: bytes, ids: Ids | None) -> None:
    assert read_ids(frame) == ids


def test_a_leg_ahead_waits_until_ids_overlap() -> None:
    two = Two()
    two.hear(0, diff(1, 1))
    two.hear(1, diff(4, 4), diff(5, 5))
    assert (two.out, two.merger.is_joined) == ([1], False)
    two.hear(0, diff(2, 3), diff(4, 4))
    assert two.merger.is_joined
    assert two.out == [1, 3, 4, 5]
    two.hear(0, diff(5, 5))
    two.hear(1, diff(6, 6))
    assert two.out == [1, 3, 4, 5, 6]


def test_the_end_of_the_leg_in_use_lets_go_what_was_kept_back() -> None:
    two = Two()
    two.hear(0, diff(1, 1), trade(1))
    two.hear(1, diff(4, 4), trade(2), diff(5, 5))
    two.end(0)
    assert two.out == [1, 1, 4, 2, 5], "a hole of 2 and 3, for the book to find"


def test_a_hole_in_one_leg_is_filled_by_the_other() -> None:
    two = Two()
    for leg in (0, 1):
        two.hear(leg, diff(1, 1))
    two.hear(0, diff(3, 3), diff(4, 4))  # 2 was lost on this leg
    assert two.out == [1]
    two.hear(1, diff(2, 2), diff(3, 3), diff(4, 4))
    two.hear(0, diff(5, 5))
    assert two.out == [1, 2, 3, 4, 5]
    count = two.merger.counts[0]
    assert (count.holes, count.lost_ids) == (1, 1)


def test_a_hole_in_both_legs_is_real() -> None:
    two = Two()
    for leg in (0, 1):
        two.hear(leg, diff(1, 1))
    for leg in (0, 1):
        two.hear(leg, diff(3, 3), diff(4, 4))
    assert two.out == [1, 3, 4]


def test_ids_that_go_back_are_believed() -> None:
    two = Two()
    for leg in (0, 1):
        two.hear(leg, diff(100, 100))
    two.hear(0, diff(1, 1), diff(2, 2))
    assert two.out == [100, 1, 2]


def test_lead_and_counts() -> None:
    two = Two()
    for leg in (0, 1):
        two.hear(leg, diff(1, 1))
    for number in range(2, 12):
        two.hear(1, diff(number, number))
        two.hear(0, diff(number, number), later_ns=3_000_000)
    old, new = two.merger.counts
    assert (old.frames, old.first, old.repeats) == (11, 1, 10)
    assert (new.frames, new.first, new.repeats) == (11, 10, 1)
    assert new.leads_ms() == (3.0, 3.0)


def test_any_interleaving_of_two_whole_legs_gives_the_stream_once_and_in_order() -> None:
    rng = random.Random(5)
    for _ in range(300):
        frames = [diff(n, n) for n in range(1, 30)] + [trade(n) for n in range(1, 30)]
        rng.shuffle(frames)
        frames.sort(key=lambda data: read_ids(data).last_id)  # type: ignore[union-attr]
        begins = rng.randrange(1, 40)
        legs = [list(frames), frames[begins:]]
        two, ends = Two(), rng.randrange(begins + 1, len(frames) + 1)
        legs[0] = legs[0][:ends]  # the first leg ends somewhere behind where the second begins
        while legs[0]:
            leg = 1 if legs[1] and rng.random() < 0.5 and len(legs[0]) < len(frames) - begins else 0
            two.hear(leg, legs[leg].pop(0))
        two.end(0)
        tail = two.merger.tail(1)
        two.out += two._ids([Frame(data, 0, 0) for data in legs[1] if tail.passes(data)])
        assert sorted(two.out) == sorted(2 * list(range(1, 30)))


def test_the_leg_in_use_goes_on_alone_without_what_the_other_brought_first() -> None:
    two = Two()
    for leg in (0, 1):
        two.hear(leg, trade(1))
    two.hear(1, trade(2), trade(3))
    two.end(1)
    tail = two.merger.tail(0)
    rest = [Frame(trade(number), 0, 0) for number in (2, 3, 4)]
    assert two._ids([frame for frame in rest if tail.passes(frame.data)]) == [4]
    assert tail.is_over
