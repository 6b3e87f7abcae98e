"""Frames as the venue writes them, captured 2024-08-08 unless noted, and frames it should not write."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.decode import (
    decode_depth,
    decode_frame,
    decode_snapshot,
    decode_ticker,
    decode_trade,
)
from book.errors import BadFrame, LeadlineError, OffScale
from book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    ServerShutdown,
    Trade,
    Unrecognised,
)
from book.scale import Scale

SCALE = Scale(2, 8)
RECV_NS = 1723161253937085768
MS = 1_000_000

SPOT_DEPTH = (
    '{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,'
    '"b":[["61737.63000000","0.00000000"],["61730.17000000","1.50000000"]],'
    '"a":[["61837.64000000","1.54698000"]]}'
)
SPOT_DIFF = DepthDiff(
    "BTCUSDT",
    50093239189,
    50093239202,
    None,
    1723161255208 * MS,
    RECV_NS,
    ((6173763, 0), (6173017, 150_000_000)),
    ((6183764, 154_698_000),),
)
COINM_DEPTH = (
    '{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD",'
    '"U":1007198631260,"u":1007198631565,"pu":1007198631198,"b":[["61773.6","1001"]],"a":[]}'
)
SPOT_TICKER = (
    '{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
    '"a":"61837.64000000","A":"1.54698000"}'
)
USDM_TICKER = (
    '{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30",'
    '"A":"2.510","T":1723161256313,"E":1723161256314}'
)
USDM_TRADE = (
    '{"e":"trade","E":1723161256323,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30",'
    '"q":"0.006","X":"MARKET","m":true}'
)


def combined(payload: str, stream: str = "btcusdt@depth@100ms") -> bytes:
    return f'{{"stream":"{stream}","data":{payload}}}'.encode()


def depth(frame: bytes | str, start: int = 0, **options) -> DepthDiff:
    frame = frame.encode() if isinstance(frame, str) else frame
    return decode_depth(frame, SCALE, RECV_NS, start=start, **options)


def changed(old: str, new: str, text: str = SPOT_DEPTH) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


# -- every kind of frame ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(SPOT_DEPTH, SPOT_DIFF, id="spot-depth"),
        pytest.param(
            COINM_DEPTH,
            DepthDiff(
                "BTCUSD_PERP",
                1007198631260,
                1007198631565,
                1007198631198,
                1723161257440 * MS,
                RECV_NS,
                ((6177360, 100_100_000_000),),
                (),
            ),
            id="coinm-depth",
        ),
        pytest.param(
            SPOT_TICKER,
            BookTicker("BTCUSDT", 50093239212, 6183763, 378_826_000, 6183764, 154_698_000, None, RECV_NS),
            id="spot-ticker-has-no-kind-and-no-time",
        ),
        pytest.param(
            USDM_TICKER,
            BookTicker(
                "BTCUSDT",
                5123107839020,
                6180020,
                250_700_000,
                6180030,
                251_000_000,
                1723161256314 * MS,
                RECV_NS,
            ),
            id="usdm-ticker",
        ),
        pytest.param(
            USDM_TRADE,
            Trade(
                "BTCUSDT",
                5266583935,
                6180030,
                600_000,
                True,
                1723161256322 * MS,
                1723161256323 * MS,
                RECV_NS,
            ),
            id="usdm-trade",
        ),
        pytest.param(
            '{"e":"serverShutdown","E":1770123456789}', ServerShutdown(1770123456789 * MS), id="shutdown"
        ),
        pytest.param('{"e":"kline","E":1,"k":{"i":"1m"}}', Unrecognised("kline"), id="unknown-kind"),
    ],
)
def test_a_payload_means_the_same_raw_and_combined(payload, message):
    assert decode_frame(payload.encode(), SCALE, RECV_NS) == message
    assert decode_frame(combined(payload), SCALE, RECV_NS) == message
    swapped = f'{{"data":{payload},"stream":"x"}}'.encode()
    assert decode_frame(swapped, SCALE, RECV_NS) == message


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        pytest.param('{"result":null,"id":1}', CommandReply(1, None), id="subscribed"),
        pytest.param('{"result":["a@depth"],"id":"x7"}', CommandReply("x7", None), id="list"),
        pytest.param(
            '{"error":{"code":2,"msg":"Invalid request"},"id":3}',
            CommandReply(3, '{"code":2,"msg":"Invalid request"}'),
            id="refused",
        ),
        pytest.param('{"code":2,"msg":"too many"}', CommandReply(None, "2: too many"), id="refused-bare"),
        pytest.param(
            '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":5}}',
            ServerShutdown(5 * MS),
            id="shutdown-combined",
        ),
        pytest.param(
            '{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"}]}',
            Unrecognised("!miniTicker@arr"),
            id="list-of-tickers",
        ),
        pytest.param(
            '{"stream":"btcusdt@depth20","data":{"lastUpdateId":5,"bids":[],"asks":[]}}',
            Unrecognised("btcusdt@depth20"),
            id="partial-depth",
        ),
        pytest.param('{"lastUpdateId":5,"bids":[],"asks":[]}', Unrecognised("depth"), id="partial-raw"),
        pytest.param("{}", Unrecognised("unknown"), id="nothing-known"),
    ],
)
def test_other_frames(frame, message):
    assert decode_frame(frame.encode(), SCALE, RECV_NS) == message


def test_each_symbol_has_its_own_scale():
    scales = {"BTCUSDT": Scale(2, 5), "BTCUSD_PERP": Scale(1, 0)}
    spot = decode_frame(SPOT_DEPTH.encode(), scales.__getitem__, RECV_NS)
    coinm = decode_frame(COINM_DEPTH.encode(), scales.__getitem__, RECV_NS)
    assert (spot.asks, coinm.bids) == (((6183764, 154_698),), ((617736, 1001),))


def test_a_symbol_nobody_asked_for():
    with pytest.raises(BadFrame, match="s: expected a symbol that was asked for, got 'BTCUSDT'"):
        decode_frame(SPOT_DEPTH.encode(), {}.__getitem__, RECV_NS)


# -- where the payload lies ------------------------------------------------------------------------

HEAD = '{"stream":"btcusdt@depth@100ms","data":'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "", id="raw"),
        pytest.param(HEAD, "}", id="combined"),
        pytest.param(HEAD, " }\n", id="combined-with-space"),
        pytest.param('{"data":', ',"stream":"btcusdt@depth"}', id="data-first"),
        pytest.param(HEAD, ',"note":"}{\\"}"}', id="braces-in-a-later-text"),
        pytest.param("  ", "  ", id="raw-with-space"),
        pytest.param("", "}", id="one-brace-too-many"),
    ],
)
def test_what_surrounds_the_payload_does_not_matter(before, after):
    frame = (before + SPOT_DEPTH + after).encode()
    assert depth(frame, len(before)) == SPOT_DIFF


def test_a_payload_with_a_brace_in_a_text_is_cut_at_its_own_end():
    text = changed('"s":"BTCUSDT"', '"s":"A}\\"{B"')
    assert depth((HEAD + text + ',"x":1}').encode(), len(HEAD)).symbol == 'A}"{B'


# -- what is tolerated -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed('"a":', '"st":1,"ps":"X","nq":{"z":[1,{}]},"a":'), id="unknown-fields"),
        pytest.param(SPOT_DEPTH.replace(",", " ,\n").replace(":", " : "), id="spaces"),
        pytest.param(changed("BTCUSDT", "BTC\\u0055SDT"), id="escapes"),
        pytest.param(changed("61730.17000000", "61730.17"), id="fewer-zeros"),
        pytest.param(changed("61730.17000000", "0061730.1700000000000"), id="more-zeros"),
        pytest.param(
            '{"a":[["61837.64","1.54698"]],"b":[["61737.63","0"],["61730.17","1.5"]],"u":50093239202,'
            '"U":50093239189,"s":"BTCUSDT","E":1723161255208,"e":"depthUpdate"}',
            id="other-order-shorter-numbers",
        ),
    ],
)
def test_same_meaning_other_writing(text):
    assert depth(text) == SPOT_DIFF


def test_symbols_need_not_be_ascii():
    assert depth(changed("BTCUSDT", "币安人生USDT")).symbol == "币安人生USDT"


def test_times_in_microseconds():
    text = changed("1723161255208", "1723161255208123")
    assert depth(text, time_unit_ns=1000).ts_event_ns == 1723161255208123000


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


# -- snapshots -------------------------------------------------------------------------------------


def snapshot(text: str) -> DepthSnapshot:
    return decode_snapshot(text.encode(), "BTCUSDT", SCALE, RECV_NS)


SNAPSHOT = '{"lastUpdateId":50093239218,"bids":[["2.00","1.5"],["1.00","2"]],"asks":[["3.00","4"]]}'


def test_spot_snapshot():
    assert snapshot(SNAPSHOT) == DepthSnapshot(
        "BTCUSDT", 50093239218, RECV_NS, ((200, 150_000_000), (100, 200_000_000)), ((300, 400_000_000),)
    )


def test_coinm_snapshot_carries_its_time():
    text = (
        '{"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP",'
        '"pair":"BTCUSD","bids":[["61804.7","35"]],"asks":[]}'
    )
    assert snapshot(text).ts_event_ns == 1723161257835 * MS


def test_snapshot_inside_a_combined_frame():
    before = '{"stream":"btcusdt@snapshot","data":'
    frame = (before + SNAPSHOT + "}").encode()
    found = decode_snapshot(frame, "BTCUSDT", SCALE, RECV_NS, start=len(before))
    assert found == snapshot(SNAPSHOT)


def test_book_of_a_market_that_never_had_an_order():
    found = snapshot('{"lastUpdateId":-1,"bids":[],"asks":[]}')
    assert (found.last_id, found.bids, found.asks) == (-1, (), ())


def test_level_without_quantity_is_left_out():
    assert snapshot(changed('"1.5"', '"0.00000000"', SNAPSHOT)).bids == ((100, 200_000_000),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            changed("1.00", "2.50", SNAPSHOT),
            r"bids\[1\] price: expected below the one before \(200\), got 250 ticks",
            id="bids-unsorted",
        ),
        pytest.param(
            changed('["3.00","4"]', '["3.00","4"],["3.00","5"]', SNAPSHOT),
            r"asks\[1\] price: expected above",
            id="twice",
        ),
        pytest.param(changed("50093239218", "-2", SNAPSHOT), "lastUpdateId: .* >= -1", id="id-too-low"),
        pytest.param(
            '{"code":-1121,"msg":"Invalid symbol."}',
            "missing required field `lastUpdateId`",
            id="error-body",
        ),
        pytest.param("<html>403 Forbidden</html>", "not JSON: .*b'<html>403 Forbidden", id="html"),
        pytest.param(
            changed("2.00", "2.001", SNAPSHOT), r"bids\[0\] price: 2.001 has more", id="off-scale"
        ),
    ],
)
def test_bad_snapshot(text, message):
    with pytest.raises(BadFrame, match=message):
        snapshot(text)


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


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 2**63 - 1)), max_size=20),
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 2**63 - 1)), max_size=20),
)
def test_levels_come_back_exactly(bids, asks):
    def wire(levels):
        return [(f"{SCALE.price(p):f}", f"{SCALE.quantity(q):f}") for p, q in levels]

    body = {"e": "depthUpdate", "E": 1, "s": "X", "U": 1, "u": 2, "b": wire(bids), "a": wire(asks)}
    found = depth(msgspec.json.encode(body))
    assert (list(found.bids), list(found.asks)) == (bids, asks)
