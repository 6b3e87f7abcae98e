from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.engine.plain_ladder import PlainLadder, Side
from leadline.book.errors import EmptySide
from leadline.book.messages import Bbo
from leadline.book.sync.ladder import TopState
from tests.book.transcript import diff, seed

BIDS = ((100, 1), (99, 2), (97, 3))
ASKS = ((101, 4), (103, 5))


def seeded() -> PlainLadder:
    ladder = PlainLadder()
    ladder.seed(seed(10, at_us=5, bids=BIDS, asks=ASKS))
    return ladder


def test_new_ladder_is_empty():
    ladder = PlainLadder()
    assert (ladder.last_id, ladder.top(), ladder.level_counts()) == (-1, ([], []), (0, 0))
    assert ladder.top_state() is TopState.EMPTY_SIDE
    with pytest.raises(EmptySide, match="0 bid and 0 ask levels at id -1"):
        ladder.best()


def test_seed_replaces_everything():
    ladder = seeded()
    ladder.seed(seed(20, bids=((90, 1),), asks=((91, 1), (92, 0))))
    assert (ladder.last_id, ladder.top()) == (20, ([(90, 1)], [(91, 1)]))


def test_best_first_on_both_sides():
    ladder = seeded()
    assert ladder.best() == Bbo(100, 1, 101, 4)
    assert ladder.top() == (list(BIDS), list(ASKS))
    assert ladder.top(1) == ([BIDS[0]], [ASKS[0]])
    assert ladder.top(0) == ([], [])
    assert (ladder.last_id, ladder.last_recv_ns) == (10, 5000)


@pytest.mark.parametrize(
    ("bids", "asks", "top"),
    [
        pytest.param(
            ((100, 7),), (), ([(100, 7), (99, 2), (97, 3)], list(ASKS)), id="quantity-is-absolute"
        ),
        pytest.param(((98, 7),), (), ([(100, 1), (99, 2), (98, 7), (97, 3)], list(ASKS)), id="insert"),
        pytest.param(((99, 0),), (), ([(100, 1), (97, 3)], list(ASKS)), id="zero-deletes"),
        pytest.param(((100, 0),), (), ([(99, 2), (97, 3)], list(ASKS)), id="best-deleted"),
        pytest.param(((96, 0),), ((500, 0),), (list(BIDS), list(ASKS)), id="unknown-delete"),
        pytest.param((), ((102, 1), (101, 0)), (list(BIDS), [(102, 1), (103, 5)]), id="ask-moves-up"),
        pytest.param(
            ((100, 0), (100, 9)), (), ([(100, 9), (99, 2), (97, 3)], list(ASKS)), id="last-one-counts"
        ),
        pytest.param(tuple((p, 0) for p, _ in BIDS), (), ([], list(ASKS)), id="side-emptied"),
        pytest.param(
            (), ((99_999, 1), (100_000, 1)), (list(BIDS), [*ASKS, (99_999, 1), (100_000, 1)]), id="digits"
        ),
    ],
)
def test_apply(bids, asks, top):
    ladder = seeded()
    ladder.apply(diff(11, 12, bids=bids, asks=asks))
    assert ladder.top() == top
    assert ladder.level_counts() == (len(top[0]), len(top[1]))
    assert (ladder.last_id, ladder.last_recv_ns) == (12, 12_000_000)


@pytest.mark.parametrize(
    ("bids", "asks", "state"),
    [
        (BIDS, ASKS, TopState.SOUND),
        ((), ASKS, TopState.EMPTY_SIDE),
        (BIDS, (), TopState.EMPTY_SIDE),
        (((101, 1),), ASKS, TopState.CROSSED),
        (((105, 1),), ASKS, TopState.CROSSED),
    ],
)
def test_top_state(bids, asks, state):
    ladder = PlainLadder()
    ladder.seed(seed(1, bids=bids, asks=asks))
    assert ladder.top_state() is state


def test_clear():
    ladder = seeded()
    ladder.clear()
    assert (ladder.last_id, ladder.last_recv_ns, ladder.top()) == (-1, 0, ([], []))
    assert ladder.top_state() is TopState.EMPTY_SIDE


def test_levels_outside_a_band():
    ladder = seeded()
    assert ladder.bids.count_outside(98, 100) == 1
    assert ladder.asks.count_outside(98, 102) == 1


LEVELS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=8)


@given(is_bid=st.booleans(), start=LEVELS, steps=st.lists(LEVELS, max_size=6))
def test_a_side_is_a_dict_that_knows_its_best(is_bid, start, steps):
    side = Side(is_bid=is_bid)
    side.replace(start)
    model: dict[int, int] = {}
    for levels in (start, *steps):
        if levels is not start:
            side.update(levels)
        model.update(levels)
        model = {price: lots for price, lots in model.items() if lots}
        expected = sorted(model.items(), reverse=is_bid)
        assert side.top() == expected
        assert side.top(2) == expected[:2]
        assert (side.best, len(side)) == (expected[0][0] if expected else None, len(expected))
