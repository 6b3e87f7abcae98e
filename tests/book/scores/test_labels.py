"""What followed a decision: from covered time only, nothing from outside the window; else a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.book.scores.labels import (
    CROSSED,
    MOST_AGE_NS,
    NO_PRICE,
    NOT_COVERED,
    NS,
    OK,
    Covered,
    Label,
    Quotes,
    joined,
    label,
)

Rows = list[tuple[float, float, float]]  # seconds, bid, ask


def quotes(rows: Rows) -> Quotes:
    return Quotes(
        np.array([int(row[0] * NS) for row in rows], np.int64),
        np.arange(100, 100 + len(rows)),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float64),
    )


def covered(since: float, to: float, first: int, last: int, ended_by: str | None = None) -> Covered:
    return Covered(int(since * NS), int(to * NS), first, last, ended_by)


WHOLE = [covered(0, 1000, 1, 999)]
ROWS: Rows = [(1, 99, 101), (9, 199, 201), (9.5, 99.5, 100.5), (19.9, 100, 102), (20.1, 300, 301)]


def of(start_s: float, horizon_s: int, cover: list[Covered] = WHOLE, rows: Rows = ROWS) -> Label | None:
    return label(int(start_s * NS), horizon_s, joined(cover), quotes(rows))


def test_the_return_is_from_the_prices_in_force_at_both_ends() -> None:
    told = of(10, 10)
    assert told is not None
    assert (told.status, told.mid_start, told.mid_end) == (OK, 100.0, 101.0)
    assert told.return_bps == pytest.approx(100.0)
    assert told.half_spread_start_bps == pytest.approx(50.0)
    assert told.half_spread_end_bps == pytest.approx(1e4 / 101)
    assert (told.start_id, told.end_id) == (102, 103)


@pytest.mark.parametrize(
    ("cover", "status"),
    [
        pytest.param([covered(0, 20, 1, 9)], OK, id="stored-to-its-end"),
        pytest.param([covered(0, 19.9, 1, 9)], None, id="not-stored-yet"),
        pytest.param([covered(0, 20, 1, 9, "gap")], OK, id="ended-after"),
        pytest.param([covered(0, 19.9, 1, 9, "gap")], "gap", id="ended-inside"),
        pytest.param([covered(0, 15, 1, 9, "gap"), covered(15.001, 99, 12, 99)], "gap", id="a-short-gap"),
        pytest.param(
            [covered(0, 15, 1, 9, "crossed"), covered(15, 99, 12, 99)], "crossed", id="updates-missing"
        ),
        pytest.param([covered(0, 15, 1, 9, "handover"), covered(15, 99, 9, 99)], OK, id="handed-over"),
        pytest.param(
            [covered(0, 15, 1, 9, "handover"), covered(15, 18, 10, 20)], None, id="handed-over-not-yet"
        ),
        pytest.param(
            [covered(0, 5, 1, 9, "gap"), covered(11, 99, 12, 99)], NOT_COVERED, id="begun-in-a-gap"
        ),
        pytest.param([covered(11, 99, 12, 99)], NOT_COVERED, id="begun-before"),
        pytest.param([], NOT_COVERED, id="never-covered"),
    ],
)
def test_a_window_counts_only_where_covered_from_end_to_end(
    cover: list[Covered], status: str | None
) -> None:
    told = of(10, 10, cover)
    assert (told.status if told else None) == status
    if told is not None and told.status != OK:
        assert (told.return_bps, told.mid_start, told.mid_end) == (None, None, None)


@pytest.mark.parametrize(
    ("rows", "cover", "status"),
    [
        pytest.param([], WHOLE, NO_PRICE, id="none"),
        pytest.param([(10.1, 99, 101)], WHOLE, NO_PRICE, id="none-at-the-start"),
        pytest.param([(1, 99, 101)], [covered(2, 99, 1, 9)], NO_PRICE, id="of-another-interval"),
        pytest.param([(1, 99, 101)], WHOLE, OK, id="unchanged"),
        pytest.param([(1, 101, 101)], WHOLE, CROSSED, id="locked"),
        pytest.param([(1, 99, 101), (15, 103, 101)], WHOLE, CROSSED, id="crossed-at-the-end"),
        pytest.param([(1, 99, 101), (15, 103, 101), (16, 99, 101)], WHOLE, OK, id="crossed-between"),
    ],
)
def test_without_sound_prices_there_is_no_return(rows: Rows, cover: list[Covered], status: str) -> None:
    told = of(10, 10, cover, rows)
    assert told is not None
    assert told.status == status


def test_prices_of_a_silent_stream_are_none() -> None:
    age_s = MOST_AGE_NS // NS
    rows: Rows = [(10, 99, 101)]
    assert of(10, age_s, rows=rows).status == OK  # type: ignore[union-attr]
    assert of(10, age_s + 1, rows=rows).status == NO_PRICE  # type: ignore[union-attr]


PRICES = st.tuples(st.floats(0, 100), st.floats(1, 50), st.floats(51, 99))


@settings(deadline=None)
@given(
    st.lists(PRICES, min_size=1, max_size=30),
    st.floats(5, 60),
    st.sampled_from([1, 10, 30]),
    st.lists(PRICES, max_size=10),
)
def test_what_lies_outside_the_window_changes_no_label(
    rows: Rows, start_s: float, horizon_s: int, others: Rows
) -> None:
    """Whatever else is received: after the end, or before the prices in force at the start."""
    rows = sorted(rows)
    told = of(start_s, horizon_s, rows=rows)
    assert told is not None
    before = [row[0] for row in rows if int(row[0] * NS) <= int(start_s * NS)]
    end_ns = int(start_s * NS) + horizon_s * NS
    outside = [row for row in others if int(row[0] * NS) > end_ns or (before and row[0] < before[-1])]
    more = sorted([*rows, *outside])
    again = of(start_s, horizon_s, rows=more)
    assert again is not None
    assert replace(again, start_id=None, end_id=None) == replace(told, start_id=None, end_id=None)
    # And what is stored later, or of later intervals, changes nothing either.
    later = [Covered(0, end_ns, 1, 50, "gap"), Covered(end_ns + 5 * NS, 2000 * NS, 70, 90)]
    assert of(start_s, horizon_s, later, rows) == told
