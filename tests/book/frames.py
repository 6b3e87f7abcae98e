"""Frames as the venue wrote them on 2024-08-08 (recorded by hftbacktest's author), and what they mean."""

from __future__ import annotations

from leadline.book.messages import DepthDiff
from leadline.book.scale import Scale
from leadline.book.venues.binance.decode import decode_depth

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
SNAPSHOT = '{"lastUpdateId":50093239218,"bids":[["2.00","1.5"],["1.00","2"]],"asks":[["3.00","4"]]}'
HEAD = '{"stream":"btcusdt@depth@100ms","data":'


def combined(payload: str, stream: str = "btcusdt@depth@100ms") -> bytes:
    return f'{{"stream":"{stream}","data":{payload}}}'.encode()


def depth(frame: bytes | str, start: int = 0, **options) -> DepthDiff:
    frame = frame.encode() if isinstance(frame, str) else frame
    return decode_depth(frame, SCALE, RECV_NS, start=start, **options)


def changed(old: str, new: str, text: str = SPOT_DEPTH) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)
