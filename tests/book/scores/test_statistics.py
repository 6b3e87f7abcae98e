"""The formulas against published values and against what they promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.book.scores.statistics import (
    LEAST_DF,
    MOST_DF,
    MOST_INSTANTS,
    Timeline,
    benjamini_hochberg,
    brier,
    holm,
    log_loss,
    ranks,
    reliability,
    spearman,
    t_quantile,
    t_tail,
    wilson,
)

SECOND = 1_000_000_000


def apart(n: int, every_s: float = 30.0, horizon_s: float = 1.0) -> Timeline:
    return Timeline(np.arange(n) * int(every_s * SECOND), int(horizon_s * SECOND))


@pytest.mark.parametrize(
    ("share", "df", "wanted"),
    [  # any table of Student's t
        (0.975, 1, 12.7062),
        (0.975, 2, 4.3027),
        (0.975, 4, 2.7764),
        (0.975, 9, 2.2622),
        (0.95, 9, 1.8331),
        (0.995, 29, 2.7564),
        (0.975, 40, 2.0211),
    ],
)
def test_students_t(share: float, df: int, wanted: float) -> None:
    assert t_quantile(share, df) == pytest.approx(wanted, abs=1e-4)
    assert t_tail(wanted, df) == pytest.approx(1 - share, abs=1e-5)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0, 30))
def test_the_tail_is_the_integral_of_the_density(df: int, t: float) -> None:
    """Simpson's rule over t = sqrt(df) tan(a), where the density is a cosine to the power df - 1."""
    a = np.linspace(math.atan(t / math.sqrt(df)), math.pi / 2, 2001)
    y = np.cos(a) ** (df - 1)
    area = (y[0] + y[-1] + 4 * y[1::2].sum() + 2 * y[2:-1:2].sum()) * (a[1] - a[0]) / 3
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi)
    assert t_tail(t, df) == pytest.approx(area * scale, abs=1e-9)


def test_wilson() -> None:
    # 81 of 263: Newcombe (1998), method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_windows_that_do_not_overlap_are_counted_as_they_are() -> None:
    assert (apart(400).windows, apart(400).df) == (400, MOST_DF)
    assert apart(60).df == 18
    # Ten to a window: 1,199 steps of 30 s are 35,970 s, and the last window goes on for 300.
    assert apart(1200, horizon_s=300).windows == pytest.approx(120.9)
    assert apart(1200, horizon_s=300).df == 36
    # A night without decisions is one window more, not a thousand.
    times = np.concatenate((np.arange(10), 100_000 + np.arange(10))) * SECOND
    assert Timeline(times, SECOND).windows == 20


def test_few_windows_give_no_interval() -> None:
    timeline = apart(100, horizon_s=900)  # three and a half of them
    found = timeline.mean(np.arange(100.0))
    assert timeline.df < LEAST_DF
    assert (found.value, found.low, found.p, found.n) == (49.5, None, None, 100)
    share, low, high = timeline.share(np.arange(100) < 50)
    assert share.value == 0.5
    assert (low, high) == wilson(timeline.windows / 2, timeline.windows)


def test_what_is_copied_adds_nothing() -> None:
    """Symbols that move as one are one."""
    rng = np.random.default_rng(1)
    values, at = rng.normal(0.3, 1, 100), np.arange(100) * SECOND
    single = Timeline(at, SECOND).mean(values)
    copied = Timeline(np.repeat(at, 25), SECOND).mean(np.repeat(values, 25))
    assert (copied.value, copied.se, copied.p) == pytest.approx((single.value, single.se, single.p))
    shuffled = rng.permutation(2500)
    again = Timeline(np.repeat(at, 25)[shuffled], SECOND).mean(np.repeat(values, 25)[shuffled])
    assert (again.se, again.n) == (pytest.approx(single.se), 2500)


def test_the_error_is_that_of_the_mean() -> None:
    """Over many draws the estimated variance is the true one; 400 draws of 36 degrees: to 1.2 %."""
    rng = np.random.default_rng(2)
    timeline = apart(120)
    squares = [(timeline.mean(rng.normal(0, 3, 120)).se or 0) ** 2 for _ in range(400)]
    assert np.mean(squares) == pytest.approx(9 / 120, rel=0.06)


def test_many_instants_are_taken_together() -> None:
    rng = np.random.default_rng(3)
    n = 4 * MOST_INSTANTS
    values = rng.normal(0, 1, n)
    found = apart(n).mean(values)
    assert found.se == pytest.approx(1 / math.sqrt(n), rel=0.45)  # chi of 40 degrees: 4 standard errors
    assert found.n == n


def test_a_sample_that_never_differs_is_certain() -> None:
    assert apart(50).mean(np.zeros(50)).p == 1.0
    assert apart(50).mean(np.ones(50)).p == 0.0
    _, low, high = apart(50).share(np.ones(50, bool))
    assert (low, high) == (pytest.approx(0.915, abs=0.02), 1.0)


def test_detectable_is_found_four_times_in_five() -> None:
    """Of 600 draws, 0.8 of them; 0.73 and 0.87 are over four standard errors away."""
    rng = np.random.default_rng(4)
    timeline = apart(120)
    sizes = [timeline.mean(rng.normal(0, 1, 120)).detectable or 0 for _ in range(100)]
    size = float(np.mean(sizes))
    found = np.mean([(timeline.mean(rng.normal(size, 1, 120)).p or 1) < 0.05 for _ in range(600)])
    assert 0.73 < found < 0.87


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros(3)])
def test_values_and_moments_must_match(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected 5 values, got"):
        apart(5).mean(values)
    with pytest.raises(ValueError, match="above 0, got 0"):
        apart(5, horizon_s=0)


def test_ranks_and_spearman() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    x = np.arange(50.0)
    found = spearman(x, x**3, apart(50))
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert spearman(x, np.ones(50), apart(50)) is None
    rng = np.random.default_rng(3)
    a = rng.normal(size=2000)
    found = spearman(a, a + rng.normal(size=2000), apart(2000))
    assert found is not None
    # For normal variables: 6/pi asin(r/2), here r = 1/sqrt(2).
    assert found.value == pytest.approx(6 / math.pi * math.asin(math.sqrt(0.5) / 2), abs=0.05)
    assert found.low is not None
    assert found.low < found.value < (found.high or 0)


def test_calibration() -> None:
    confidence = np.array([0.5, 0.9, 0.9, 1.0])
    came_true = np.array([True, True, False, True])
    assert brier(confidence, came_true) == pytest.approx((0.25 + 0.01 + 0.81) / 4)
    assert log_loss(confidence, came_true) == pytest.approx(
        -(math.log(0.5) + math.log(0.9) + math.log(0.1) + math.log(1 - 1e-6)) / 4
    )
    told = reliability(confidence, came_true)
    assert [(b.low, b.n, b.came_true) for b in told] == [(0.5, 1, 1.0), (0.9, 3, pytest.approx(2 / 3))]


def test_holm() -> None:
    # Holm (1979): the smallest of k times k, then k - 1 … and never less than the one before.
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])
    assert holm([]) == []


def test_benjamini_hochberg() -> None:
    # Their example of 15, the first four of which are found at 0.05: Benjamini and Hochberg (1995), 3.2.
    ps = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
        0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    adjusted = benjamini_hochberg([*ps[::-1], None])[::-1]
    assert adjusted[0] is None
    assert [p < 0.05 for p in adjusted[1:] if p is not None] == [True] * 4 + [False] * 11
    assert adjusted[1] == pytest.approx(0.0015)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([holm, benjamini_hochberg]))
def test_adjusting_keeps_the_order_and_never_helps(ps: list[float], adjust: object) -> None:
    adjusted = adjust(ps)  # type: ignore[operator]
    pairs = sorted(zip(ps, adjusted, strict=True))
    assert all(p <= b * (1 + 1e-12) and b <= 1 for p, b in pairs)
    assert all(x[1] <= y[1] for x, y in itertools.pairwise(pairs))
