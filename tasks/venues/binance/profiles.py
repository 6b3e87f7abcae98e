"""Addresses, limits and weights of Binance's three markets."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.binance import specs
from leadline.tasks.venues.common.profile import DepthWeight, VenueProfile, WsBase

# Spot: weights of 2026-07, rest-api.md "Order book".
SPOT = VenueProfile(
    name=specs.SPOT.name,
    spec=specs.SPOT,
    ws_bases=(
        WsBase("wss://stream.binance.com:9443"),
        WsBase("wss://stream.binance.com:443"),
        WsBase("wss://data-stream.binance.vision"),
    ),
    rest_bases=("https://api.binance.com", "https://data-api.binance.vision"),
    rest_prefix="/api/v3",
    depth_weights=(
        DepthWeight(5000, 250),
        DepthWeight(1000, 50),
        DepthWeight(500, 25),
        DepthWeight(100, 5),
    ),
    exchange_info_weight=20,
    exchange_info_by_symbol=True,
    weight_per_minute=6000,
    commands_per_s=5,
    streams_per_connection=1024,
    server_ping_s=20.0,
)


USDM = VenueProfile(
    name=specs.USDM.name,
    spec=specs.USDM,
    ws_bases=(WsBase("wss://fstream.binance.com", book_path="/public", trade_path="/market"),),
    rest_bases=("https://fapi.binance.com",),
    rest_prefix="/fapi/v1",
    depth_weights=(
        DepthWeight(1000, 20),
        DepthWeight(500, 10),
        DepthWeight(100, 5),
        DepthWeight(50, 2),
    ),
    exchange_info_weight=1,
    exchange_info_by_symbol=False,
    weight_per_minute=2400,
    commands_per_s=10,
    streams_per_connection=1024,
    server_ping_s=180.0,
    trade_suffix="aggTrade",
)


COINM = replace(
    USDM,
    name=specs.COINM.name,
    spec=specs.COINM,
    ws_bases=(
        WsBase("wss://dstream.binance.com", book_path="/public", trade_path="/market"),
        WsBase("wss://dstream.binance.com"),
    ),
    rest_bases=("https://dapi.binance.com",),
    rest_prefix="/dapi/v1",
    streams_per_connection=200,  # the older COIN-M figure; the newer one is not documented for it
)
