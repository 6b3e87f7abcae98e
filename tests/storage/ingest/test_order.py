"""Which interval is newer: by ids, then by the venue's clock, then by the sequence; never by our clock."""

from __future__ import annotations

import pytest

from leadline.storage.ingest.order import SURE_NS, Newest, Orders

KEY = ("venue", "X")
HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize(
    ("is_recorded", "first_id", "event_ns", "numbering"),
    [
        pytest.param(False, 500, None, 3, id="goes-on"),
        pytest.param(False, 501, HOUR_NS, 3, id="goes-on-after-a-hole"),
        pytest.param(False, 1, 3 * HOUR_NS, 4, id="the-venue-counts-anew"),
        pytest.param(False, 1, None, 4, id="a-stream-hears-what-is-new"),
        pytest.param(True, 501, 3 * HOUR_NS, 3, id="a-recording-of-later"),
        pytest.param(True, 1, HOUR_NS, 3, id="a-recording-of-before"),
        pytest.param(True, 1, 3 * HOUR_NS, 4, id="a-recording-after-the-venue-counted-anew"),
        pytest.param(True, 1, None, 3, id="a-recording-that-tells-no-time"),
        pytest.param(True, 900, HOUR_NS, 2, id="a-recording-of-before-the-venue-counted-anew"),
        pytest.param(True, 900, 2 * HOUR_NS - SURE_NS, 3, id="the-venues-machines-differ"),
    ],
)
def test_numbering(is_recorded: bool, first_id: int, event_ns: int | None, numbering: int) -> None:
    orders = Orders(is_recorded, 0, {KEY: Newest(3, 500, 2 * HOUR_NS)})
    assert orders.numbering(KEY, first_id, event_ns) == numbering
    assert orders.numbering(("venue", "Y"), first_id, event_ns) == 1


def test_what_is_older_does_not_become_the_newest() -> None:
    orders = Orders()
    for numbering, last_id in ((1, 500), (2, 7), (1, 900), (2, 3)):
        orders.reach(KEY, numbering, last_id, None)
    assert orders.newest[KEY] == Newest(2, 7, None)


def test_the_sequence_is_one_for_the_database() -> None:
    orders = Orders()
    assert [orders.next_seq(), orders.copy().next_seq(), orders.next_seq()] == [1, 2, 2]
