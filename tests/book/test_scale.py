from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadInput, OffScale
from leadline.book.scale import INT64_MAX, Scale, parse_scaled


@pytest.mark.parametrize(
    ("tick", "step", "scale"),
    [
        pytest.param("0.01000000", "0.00001000", Scale(2, 5), id="spot-btcusdt"),
        pytest.param("0.10", "0.001", Scale(1, 3), id="usdm-btcusdt"),
        pytest.param("0.1", "1", Scale(1, 0), id="coinm-btcusd"),
        pytest.param("0.00000001", "1.00000000", Scale(8, 0), id="spot-pepeusdt"),
        pytest.param("5", "10", Scale(0, 0), id="larger-than-one"),
        pytest.param("0.000000000000000001", "1", Scale(18, 0), id="finest"),
    ],
)
def test_scale_of_sizes(tick, step, scale):
    assert Scale.from_sizes(tick, step) == scale


@pytest.mark.parametrize(
    ("tick", "step", "message"),
    [
        ("0.00", "1", "tickSize: expected a positive size, got '0.00'"),
        ("0.01", "-1", "stepSize: expected a positive size, got '-1'"),
        ("abc", "1", "tickSize: expected a decimal text such as '0.01', got 'abc'"),
        ("NaN", "1", "tickSize: expected a positive size, got 'NaN'"),
        ("1", "0.0000000000000000001", "stepSize: .* has 19 decimals, at most 18 fit"),
    ],
)
def test_sizes_that_cannot_be(tick, step, message):
    with pytest.raises(BadInput, match=message):
        Scale.from_sizes(tick, step)


def test_scale_inferred_from_wire_texts():
    assert Scale.from_wire(["61837.64000000", "1"], ["1001", "0.5"]) == Scale(8, 1)
    assert Scale.from_wire([], []) == Scale(0, 0)


@pytest.mark.parametrize("decimals", [(-1, 0), (0, 19)])
def test_decimals_out_of_range(decimals):
    with pytest.raises(BadInput, match="decimals: expected 0 to 18"):
        Scale(*decimals)


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("61837.64000000", 2, 6183764),
        ("61837.64000000", 8, 6183764000000),
        ("61837", 2, 6183700),
        ("61837.", 2, 6183700),
        ("0.00000000", 0, 0),
        ("007.5", 1, 75),
        (str(INT64_MAX), 0, INT64_MAX),
        ("92233720368.54775807", 8, INT64_MAX),
    ],
)
def test_parse(text, decimals, value):
    assert parse_scaled(text, decimals) == value


@pytest.mark.parametrize(
    "text", ["", ".", ".5", "-1", "+1", "1e5", " 1", "1 ", "1_0", "1.2.3", "٣", "²", "NaN", "0x1"]
)
def test_text_that_is_no_unsigned_decimal(text):
    with pytest.raises(BadInput, match="expected an unsigned decimal"):
        parse_scaled(text, 2)


@pytest.mark.parametrize(
    ("text", "decimals", "message"),
    [
        ("0.001", 2, "0.001 has more than the 2 decimals"),
        ("1.10", 0, "1.10 has more than the 0 decimals"),
        ("92233720368.54775808", 8, "past the 64-bit limit"),
        (str(INT64_MAX + 1), 0, "past the 64-bit limit"),
    ],
)
def test_off_scale(text, decimals, message):
    with pytest.raises(OffScale, match=message):
        parse_scaled(text, decimals)


@given(st.integers(0, 18), st.integers(0, INT64_MAX), st.integers(0, 5))
def test_there_and_back(decimals, value, zeros):
    scale = Scale(decimals, decimals)
    exact = Decimal(value).scaleb(-decimals)
    assert scale.price(value) == scale.quantity(value) == exact
    text = f"{exact:f}"
    padded = text + "0" * zeros if "." in text else text
    assert scale.ticks(padded) == scale.lots(text) == value
