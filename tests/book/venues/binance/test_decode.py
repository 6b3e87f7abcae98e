"""What frames mean, however they are written and wherever they lie; captured ones are in `frames`."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadFrame
from leadline.book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    ServerShutdown,
    Trade,
    Unrecognised,
)
from leadline.book.scale import Scale
from leadline.book.venues.binance.decode import decode_frame, decode_snapshot
from tests.book.frames import (
    COINM_DEPTH,
    HEAD,
    MS,
    RECV_NS,
    SCALE,
    SNAPSHOT,
    SPOT_DEPTH,
    SPOT_DIFF,
    SPOT_TICKER,
    USDM_TICKER,
    USDM_TRADE,
    changed,
    combined,
    depth,
)

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
                ts_transaction_ns=1723161257432 * MS,
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
                1723161256313 * MS,
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


# -- snapshots -------------------------------------------------------------------------------------


def snapshot(text: str) -> DepthSnapshot:
    return decode_snapshot(text.encode(), "BTCUSDT", SCALE, RECV_NS)


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


# -- exactness -------------------------------------------------------------------------------------


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
