"""Frames of converted data, read back by the decoder that will read them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.venues.converted.frames import FrameWriter
from leadline.book.venues.registry import MARKETS, converted_venue, find_spec, spec_of

SPEC = spec_of("converted-deribit")


def test_ids_follow_each_other_and_no_ticker_shares_one() -> None:
    frames = FrameWriter("BTC-PERPETUAL")
    seed = json.loads(frames.snapshot([("1", "2")], [("3", "4")]))
    ticker = json.loads(frames.ticker(("1", "2"), ("3", "4")))
    diffs = [json.loads(frames.diff(1, [("1", "0")], []))["data"] for _ in range(3)]
    assert seed["stream"] == "btc-perpetual@snapshot"
    firsts, lasts = [d["U"] for d in diffs], [d["u"] for d in diffs]
    assert firsts == [last + 1 for last in (seed["data"]["lastUpdateId"], *lasts[:-1])]
    assert ticker["data"]["u"] not in {seed["data"]["lastUpdateId"], *lasts}


@given(st.lists(st.sampled_from(["diff", "ticker", "snapshot"]), max_size=20))
def test_whatever_is_written_joins(script: list[str]) -> None:
    frames, at = FrameWriter("X"), None
    seed = json.loads(frames.snapshot([], []))["data"]["lastUpdateId"]
    for what in script:
        if what == "ticker":
            frames.ticker(("1", "1"), ("2", "1"))
        elif what == "snapshot":
            seed, at = json.loads(frames.snapshot([], []))["data"]["lastUpdateId"], None
        else:
            first = json.loads(frames.diff(0, [], []))["data"]
            assert first["U"] == (seed if at is None else at) + 1
            at = first["u"]


@pytest.mark.parametrize("symbol", ["", "a@b"])
def test_a_symbol_that_no_stream_can_name_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="expected a name without '@'"):
        FrameWriter(symbol)


def test_the_names_and_what_they_promise() -> None:
    by_tardis = {spec.tardis_name: spec.name for spec in reversed(MARKETS)}  # the first of several depths
    for spec in MARKETS:
        assert converted_venue(spec.name) == f"converted-{spec.name}"
        named = by_tardis[spec.tardis_name]
        assert spec.tardis_name is None or converted_venue(spec.tardis_name) == f"converted-{named}"
        found = spec_of(f"converted-{spec.name}")
        assert (found.taker_fee_bps, found.tardis_name) == (spec.taker_fee_bps, spec.tardis_name)
        assert found.caveat is not None
        assert (found.faith.bracket, found.faith.refute, found.same_ids) == (False, False, False)
    assert SPEC.taker_fee_bps == max(spec.taker_fee_bps for spec in MARKETS)
    assert SPEC.name == "converted-deribit"
    assert find_spec("converted-") is None
    assert find_spec("deribit") is None
