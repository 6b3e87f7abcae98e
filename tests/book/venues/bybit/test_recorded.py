"""Bybit's frames in recordings, told by their outside."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.book.scale import Scale
from leadline.book.venues.bybit.specs import CAVEAT, DEPTHS, LINEAR, SPECS
from leadline.book.venues.common.recorded import RecordedKind
from tests.book.venues.bybit.frames import (
    DEEP,
    DELTA,
    FILLS,
    LINEAR_INSTRUMENTS,
    LINEAR_SNAPSHOT,
    PONG,
    REST_BOOK,
    SPOT_DELTA,
    SPOT_INSTRUMENTS,
    SPOT_TRADES,
    SUBSCRIBED,
    TOP,
    TRADE,
    changed,
)

RECORDED = {levels: spec.recorded for levels, spec in LINEAR.items()}


@pytest.mark.parametrize("levels", DEPTHS)
def test_books_of_the_depth_that_is_kept_are_diffs_and_no_others(levels: int) -> None:
    frames = {50: (LINEAR_SNAPSHOT, DELTA, SPOT_DELTA), 1000: DEEP, 200: (), 1: (TOP,)}
    for depth, each in frames.items():
        kinds = {RECORDED[levels].kind(frame) for frame in each}
        assert kinds <= {RecordedKind.DIFF if depth == levels else RecordedKind.OTHER}


@pytest.mark.parametrize("frame", [LINEAR_INSTRUMENTS, SPOT_INSTRUMENTS])
def test_a_listing(frame: bytes) -> None:
    assert RECORDED[50].kind(frame) is RecordedKind.LISTING
    assert RECORDED[50].symbol(frame) is None


@pytest.mark.parametrize("frame", [TRADE, FILLS, SPOT_TRADES, TOP, PONG, SUBSCRIBED, REST_BOOK, b"", b"{}"])
def test_everything_else_is_something_else(frame: bytes) -> None:
    assert RECORDED[50].kind(frame) is RecordedKind.OTHER


@pytest.mark.parametrize("frame", [DELTA, TOP, TRADE, FILLS, SPOT_TRADES, DEEP[0]])
def test_symbol_and_time(frame: bytes) -> None:
    value = json.loads(frame)
    value["topic"] = value.pop("topic")  # a topic may stand anywhere
    for each in (frame, json.dumps(value, separators=(",", ":")).encode()):
        assert RECORDED[50].symbol(each) == value["topic"].rpartition(".")[2]
        assert RECORDED[50].event_time(each) == str(value["ts"]).encode()


@pytest.mark.parametrize("frame", [PONG, b"", b'{"topic":"orderbook.x.B"}', b'{"topic":"publicTrade."}'])
def test_what_names_no_symbol(frame: bytes) -> None:
    assert RECORDED[50].symbol(frame) is None


@given(price=st.integers(0, 9), qty=st.integers(0, 9), is_trade=st.booleans())
def test_a_scale_has_as_many_decimals_as_the_finest_number(price: int, qty: int, is_trade: bool) -> None:
    texts = [f"7.{'3' * n}00" if n else "7" for n in (price, qty)]
    if is_trade:
        frame = changed(changed(TRADE, "data", 0, "p", to=texts[0]), "data", 0, "v", to=texts[1])
    else:
        frame = changed(DELTA, "data", "b", to=[texts])
        frame = changed(frame, "data", "a", to=[])
    assert RECORDED[50].finer(frame, Scale(0, 0)) == Scale(price, qty)
    assert RECORDED[50].finer(frame, Scale(9, 9)) == Scale(9, 9), "a scale is never made coarser"


def test_a_number_that_no_scale_holds_is_refused() -> None:
    frame = changed(DELTA, "data", "b", to=[["0." + "1" * 30, "1"]])
    with pytest.raises(BadInput, match="decimals"):
        RECORDED[50].finer(frame, Scale(0, 0))


# -- the markets -----------------------------------------------------------------------------------


def test_each_depth_is_a_market_that_keeps_so_many_levels() -> None:
    assert [spec.name for spec in SPECS] == [
        f"bybit-{market}{suffix}" for market in ("spot", "linear") for suffix in ("", "-200", "-50")
    ]
    assert [spec.window for spec in SPECS] == [1000, 200, 50] * 2


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_what_its_documents_do_not_promise_is_not_relied_on(spec) -> None:
    assert (spec.faith.bracket, spec.faith.refute) == (False, False)
    assert (spec.same_ids, spec.pairs_connections) == (False, False)
    assert spec.caveat == CAVEAT
    assert "No recording of Bybit was met yet" in CAVEAT
