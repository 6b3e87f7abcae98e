"""Streams of a synthetic symbol in Binance's words."""

from __future__ import annotations

import pytest

from leadline.book.errors import BadInput
from leadline.tasks.loopback import Fault


async def test_a_venue_that_never_numbers_anew_refuses_to_restart(venue):
    with pytest.raises(BadInput, match="ETHUSDT: this venue never numbers a stream anew"):
        venue.inject(Fault("restart", "ETHUSDT"))
