from __future__ import annotations

import pytest

from leadline.book.errors import BadFrame
from leadline.book.sync.rules import Join
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from tests.book.transcript import diff

OLD, NEXT, GAP = Join.OLD, Join.NEXT, Join.GAP


@pytest.mark.parametrize("bridged", [True, False])
@pytest.mark.parametrize(
    ("at", "heard", "verdict"),
    [
        pytest.param(10, diff(11, 12), NEXT, id="follows"),
        pytest.param(10, diff(11, 11), NEXT, id="single-update"),
        pytest.param(10, diff(8, 12), NEXT, id="overlaps"),
        pytest.param(10, diff(10, 11), NEXT, id="begins-at-last-id"),
        pytest.param(10, diff(12, 13), GAP, id="one-missing"),
        pytest.param(10, diff(500, 600), GAP, id="many-missing"),
        pytest.param(10, diff(8, 10), OLD, id="ends-at-last-id"),
        pytest.param(10, diff(1, 2), OLD, id="long-past"),
        pytest.param(-1, diff(0, 3), NEXT, id="first-ever"),
        pytest.param(-1, diff(1, 3), GAP, id="not-the-first-ever"),
    ],
)
def test_spot(at, heard, verdict, bridged):
    assert SPOT.judge(heard, at, bridged=bridged) is verdict


@pytest.mark.parametrize(
    ("at", "heard", "bridged", "verdict"),
    [
        pytest.param(10, diff(14, 16, 10), True, NEXT, id="pu-is-last-id"),
        pytest.param(10, diff(11, 16, 9), True, GAP, id="pu-below-though-U-follows"),
        pytest.param(10, diff(11, 16, 12), True, GAP, id="pu-beyond-though-U-follows"),
        pytest.param(10, diff(8, 10, 7), True, OLD, id="repeat"),
        pytest.param(10, diff(3, 5, 2), True, OLD, id="long-past"),
        pytest.param(10, diff(8, 12, 7), False, NEXT, id="bridge-straddles-seed"),
        pytest.param(10, diff(10, 12, 7), False, NEXT, id="bridge-begins-at-seed"),
        pytest.param(10, diff(14, 16, 10), False, NEXT, id="bridge-by-pu"),
        pytest.param(10, diff(12, 16, 8), False, NEXT, id="seed-between-pu-and-U"),
        pytest.param(10, diff(8, 10, 7), False, OLD, id="ends-at-seed"),
        pytest.param(10, diff(12, 16, 11), False, GAP, id="pu-beyond-seed"),
    ],
)
def test_futures(at, heard, bridged, verdict):
    assert FUTURES.judge(heard, at, bridged=bridged) is verdict


def test_what_a_gap_reports():
    assert (SPOT.expected_id(10), SPOT.got_id(diff(14, 16))) == (11, 14)
    assert (FUTURES.expected_id(10), FUTURES.got_id(diff(14, 16, 12))) == (10, 12)


def test_oldest_seed_a_buffer_can_join():
    assert SPOT.oldest_seed(diff(14, 16)) == 14
    assert FUTURES.oldest_seed(diff(14, 16, 12)) == 12


@pytest.mark.parametrize(
    "ask",
    [
        lambda d: FUTURES.judge(d, 3, bridged=True),
        lambda d: FUTURES.judge(d, 3, bridged=False),
        FUTURES.oldest_seed,
        FUTURES.got_id,
    ],
)
def test_futures_diff_without_pu_is_refused(ask):
    with pytest.raises(BadFrame, match=r"diff 5\.\.7: expected pu on futures, got none"):
        ask(diff(5, 7))
