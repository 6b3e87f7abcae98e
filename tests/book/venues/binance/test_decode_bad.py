"""Frames the venue should not send: each is a `BadFrame` that names field, value and expectation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadFrame, LeadlineError, OffScale
from leadline.book.venues.binance.decode import (
    decode_depth,
    decode_frame,
    decode_snapshot,
    decode_ticker,
    decode_trade,
)
from tests.book.frames import (
    COINM_DEPTH,
    HEAD,
    RECV_NS,
    SCALE,
    SNAPSHOT,
    SPOT_DEPTH,
    SPOT_TICKER,
    USDM_TICKER,
    USDM_TRADE,
    changed,
    depth,
)

# -- what is refused, and how the error reads ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "not JSON: Input data was truncated; 0 bytes", id="empty"),
        pytest.param("nonsense", "not JSON: .* beginning b'nonsense'", id="no-json"),
        pytest.param(SPOT_DEPTH[:70], "not JSON: Input data was truncated", id="cut-in-the-middle"),
        pytest.param("[]", r"message: Expected `object`, got `array`; stood there: \[\]", id="list"),
        pytest.param("null", "message: Expected `object`, got `null`", id="null"),
        pytest.param(changed("depthUpdate", "trade"), 'e: .*; stood there: "trade"', id="other-kind"),
        pytest.param(
            changed('"U":50093239189,', ""), "message: Object missing required field `U`", id="U-missing"
        ),
        pytest.param(
            changed(":50093239189", ":5.5"),
            "U: Expected `int`, got `float`; stood there: 5.5",
            id="U-float",
        ),
        pytest.param(changed(":50093239189", ':"5"'), 'U: .*; stood there: "5"', id="U-text"),
        pytest.param(changed(":50093239189", ":true"), "U: .*; stood there: true", id="U-bool"),
        pytest.param(
            changed(":50093239189", ":-1"), "U: Expected `int` >= 0; stood there: -1", id="U-negative"
        ),
        pytest.param(changed(":50093239189", ":" + "9" * 30), "U: .* <= 9223372036854775807", id="U-huge"),
        pytest.param(
            changed(":50093239189", ":50093239203"),
            "U: expected at most u=50093239202, got 50093239203",
            id="U-beyond-u",
        ),
        pytest.param(
            changed('"61730.17000000"', "61730.17"),
            r"b\[1\]\[0\]: Expected `str`, got `float`; stood there: 61730.17",
            id="price-float",
        ),
        pytest.param(
            changed("61730.17000000", "-1.0"),
            r"b\[1\] price: expected an unsigned .* got '-1.0'",
            id="price-negative",
        ),
        pytest.param(changed("61730.17000000", "6e4"), r"b\[1\] price: .* got '6e4'", id="price-exponent"),
        pytest.param(
            changed("61730.17000000", "6_1"), r"b\[1\] price: .* got '6_1'", id="price-underscore"
        ),
        pytest.param(changed("61730.17000000", " 61"), r"b\[1\] price: .* got ' 61'", id="price-space"),
        pytest.param(changed("61730.17000000", "٣"), r"b\[1\] price: .* got '٣'", id="price-other-digits"),
        pytest.param(
            changed("61730.17000000", "1.2.3"), r"b\[1\] price: .* got '1.2.3'", id="price-two-points"
        ),
        pytest.param(changed("61730.17000000", ".5"), r"b\[1\] price: .* got '.5'", id="price-bare-point"),
        pytest.param(changed("61730.17000000", "NaN"), r"b\[1\] price: .* got 'NaN'", id="price-nan"),
        pytest.param(changed("1.54698000", ""), r"a\[0\] quantity: .* got ''", id="quantity-empty"),
        pytest.param(
            changed('[["61837.64000000","1.54698000"]]', '["61837.64000000","1.54698000"]'),
            r'a\[0\]: Expected `array`, got `str`; stood there: "61837.64000000"',
            id="nesting-too-shallow",
        ),
        pytest.param(
            changed('"1.54698000"]', '"1.54698000","7"]'),
            r"a\[0\]: Expected `array` of length 2",
            id="three-in-a-level",
        ),
        pytest.param(
            changed('[["61837.64000000","1.54698000"]]', "null"), "a: .* got `null`", id="side-null"
        ),
        pytest.param(
            changed('"BTCUSDT"', "7"), "s: Expected `str`, got `int`; stood there: 7", id="symbol-number"
        ),
        pytest.param(changed('"BTCUSDT"', '""'), "s: .* length >= 1", id="symbol-empty"),
        pytest.param(
            changed("1723161255208", "17231612552080000"),
            "E: expected a time .* before the year 2262",
            id="E-far",
        ),
        pytest.param(
            changed('"a":', '"pu":1.5,"a":'), "pu: Expected `int | null`, got `float`", id="pu-float"
        ),
    ],
)
def test_bad_depth(text, message):
    with pytest.raises(BadFrame, match=message) as raw:
        depth(text)
    assert not isinstance(raw.value, OffScale)
    with pytest.raises(BadFrame):
        depth((HEAD + text + "}").encode(), len(HEAD))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            changed("61730.17000000", "61730.171"),
            r"b\[1\] price: 61730.171 has more than the 2 decimals",
            id="price",
        ),
        pytest.param(
            changed("1.54698000", "0.123456789"),
            r"a\[0\] quantity: 0.123456789 has more than the 8",
            id="quantity",
        ),
        pytest.param(
            changed("1.54698000", "92233720368.54775808"),
            r"a\[0\] quantity: .* past the 64-bit limit",
            id="too-big",
        ),
    ],
)
def test_off_scale(text, message):
    with pytest.raises(OffScale, match=message):
        depth(text)


def test_the_largest_quantity_that_fits():
    text = changed("1.54698000", "92233720368.54775807")
    assert depth(text).asks[0][1] == 2**63 - 1


def test_invalid_utf8():
    frame = SPOT_DEPTH.encode().replace(b"BTCUSDT", b"BTC\xff\xfe")
    with pytest.raises(BadFrame, match=r"not JSON: .*utf-8"):
        depth(frame)
    with pytest.raises(BadFrame, match=r"not JSON: .*utf-8"):
        decode_frame(frame, SCALE, RECV_NS)


def test_a_raw_payload_without_its_last_brace():
    with pytest.raises(BadFrame, match="not JSON: Input data was truncated"):
        depth(SPOT_DEPTH[:-1])


def test_a_long_wrong_value_is_shown_in_part():
    with pytest.raises(BadFrame) as caught:
        depth(changed('"s":"BTCUSDT"', '"s":[' + ",".join("1" * 500) + "]"))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("decode", "text", "message"),
    [
        (
            decode_trade,
            changed('"p":"61800.30"', '"p":61800.30', USDM_TRADE),
            "p: Expected `str`, got `float`",
        ),
        (
            decode_trade,
            changed('"61800.30"', '"61800.301"', USDM_TRADE),
            "p: 61800.301 has more than the 2",
        ),
        (decode_trade, changed('"m":true', '"m":1', USDM_TRADE), "m: Expected `bool`, got `int`"),
        (decode_trade, USDM_TICKER, 'e: .*; stood there: "bookTicker"'),
        (decode_ticker, changed('"B":"3.78826000"', '"B":"x"', SPOT_TICKER), "B: .* got 'x'"),
        (decode_ticker, changed('"A":"1.54698000"', '"A":null', SPOT_TICKER), "A: .* got `null`"),
        (decode_ticker, USDM_TRADE, "e: |message: "),
    ],
)
def test_bad_trades_and_tickers(decode, text, message):
    with pytest.raises(BadFrame, match=message):
        decode(text.encode(), SCALE, RECV_NS)
    with pytest.raises(BadFrame, match=message):
        decode((HEAD + text + "}").encode(), SCALE, RECV_NS, start=len(HEAD))


@pytest.mark.parametrize(
    "frame", [b"", b"[]", b"12", b'"text"', b'{"e":5}', b'{"stream":"x","data":{"e":1}}']
)
def test_frames_that_are_nothing(frame):
    with pytest.raises(BadFrame):
        decode_frame(frame, SCALE, RECV_NS)


# -- whatever comes, it is a message or a BadFrame -------------------------------------------------

BYTES_OF_FRAMES = st.sampled_from([SPOT_DEPTH, COINM_DEPTH, SPOT_TICKER, USDM_TRADE, SNAPSHOT]).map(
    str.encode
)


@given(frame=BYTES_OF_FRAMES, at=st.integers(0, 200), insert=st.binary(max_size=4), cut=st.integers(0, 6))
def test_damaged_frames_never_raise_anything_else(frame, at, insert, cut):
    at %= len(frame)
    damaged = frame[:at] + insert + frame[at + cut :]
    for decode in (
        lambda: decode_frame(damaged, SCALE, RECV_NS),
        lambda: decode_frame(b'{"stream":"x","data":' + damaged + b"}", SCALE, RECV_NS),
        lambda: decode_depth(damaged, SCALE, RECV_NS),
        lambda: decode_snapshot(damaged, "X", SCALE, RECV_NS),
    ):
        try:
            decode()
        except LeadlineError as exc:
            assert isinstance(exc, BadFrame)  # noqa: PT017 - it may also succeed
