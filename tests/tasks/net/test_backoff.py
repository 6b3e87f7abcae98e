from __future__ import annotations

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leadline.tasks.net.backoff import delays


class Highest(Random):
    """Draws the top of every range, so that the bounds themselves can be read."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_bounds_double_up_to_the_cap() -> None:
    waits = list(islice(delays(Highest(), first_s=0.5, factor=2, cap_s=30), 9))
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_it_never_ends_or_overflows() -> None:
    assert next(islice(delays(Highest(), factor=10, cap_s=60), 5_000, None)) == 60


@given(st.integers(), st.floats(0.01, 5), st.floats(1, 60))
def test_jitter_is_full_and_within_bounds(seed: int, first_s: float, cap_s: float) -> None:
    waits = list(islice(delays(Random(seed), first_s=first_s, cap_s=cap_s), 60))
    assert all(0 <= wait <= cap_s for wait in waits)
    assert waits[0] <= first_s
    # Full jitter uses the lower half of the range too: 2**-50 to miss it by chance.
    assert min(waits[10:]) < cap_s / 2
