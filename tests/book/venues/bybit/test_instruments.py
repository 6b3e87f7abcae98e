"""What the list of instruments says of symbols, and how a bad one is refused."""

from __future__ import annotations

import re

import pytest

from leadline.book.errors import BadFrame
from leadline.book.scale import Scale
from leadline.book.venues.bybit.instruments import parse_instruments
from leadline.book.venues.common.listing import BadListing
from tests.book.venues.bybit.frames import LINEAR_INSTRUMENTS, SPOT_INSTRUMENTS, changed

ITEM = ("result", "list", 0)


def test_futures_and_spot_name_their_sizes_differently() -> None:
    linear = parse_instruments(LINEAR_INSTRUMENTS)["BTCUSDT"]
    spot = parse_instruments(SPOT_INSTRUMENTS)["BTCUSDT"]
    assert (linear.scale, linear.tick_size, linear.step_size) == (Scale(1, 3), "0.10", "0.001")
    assert (spot.scale, spot.tick_size, spot.step_size) == (Scale(2, 6), "0.01", "0.000001")
    assert linear.is_trading
    assert spot.is_trading


def test_only_symbols_asked_for_are_looked_at() -> None:
    strange = changed(LINEAR_INSTRUMENTS, *ITEM, to={"symbol": "STRANGE"})
    assert parse_instruments(strange, {"BTCUSDT"}) == {}
    assert parse_instruments(LINEAR_INSTRUMENTS, set()) == {}


@pytest.mark.parametrize("status", ["PreLaunch", "Delivering", "Closed", "SomethingNew"])
def test_a_status_is_kept_as_the_venue_s_word(status: str) -> None:
    (info,) = parse_instruments(changed(SPOT_INSTRUMENTS, *ITEM, "status", to=status)).values()
    assert (info.status, info.is_trading) == (status, False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "instruments-info: not JSON"),
        (
            b'{"retCode":10001,"retMsg":"params error: Symbol Invalid","result":{}}',
            "instruments-info: retCode: expected 0, got 10001 'params error: Symbol Invalid'",
        ),
        (b'{"retCode":0}', "instruments-info: .*missing required field `list`"),
    ],
)
def test_bad_lists(body: bytes, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        parse_instruments(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (changed(LINEAR_INSTRUMENTS, *ITEM, "status", drop=True), "of BTCUSDT: .*`status`"),
        (changed(LINEAR_INSTRUMENTS, *ITEM, "priceFilter", drop=True), "of BTCUSDT: .*`priceFilter`"),
        (
            changed(LINEAR_INSTRUMENTS, *ITEM, "lotSizeFilter", to={}),
            "of BTCUSDT: expected qtyStep or basePrecision, got neither",
        ),
        (
            changed(LINEAR_INSTRUMENTS, *ITEM, "lotSizeFilter", "qtyStep", to="0"),
            "of BTCUSDT: stepSize: expected a positive size, got '0'",
        ),
    ],
)
def test_an_instrument_that_cannot_be_read_has_a_verdict_of_its_own(body: bytes, message: str) -> None:
    (bad,) = parse_instruments(body).values()
    assert isinstance(bad, BadListing)
    assert bad.symbol == "BTCUSDT"
    assert re.search(f"instruments-info {message}", bad.why)


def test_an_instrument_without_a_name_is_nobody_s() -> None:
    assert parse_instruments(changed(LINEAR_INSTRUMENTS, *ITEM, "symbol", to=7)) == {}
