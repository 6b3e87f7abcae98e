"""Bodies in the shape the documents of spot, USD-M and COIN-M show, cut down to what matters here."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec
import pytest

from leadline.book.errors import BadFrame
from leadline.book.scale import Scale
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.book.venues.common.listing import BadListing


def filters(tick="0.01000000", step="0.00001000", max_price="1000000.00000000", max_qty="9000.00000000"):
    return [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": max_price, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": max_qty, "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]


def spot(symbol="BTCUSDT", **changes):
    precision = {"baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8}
    return {"symbol": symbol, "status": "TRADING", **precision, "filters": filters(), **changes}


USDM = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "filters": filters("0.10", "0.001", "4529764", "1000"),
}
COINM = {
    "symbol": "BTCUSD_PERP",
    "contractType": "PERPETUAL",
    "contractStatus": "TRADING",
    "contractSize": 100,
    "pricePrecision": 1,
    "quantityPrecision": 0,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "filters": filters("0.1", "1", "4520958", "1000000"),
}


def parse(*symbols, only=None):
    body = {"timezone": "UTC", "serverTime": 1, "rateLimits": [], "symbols": list(symbols)}
    return parse_exchange_info(msgspec.json.encode(body), only)


def test_spot():
    info = parse(spot())["BTCUSDT"]
    assert (info.tick_size, info.step_size) == ("0.01000000", "0.00001000")
    assert (info.status, info.is_trading, info.contract_size) == ("TRADING", True, None)


def test_spot_scale_holds_what_is_finer_than_the_sizes():
    scale = parse(spot())["BTCUSDT"].scale
    assert scale == Scale(8, 8)
    # BTCUSDT asks, 2024-08-08: older than the step size of 0.00001.
    assert scale.lots("93.75658700") == 9_375_658_700


def test_usdm_scale_is_what_the_wire_shows():
    assert parse(USDM)["BTCUSDT"].scale == Scale(2, 3)


def test_coinm():
    info = parse(COINM)["BTCUSD_PERP"]
    assert (info.status, info.scale, info.contract_size) == ("TRADING", Scale(1, 0), Decimal(100))


@pytest.mark.parametrize(
    ("max_qty", "qty_decimals"),
    [
        pytest.param("9000.00000000", 8, id="btc"),
        pytest.param("92233720.36854775", 8, id="just-fits"),
        pytest.param("92233721.00000000", 7, id="just-does-not"),
        pytest.param("46116860414.00000000", 5, id="shib"),
        pytest.param("92141578000000000.00", 5, id="never-below-the-step"),
    ],
)
def test_sums_of_orders_must_fit(max_qty, qty_decimals):
    assert parse(spot(filters=filters(max_qty=max_qty)))["BTCUSDT"].scale.qty_decimals == qty_decimals


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"baseAssetPrecision": None, "quotePrecision": None}, id="no-precision"),
        pytest.param({"filters": filters(max_price="0", max_qty="0")}, id="no-limits"),
        pytest.param({"filters": filters(max_price="", max_qty="much")}, id="odd-limits"),
        pytest.param({"baseAssetPrecision": 1, "quotePrecision": 0}, id="precision-coarser-than-sizes"),
    ],
)
def test_scale_of_the_sizes_where_nothing_else_is_known(changes):
    assert parse(spot(**changes))["BTCUSDT"].scale == Scale(2, 5)


@pytest.mark.parametrize("status", ["BREAK", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_any_status_is_kept_as_text(status):
    info = parse(spot(status=status))["BTCUSDT"]
    assert (info.status, info.is_trading) == (status, False)


def test_symbols_need_not_be_ascii():
    assert list(parse(spot("币安人生USDT"))) == ["币安人生USDT"]


def test_only_what_was_asked_for_is_looked_at():
    strange = {"symbol": "ODD", "filters": "none"}
    assert list(parse(spot(), strange, only=["BTCUSDT", "GONE"])) == ["BTCUSDT"]


def test_unknown_fields_are_ignored():
    assert parse(spot(permissionSets=[["SPOT"]], newThing={"a": 1}, icebergAllowed=True))


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        pytest.param(
            spot("ETHUSDT", filters=filters()[1:]),
            "ETHUSDT: expected PRICE_FILTER.tickSize, got filters: LOT_SIZE, MAX_NUM_ORDERS",
            id="no-price-filter",
        ),
        pytest.param(
            spot("ETHUSDT", filters=[]),
            "exchangeInfo of ETHUSDT: expected PRICE_FILTER.tickSize, got filters: none",
            id="no-filters",
        ),
        pytest.param(
            spot("ETHUSDT", filters=filters()[:1]), "ETHUSDT: expected LOT_SIZE.stepSize", id="no-lot-size"
        ),
        pytest.param(
            spot("ETHUSDT", filters=filters(tick="0.00000000")),
            "exchangeInfo of ETHUSDT: tickSize: expected a positive size, got '0.00000000'",
            id="tick-of-zero",
        ),
        pytest.param(
            spot("ETHUSDT", status=None),
            "ETHUSDT: expected status or contractStatus, got neither",
            id="no-status",
        ),
        pytest.param(
            spot("ETHUSDT", filters={"a": 1}),
            r"exchangeInfo of ETHUSDT: Expected `array`",
            id="filters-no-list",
        ),
        pytest.param(
            spot("ETHUSDT", filters=[{**filters()[0], "tickSize": 0.01}, filters()[1]]),
            "exchangeInfo of ETHUSDT: Expected `str | null`, got `float` - at `.*tickSize`",
            id="number-for-text",
        ),
        pytest.param(
            spot("ETHUSDT", filters=filters(tick="0.0000000000000000001")),
            "exchangeInfo of ETHUSDT: tickSize: .* has 19 decimals, at most 18 fit",
            id="off-scale",
        ),
    ],
)
def test_a_symbol_that_cannot_be_read_has_a_verdict_of_its_own(symbol, message):
    listed = parse(spot(), symbol, spot("LTCUSDT"))
    bad = listed["ETHUSDT"]
    assert isinstance(bad, BadListing)
    assert bad.symbol == "ETHUSDT"
    assert re.search(message, bad.why)
    assert listed["BTCUSDT"] == parse(spot())["BTCUSDT"]
    assert listed["LTCUSDT"] == parse(spot("LTCUSDT"))["LTCUSDT"]


@pytest.mark.parametrize("entry", [{"status": "TRADING"}, {"symbol": 7}, 7, None, "BTCUSDT", []])
def test_an_entry_without_a_name_is_nobody_s(entry):
    assert parse(spot(), entry) == parse(spot())


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"symbols":5}', b'{"symbols":[\xff]}'])
def test_a_body_that_is_none(body):
    with pytest.raises(BadFrame, match="exchangeInfo: "):
        parse_exchange_info(body)
