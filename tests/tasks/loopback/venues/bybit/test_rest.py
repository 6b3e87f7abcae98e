"""The loopback venue's REST side in Bybit's words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leadline.book.scale import Scale
from leadline.book.venues.bybit.decode import decode_snapshot
from leadline.book.venues.bybit.instruments import parse_instruments
from leadline.tasks.loopback import Fault
from leadline.tasks.loopback.venues.bybit.rest import BAN_S, Refusal, Visits
from tests.tasks.loopback.conftest import open_venue

SYMBOL = "ETHUSDT"


async def get(venue, path: str, **params: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=venue.rest_url + "/v5/market") as client:
        return await client.get(path, params={"category": "linear"} | params)


def bybit(**settings: Any):
    return open_venue(**{"kind": "bybit-linear", "symbols": [SYMBOL, "BTCUSDT"]} | settings)


@pytest.mark.parametrize(("asked", "held"), [({}, 25), ({"limit": 1}, 1), ({"limit": 5000}, 1000)])
async def test_an_order_book_is_the_market_at_its_seq(asked, held):
    async with bybit(levels=120) as venue:
        answer = await get(venue, "/orderbook", symbol=SYMBOL, **asked)
        told = decode_snapshot(answer.content, SYMBOL, Scale(8, 8), 1)
        market = venue.source.market[SYMBOL]
        true = market.depth(held, told.shared_id)
        unit = 10 ** (8 - market.spec.price_digits)
        for said, really in ((told.bids, true.bids), (told.asks, true.asks)):
            assert [price // unit for price, _ in said] == [price for price, _ in really]


async def test_a_stale_book_is_of_an_earlier_seq():
    async with bybit() as venue:
        now = (await get(venue, "/orderbook", symbol=SYMBOL)).json()["result"]["seq"]
        venue.inject(Fault("stale_snapshot", SYMBOL, seconds=5))
        await get(venue, "/instruments-info", symbol=SYMBOL)  # no book: it is for the next one
        assert (await get(venue, "/orderbook", symbol=SYMBOL)).json()["result"]["seq"] < now


async def test_instruments_name_what_trades():
    async with bybit() as venue:
        for asked in ({}, {"symbol": SYMBOL}):
            answer = await get(venue, "/instruments-info", **asked)
            found = parse_instruments(answer.content)
            assert set(found) == ({SYMBOL} if asked else {SYMBOL, "BTCUSDT"})
            assert found[SYMBOL].is_trading
        venue.inject(Fault("status", SYMBOL, text="HALT"))
        assert set(parse_instruments((await get(venue, "/instruments-info")).content)) == {"BTCUSDT"}


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/orderbook", {"symbol": "NOSUCH"}, 10001),
        ("/orderbook", {}, 10001),
        ("/orderbook", {"symbol": SYMBOL, "limit": "many"}, 10001),
        ("/orderbook", {"symbol": SYMBOL, "category": "spot"}, 10001),
        ("/instruments-info", {"symbol": "NOSUCH"}, 10001),
        ("/instruments-info", {"category": "spot"}, 10001),
    ],
)
async def test_an_error_is_a_code_in_a_success(path, params, code):
    async with bybit() as venue:
        answer = await get(venue, path, **params)
        assert (answer.status_code, answer.json()["retCode"]) == (200, code)


async def test_spot_lists_nothing_for_a_symbol_that_it_does_not_know():
    async with bybit(kind="bybit-spot") as venue:
        answer = await get(venue, "/instruments-info", category="spot", symbol="NOSUCH")
        assert (answer.json()["retCode"], answer.json()["result"]["list"]) == (0, [])


async def test_the_clock():
    async with bybit() as venue:
        told = (await get(venue, "/time")).json()["result"]
        assert int(told["timeNano"]) // 1_000_000_000 == int(told["timeSecond"])


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("rest_429"), 200, 10006),
        (Fault("rest_418", seconds=60), 403, None),
        (Fault("rest_5xx"), 200, 10016),
        (Fault("rest_5xx", code=503), 503, None),
        (Fault("rest_garbage"), 200, None),
    ],
)
async def test_faults_are_in_the_venues_words(fault, status, code):
    async with bybit() as venue:
        venue.inject(fault)
        answer = await get(venue, "/time")
        assert answer.status_code == status
        if code is not None:
            assert answer.json()["retCode"] == code
        elif status == 403:
            assert "too frequent" in answer.text
            assert (await get(venue, "/time")).status_code == 403, "the ban lasts"


async def test_a_cut_answer_breaks_in_its_body():
    async with bybit() as venue:
        venue.inject(Fault("rest_cut"))
        with pytest.raises(httpx.RemoteProtocolError):
            await get(venue, "/time")


def test_whoever_passes_the_limit_is_banned_for_ten_minutes():
    now = [1000.0]
    visits = Visits(3, 1.0, lambda: now[0])
    for _ in range(3):
        visits.count()
    with pytest.raises(Refusal, match="too frequent"):
        visits.count()
    now[0] += BAN_S - 1
    with pytest.raises(Refusal):
        visits.count()
    now[0] += 2
    visits.count()
    assert visits.used == 2


def test_visits_are_forgotten_after_five_seconds():
    now = [0.0]
    visits = Visits(3, 1.0, lambda: now[0])
    for n in range(50):
        now[0] = n * 2.6
        visits.count()
    assert visits.used == 2
