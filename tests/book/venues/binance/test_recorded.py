"""What the lines of a recording are about, told by their first bytes; and the decimals they need."""

from __future__ import annotations

import json

import pytest

from leadline.book.errors import BadInput
from leadline.book.scale import Scale
from leadline.book.venues.binance.recorded import BinanceRecorded

RECORDED = BinanceRecorded()
BOOK = b'{"lastUpdateId":7,"bids":[["1.50","5.000"]],"asks":[["2.0","0.0250"]]}'


@pytest.mark.parametrize(
    ("frame", "kind", "symbol"),
    [
        (b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"', "diff", "BTCUSDT"),
        (b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5}', "diff", "BTCUSDT"),
        (b'{"stream":"btcusdt@bookTicker","data":{"u":7', "other", "BTCUSDT"),
        (BOOK, "snapshot", None),
        (b'{"lastUpdateId":5,"E":1,"T":1,"symbol":"BTCUSD_PERP","bids":[]}', "snapshot", "BTCUSD_PERP"),
        (b'{"stream":"btcusdt@snapshot","data":{"lastUpdateId":5}}', "snapshot", "BTCUSDT"),
        (
            b'{"stream":"btcusdt@depthSnapshot","generated":true,"data":{"lastUpdateId":7}}',
            "snapshot",
            "BTCUSDT",
        ),
        ('{"stream":"币安人生usdt@depth","data":{'.encode(), "diff", "币安人生USDT"),
        (rb'{"stream":"\u5e01usdt@depth","data":{', "diff", "币USDT"),
        (b'{"timezone":"UTC","symbols":[{"symbol":"BTCUSDT"}]}', "listing", None),
        (b'{"result":null,"id":1}', "other", None),
        (b'{"stream":"!left","data":{}}', "other", None),
    ],
)
def test_what_a_frame_is(frame: bytes, kind: str, symbol: str | None) -> None:
    assert RECORDED.kind(frame) == kind
    assert RECORDED.symbol(frame) == symbol


@pytest.mark.parametrize("symbol", ["BTCUSDT", "币安人生USDT"])
def test_a_rest_book_becomes_a_line_that_says_whose_it_is(symbol: str) -> None:
    line = RECORDED.rest_line(symbol, BOOK)
    assert (RECORDED.kind(line), RECORDED.symbol(line)) == ("snapshot", symbol)
    assert json.loads(line)["data"] == json.loads(BOOK)


@pytest.mark.parametrize(
    ("frame", "before", "after"),
    [
        (BOOK, Scale(0, 0), Scale(1, 3)),
        (BOOK, Scale(2, 2), Scale(2, 3)),
        (BOOK, Scale(8, 8), Scale(8, 8)),
        (b'{"p":"1.23","q":"4.5"}', Scale(0, 0), Scale(2, 1)),
        (b'{"u":1,"b":"1.0","B":"0.125","a":"1.0625","A":"7"}', Scale(0, 0), Scale(4, 3)),
        (b'{"result":null,"id":1}', Scale(1, 1), Scale(1, 1)),
    ],
)
def test_the_decimals_that_its_numbers_need(frame: bytes, before: Scale, after: Scale) -> None:
    assert RECORDED.finer(frame, before) == after


def test_a_number_that_no_scale_holds_is_refused() -> None:
    with pytest.raises(BadInput, match="decimals"):
        RECORDED.finer(b'{"p":"0.0000000000000000001"}', Scale(0, 0))


@pytest.mark.parametrize(
    ("frame", "digits"),
    [(b'{"E":1700000000000,"s":"A"}', b"1700000000000"), (b'{"u":1,"s":"A"}', None), (b'{"E":x}', None)],
)
def test_the_time_it_bears(frame: bytes, digits: bytes | None) -> None:
    assert RECORDED.event_time(frame) == digits
