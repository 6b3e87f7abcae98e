"""Lies about listings: only the symbol they are about is shown otherwise, for as long as told."""

from __future__ import annotations

import json

import httpx
import pytest

from leadline.book.errors import BadInput
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.book.venues.common.listing import BadListing, SymbolInfo
from leadline.tasks.loopback import Fault
from leadline.tasks.loopback.faults.listings import LIES
from tests.tasks.loopback.conftest import PREFIX, open_venue

INFO = "/api/v3/exchangeInfo"
TWO = json.dumps(["ETHUSDT", "BTCUSDT"])


@pytest.mark.parametrize("kind", ["spot", "usdm", "coinm"])
@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_about_one_symbol(kind: str, lie: str) -> None:
    async with (
        open_venue(kind=kind, symbols=["ETHUSDT", "BTCUSDT"]) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        true = parse_exchange_info((await http.get(f"{PREFIX[kind]}/exchangeInfo")).content)
        venue.inject(Fault("listing", "BTCUSDT", text=lie))
        listed = parse_exchange_info((await http.get(f"{PREFIX[kind]}/exchangeInfo")).content)
        assert listed.pop("ETHUSDT") == true["ETHUSDT"]
        if lie in {"unlisted", "nameless"}:
            assert not listed
        elif lie == "too_coarse":
            coarse, fine = listed["BTCUSDT"], true["BTCUSDT"]
            assert isinstance(coarse, SymbolInfo)
            assert isinstance(fine, SymbolInfo)
            assert coarse.scale.price_decimals < fine.scale.price_decimals
        else:
            assert isinstance(listed["BTCUSDT"], BadListing)
            assert "BTCUSDT" in listed["BTCUSDT"].why
        venue.clear()
        assert parse_exchange_info((await http.get(f"{PREFIX[kind]}/exchangeInfo")).content) == true


async def test_a_symbol_that_is_unlisted_is_an_error_to_ask_for() -> None:
    async with (
        open_venue(symbols=["ETHUSDT", "BTCUSDT"]) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        assert len((await http.get(INFO, params={"symbols": TWO})).json()["symbols"]) == 2
        venue.inject(Fault("listing", "BTCUSDT", text="unlisted"))
        for path, params in ((INFO, {"symbols": TWO}), ("/api/v3/depth", {"symbol": "BTCUSDT"})):
            refused = await http.get(path, params=params)
            assert (refused.status_code, refused.json()["code"]) == (400, -1121)
        assert (await http.get(INFO, params={"symbol": "ETHUSDT"})).status_code == 200


async def test_fields_may_be_changed_and_an_unknown_lie_is_refused() -> None:
    async with (
        open_venue(symbols=["ETHUSDT"]) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        venue.inject(Fault("listing", "ETHUSDT", text='{"status": "PENDING_TRADING"}'))
        info = parse_exchange_info((await http.get(INFO)).content)["ETHUSDT"]
        assert isinstance(info, SymbolInfo)
        assert info.status == "PENDING_TRADING"
        for text in ("", "odd", "[1]"):
            with pytest.raises(BadInput, match="listing: text is one of unlisted, "):
                venue.inject(Fault("listing", "ETHUSDT", text=text))
