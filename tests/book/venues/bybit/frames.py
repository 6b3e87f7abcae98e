"""
Frames of Bybit's v5 API that others met, or that its documents show; none was recorded by us.

    spot_50.jsonl      spot, 2024-11-08: thrasher-corp/gocryptotrader, exchanges/bybit/bybit_test.go
    linear_50.jsonl    linear, 2026-03-13; FILLS linear, 2026-03-20: tests of a public C++ client
    TOP, TRADE         linear, 2025-09-25: nkaz001/hftbacktest, data/utils/bybit.py at 01b34f9
    SPOT_TRADES        spot, 2026-09-20: tests of a public Rust collector
    DEEP               linear, 2026-09-26, levels cut: tests of a public Rust client
    REST_BOOK, DELTA   bybit-exchange/docs, v5/market/orderbook (2024), v5/websocket/public/orderbook
    replies            bybit-exchange/docs, v5/websocket/wss-authentication; REFUSED met on 2026-10-02
    INSTRUMENTS        JKorf/Bybit.Net, Bybit.UnitTests, 2024-02
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leadline.book.scale import Scale

HERE = Path(__file__).parent
RECV_NS = 1_790_000_000_000_000_000
MS = 1_000_000
LINEAR, SPOT = Scale(2, 3), Scale(2, 6)  # of BTCUSDT

SPOT_SNAPSHOT, SPOT_DELTA = (HERE / "spot_50.jsonl").read_bytes().splitlines()
LINEAR_SNAPSHOT, LINEAR_DELTA = (HERE / "linear_50.jsonl").read_bytes().splitlines()

TOP = (
    b'{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1758841134603,"data":{"s":"BTCUSDT",'
    b'"b":[["109378.80","1.273"]],"a":[["109378.90","6.278"]],"u":14869255,"seq":457514742271},'
    b'"cts":1758841134598}'
)
TRADE = (
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1758841135824,"data":[{"T":1758841135823,'
    b'"s":"BTCUSDT","S":"Buy","v":"0.020","p":"109378.90","L":"ZeroPlusTick",'
    b'"i":"2a74ac78-691c-5b54-9dbe-5aafe8364627","BT":false,"RPI":false,"seq":457514743450}]}'
)
FILLS = (
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1774021164273,"data":['
    b'{"T":1774021164272,"s":"BTCUSDT","S":"Sell","v":"0.001","p":"69916.80","L":"MinusTick",'
    b'"i":"8c931d9a-b703-5c34-9aeb-860867cf1f66","BT":false,"RPI":false,"seq":549792210006},'
    b'{"T":1774021164272,"s":"BTCUSDT","S":"Sell","v":"0.032","p":"69916.80","L":"ZeroMinusTick",'
    b'"i":"ddea3520-0444-515c-af09-07471b39e1e5","BT":false,"RPI":false,"seq":549792210006},'
    b'{"T":1774021164272,"s":"BTCUSDT","S":"Sell","v":"0.008","p":"69914.20","L":"MinusTick",'
    b'"i":"86245400-ea12-510f-a809-78e07e373378","BT":false,"RPI":false,"seq":549792210006}]}'
)
SPOT_TRADES = (
    b'{"topic":"publicTrade.BTCUSDT","ts":1789875217841,"type":"snapshot","data":['
    b'{"BT":false,"RPI":false,"S":"Sell","T":1789875217840,"i":"2290000001211680903","p":"80413.3",'
    b'"s":"BTCUSDT","seq":114263055846,"v":"0.06"},'
    b'{"BT":false,"RPI":false,"S":"Buy","T":1789875217840,"i":"2290000001211680919","p":"80413.4",'
    b'"s":"BTCUSDT","seq":114263055850,"v":"0.004904"}]}'
)
DEEP = (
    b'{"topic":"orderbook.1000.SOLUSDT","type":"snapshot","ts":1790398529604,"data":{"s":"SOLUSDT",'
    b'"b":[["120.640","1374.5"],["120.630","913.5"]],"a":[["120.650","85.2"]],"u":27618816,'
    b'"seq":282179960106},"cts":1790398529590}',
    b'{"topic":"orderbook.1000.SOLUSDT","type":"delta","ts":1790398529803,"data":{"s":"SOLUSDT",'
    b'"b":[["120.610","2176.3"],["118.010","443.6"]],"a":[["120.650","62.1"]],"u":27618817,'
    b'"seq":282179960268},"cts":1790398529803}',
)
DELTA = (
    b'{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1687940967466,"data":{"s":"BTCUSDT",'
    b'"b":[["30247.20","30.028"],["30240.00","0"]],"a":[["30248.70","0"],["30249.30","0.892"]],'
    b'"u":177400507,"seq":66544703342},"cts":1687940967464}'
)
REST_BOOK = (
    b'{"retCode":0,"retMsg":"OK","result":{"s":"BTCUSDT","a":[["65557.7","16.606555"]],'
    b'"b":[["65485.47","47.081829"]],"ts":1716863719031,"u":230704,"seq":1432604333,'
    b'"cts":1716863718905},"retExtInfo":{},"time":1716863719382}'
)
SUBSCRIBED = (
    b'{"success":true,"ret_msg":"","conn_id":"3cd84cb1-4d06-4a05-930a-2efe5fc70f0f","req_id":"7",'
    b'"op":"subscribe"}'
)
SPOT_SUBSCRIBED = (
    b'{"success":true,"ret_msg":"subscribe","conn_id":"2324d924-aa4d-45b0-a858-7b8be29ab52b",'
    b'"req_id":"10001","op":"subscribe"}'
)
REFUSED = (
    b'{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.NOTASYMBOL",'
    b'"conn_id":"da7tne17jutmkv5im010-bcdap","req_id":"","op":"subscribe"}'
)
PONG = (
    b'{"success":true,"ret_msg":"pong","conn_id":"465772b1-7630-4fdc-a492-e003e6f0f260",'
    b'"req_id":"3","op":"ping"}'
)
OTHER_PONG = b'{"req_id":"3","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}'
LINEAR_INSTRUMENTS = (
    b'{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"symbol":"BTCUSDT",'
    b'"contractType":"LinearPerpetual","status":"Trading","baseCoin":"BTC","quoteCoin":"USDT",'
    b'"priceScale":"2","priceFilter":{"minPrice":"0.10","maxPrice":"199999.80","tickSize":"0.10"},'
    b'"lotSizeFilter":{"maxOrderQty":"100.000","minOrderQty":"0.001","qtyStep":"0.001"},'
    b'"fundingInterval":480}],"nextPageCursor":""},"retExtInfo":{},"time":1707186451514}'
)
SPOT_INSTRUMENTS = (
    b'{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"symbol":"BTCUSDT",'
    b'"baseCoin":"BTC","quoteCoin":"USDT","status":"Trading","marginTrading":"utaOnly",'
    b'"lotSizeFilter":{"basePrecision":"0.000001","quotePrecision":"0.00000001",'
    b'"maxOrderQty":"71.73956243"},"priceFilter":{"tickSize":"0.01"}}]},"retExtInfo":{},'
    b'"time":1672712468011}'
)


def changed(frame: bytes, *path: str | int, to: Any = None, drop: bool = False) -> bytes:
    """Return a frame with the value at ``path`` replaced by ``to``, or left out."""
    value = json.loads(frame)
    within = value
    for step in path[:-1]:
        within = within[step]
    if drop:
        del within[path[-1]]
    else:
        within[path[-1]] = to
    return json.dumps(value, separators=(",", ":")).encode()
