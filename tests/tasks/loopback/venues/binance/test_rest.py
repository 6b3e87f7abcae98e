"""The loopback venue's REST side: answers, weights, error bodies, control paths."""

from __future__ import annotations

import pytest

from leadline.tasks.loopback.venues.binance.rest import Budget, Refusal
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.tasks.loopback.conftest import PREFIX, connect, open_venue, take


async def get(http, path="/api/v3/depth", **params):
    return await http.get(path, params=params)


@pytest.mark.parametrize(
    ("kind", "limit", "weight"),
    [
        *[
            ("spot", limit, w)
            for limit, w in ((1, 5), (100, 5), (500, 25), (1000, 50), (1001, 250), (5000, 250))
        ],
        *[("usdm", limit, w) for limit, w in ((5, 2), (50, 2), (100, 5), (500, 10), (1000, 20))],
        ("coinm", 1000, 20),
    ],
)
def test_depth_weighs_what_is_documented(kind, limit, weight):
    from leadline.tasks.loopback.venues.binance.rest import WEIGHTS

    assert next(w for levels, w in WEIGHTS[kind] if limit <= levels) == weight


def used_after(before, answer, weight):
    """See that an answer's weight was added to what was used, or began a new minute's; return the sum."""
    used = int(answer.headers["X-MBX-USED-WEIGHT-1M"])
    assert used in {before + weight, weight}
    return used


async def test_depth_is_the_book_and_shows_its_weight(venue, http):
    answer = await get(http, symbol="ETHUSDT", limit=1000)
    body = answer.json()
    assert list(body) == ["lastUpdateId", "bids", "asks"]
    assert 200 < len(body["bids"]) <= 1000
    used = used_after(0, answer, 50)
    truth = venue.truth("ETHUSDT", body["lastUpdateId"]).as_json()
    assert [[float(x) for x in level] for level in truth["asks"][:1000]] == [
        [float(x) for x in level] for level in body["asks"]
    ]
    used = used_after(used, await get(http, symbol="ETHUSDT"), 5)
    short = await get(http, symbol="ETHUSDT", limit=7)
    assert len(short.json()["bids"]) == 7
    used = used_after(used, short, 5)
    used_after(used, await get(http, symbol="ETHUSDT", limit=9999), 250)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, -1102),
        ({"symbol": "NOSUCH"}, 400, -1121),
        ({"symbol": "ETHUSDT", "limit": "x"}, 400, -1100),
        ({"symbol": "ETHUSDT", "limit": "0"}, 400, -1100),
        ({"symbol": "ETHUSDT", "symbolStatus": "HALT"}, 400, -1220),
        ({"symbol": "ETHUSDT", "symbolStatus": "MAYBE"}, 400, -1122),
    ],
)
async def test_errors_have_the_venues_body(http, params, status, code):
    answer = await get(http, **params)
    assert answer.status_code == status
    assert list(answer.json()) == ["code", "msg"]
    assert answer.json()["code"] == code


async def test_futures_take_listed_limits_only():
    import httpx

    async with open_venue(kind="usdm") as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        path = PREFIX["usdm"] + "/depth"
        assert (await get(http, path, symbol="ETHUSDT", limit=7)).json()["code"] == -4021
        body = (await get(http, path, symbol="ETHUSDT", limit=5)).json()
        assert list(body) == ["lastUpdateId", "E", "T", "bids", "asks"]
        assert len(body["bids"]) == 5


async def test_exchange_info_names_ticks_steps_and_status(http):
    info = (await get(http, "/api/v3/exchangeInfo")).json()
    assert [each["symbol"] for each in info["symbols"]] == ["ETHUSDT", "币安人生USDT"]
    one = (await get(http, "/api/v3/exchangeInfo", symbol="ETHUSDT")).json()["symbols"]
    assert [each["symbol"] for each in one] == ["ETHUSDT"]
    assert one[0]["status"] == "TRADING"
    sizes = {each["filterType"]: each for each in one[0]["filters"]}
    assert sizes["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert sizes["LOT_SIZE"]["stepSize"] == "0.00010000"
    many = (await get(http, "/api/v3/exchangeInfo", symbols='["币安人生USDT"]')).json()["symbols"]
    assert [each["symbol"] for each in many] == ["币安人生USDT"]
    assert (await get(http, "/api/v3/exchangeInfo", symbol="X")).json()["code"] == -1121
    assert (await get(http, "/api/v3/exchangeInfo", symbols="X")).json()["code"] == -1100


async def test_coinm_calls_its_status_by_another_name():
    import httpx

    async with (
        open_venue(kind="coinm", symbols=["BTCUSD_PERP"]) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        (one,) = (await get(http, "/dapi/v1/exchangeInfo")).json()["symbols"]
        assert one["contractStatus"] == "TRADING"
        assert one["pair"] == "BTCUSD"


async def test_time_is_the_markets(venue, http):
    assert (await get(http, "/api/v3/ping")).json() == {}
    before = venue.source.now_ns() // 1_000_000
    said = (await get(http, "/api/v3/time")).json()["serverTime"]
    assert before <= said <= venue.source.now_ns() // 1_000_000


def test_over_budget_is_429_and_ignoring_it_418():
    budget = Budget(100, 0.001, SYSTEM_CLOCK.mono_s)  # a minute of 1000 minutes: it does not end here
    budget.charge(100)
    seen = []
    for _ in range(7):
        with pytest.raises(Refusal) as caught:
            budget.charge(1)
        seen.append(caught.value.status)
        assert caught.value.retry_after_s >= 1
    assert seen == [429] * 5 + [418] * 2


async def test_429_carries_retry_after():
    import httpx

    async with (
        open_venue(weight_limit=250, speed=1.0) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        assert (await get(http, symbol="ETHUSDT", limit=5000)).status_code == 200
        answer = await get(http, symbol="ETHUSDT", limit=5000)
        assert answer.status_code in (429, 200)  # 200 only when a minute ended between the two
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.json()["code"] == -1003
            assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "500"


async def ledger_where_done(http, ws):
    """Take messages until the first fault is done; those on their way when it was ordered come first."""
    while True:
        await take(ws, 1)
        ledger = (await get(http, "/loopback/ledger")).json()
        if ledger["faults"][0]["done"]:
            return ledger


async def test_control_paths(venue, http):
    truth = (await get(http, "/loopback/truth", symbol="ETHUSDT")).json()
    assert truth["last_id"] > 0
    again = (await get(http, "/loopback/truth", symbol="ETHUSDT", id=truth["last_id"])).json()
    assert again == truth
    assert (await get(http, "/loopback/truth", symbol="ETHUSDT", id=1)).status_code == 404
    assert (await get(http, "/loopback/truth", symbol="ETHUSDT", id="x")).status_code == 400
    assert (await get(http, "/loopback/truth", symbol="X")).status_code == 404
    async with connect(venue, "/ws/ethusdt@depth@100ms") as ws:
        ordered = await http.post("/loopback/faults", json={"kind": "drop", "symbol": "ETHUSDT"})
        assert ordered.json()["entries"][0]["done"] is False
        ledger = await ledger_where_done(http, ws)
        assert ledger["faults"][0]["hits"][0]["first_id"] > 0
        sent = ledger["sent"]["ethusdt@depth@100ms"]
        assert sent["sent"] >= 1
        assert sent["first"][0] <= sent["last"][1]
    status = (await get(http, "/loopback/status")).json()
    assert status["symbols"] == ["ETHUSDT", "币安人生USDT"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "drop", "colour": 1},
        {"kind": "drop", "symbol": "NOSUCH"},
        {"kind": "drop", "n": 0},
        {"kind": "drop", "n": "many"},
        {"kind": "drop", "stream": "nosuch"},
        {"kind": "one_sided"},
        "drop",
    ],
)
async def test_orders_that_make_no_sense_are_refused(http, order):
    answer = await http.post("/loopback/faults", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_disarming(venue, http):
    await http.post("/loopback/faults", json=[{"kind": "drop", "n": 1000}, {"kind": "rest_5xx", "n": 50}])
    assert (await http.delete("/loopback/faults")).json() == {"cleared": True}
    assert (await get(http, symbol="ETHUSDT")).status_code == 200
    assert all(entry.done for entry in venue.ledger.entries)
    async with connect(venue, "/ws/ethusdt@depth@100ms") as ws:
        await take(ws, 2)
