from __future__ import annotations

import pytest

from leadline.tasks.net.clock import ClockOffset, clock_offset, stream_offset


@pytest.mark.parametrize(
    ("sent_ns", "received_ns", "server_ms", "offset_ns", "error_ns"),
    [
        pytest.param(0, 0, 0, 500_000, 500_000, id="no-trip-half-a-millisecond-cut-off"),
        pytest.param(10_000_000, 30_000_000, 20, 500_000, 10_500_000, id="same-clock"),
        pytest.param(1_000_000_000, 1_020_000_000, 2_282, 1_272_500_000, 10_500_000, id="ours-is-behind"),
        pytest.param(5_000_000_000, 5_000_000_000, 4_000, -999_500_000, 500_000, id="ours-is-ahead"),
    ],
)
def test_offset(sent_ns: int, received_ns: int, server_ms: int, offset_ns: int, error_ns: int) -> None:
    assert clock_offset(sent_ns, received_ns, server_ms * 1_000_000) == ClockOffset(
        offset_ns, error_ns, received_ns - sent_ns
    )


def test_a_finer_unit_leaves_less_to_doubt() -> None:
    assert clock_offset(0, 2_000, 1_000, unit_ns=1_000) == ClockOffset(500, 1_500, 2_000)


@pytest.mark.parametrize("trip_ms", [0, 3, 40, 150])
@pytest.mark.parametrize("offset_ms", [-1_500, 0, 1_272])
def test_event_times_alone_bound_the_offset(offset_ms: int, trip_ms: int) -> None:
    """Whatever the quickest message took, if it is not slower than any cable."""
    happened_ns = 1_700_000_000_123_456_789
    event_ns = (happened_ns + offset_ms * 1_000_000) // 1_000_000 * 1_000_000  # as the venue writes it
    estimate = stream_offset(event_ns - (happened_ns + trip_ms * 1_000_000))
    assert abs(estimate.offset_ns - offset_ms * 1_000_000) <= estimate.error_ns
