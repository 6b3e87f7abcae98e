"""Samples of stored books: how far they are certified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.streaming.sampling import StoreSamples
from leadline.storage.access.connect import connect
from tests.storage.signals.market import SYMBOL, VENUE, Stored


@pytest.mark.parametrize(("window", "bids_bps", "asks_bps"), [(None, 10_000, 10_000), (2, 150, 150)])
def test_a_window_ends_where_its_levels_end_and_not_where_the_seeds_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int | None, bids_bps: int, asks_bps: int
) -> None:
    db = tmp_path / "x.duckdb"
    with connect(db, write=True) as con:
        market = Stored(con)
        market.covered(-120, -1, 20)
        market.seed(-120, 10, {99.5: 2, 98: 5}, {100.5: 4, 103: 1})
        market.diff(-60, 11, 20, {98.5: 1, 98: 0}, {101.5: 1, 103: 0})
        apart = replace(spec_of(VENUE), window=window)
        monkeypatch.setattr("leadline.flows.streaming.sampling.spec_of", lambda _: apart)
        taken = StoreSamples()
        taken.take(con, Settings(db=db, venue=VENUE, symbols=(SYMBOL,)), SYMBOL)
    (sample,) = taken.samples
    assert sample.trusted, sample.reason
    assert sample.certified_bid_bps == pytest.approx(bids_bps)
    assert sample.certified_ask_bps == pytest.approx(asks_bps)
