"""Times of columns as whole nanoseconds."""

from __future__ import annotations

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

from leadline.storage.access.sql import EPOCH, ns_of


@given(st.integers(0, 4_000_000_000_000_000))
@example(1_780_005_600_123_457)
def test_a_time_comes_back_to_the_microsecond(us: int) -> None:
    assert ns_of(EPOCH + dt.timedelta(microseconds=us)) == us * 1000
