"""
Addresses, limits and weights of Binance's three markets, of their test networks, and of Binance.US.

Sources, as of 2026-09: binance-spot-api-docs (web-socket-streams.md, rest-api.md, CHANGELOG.md,
faqs/market_data_only.md, faqs/testnet.md, demo-mode/general-info.md); the derivatives documents on
developers.binance.com; for what they leave open, binance/binance-public-data#472 and Tucsky/aggr#444.

Futures streams are split since 2026-03-06: ``/public`` carries diff depth and book tickers,
``/market`` trades. A stream asked for on the wrong path is accepted and then stays silent, as is the
undocumented futures ``@trade``; so futures take ``@aggTrade`` on ``/market``, over a second connection.
For COIN-M the documents of 2026 name the undivided address only, while a report of 2026-05 (aggr#444) found
it silent and ``/market`` alive: the split is tried first, then the undivided address, which the feed moves
on to when the first is refused or stays silent.

Past trades are listed as aggregates without a key (``aggTrades``: weight 4 on spot, 20 on futures, at most
1,000 in an answer). Spot's single ones (``historicalTrades``) want a key in older documents and are not on
the hosts for market data, so they are not asked for.
"""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.binance import specs
from leadline.book.venues.common.spec import VenueSpec
from leadline.tasks.venues.binance.adapter import BinanceAdapter
from leadline.tasks.venues.common.adapter import StreamKind, WsBase
from leadline.tasks.venues.common.profile import DepthWeight, VenueProfile

MILLISECOND_NS, MICROSECOND_NS = 1_000_000, 1_000

STREAMS = {
    StreamKind.DEPTH: "{lower}@depth@100ms",
    StreamKind.TICKER: "{lower}@bookTicker",
    StreamKind.TRADE: "{lower}@trade",
    StreamKind.DEPTH20: "{lower}@depth20@100ms",
}

# Weights of 2026-07, rest-api.md "Order book".
SPOT = VenueProfile(
    name=specs.SPOT.name,
    spec=specs.SPOT,
    adapter=BinanceAdapter(lists_by_symbol=True),
    streams=STREAMS,
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
    listing_weight=20,
    trade_weight=4,
    weight_per_minute=6000,
    commands_per_s=5,
    streams_per_connection=1024,
    ping_every_s=20.0,
    time_units_ns=(MILLISECOND_NS, MICROSECOND_NS),
)

USDM = VenueProfile(
    name=specs.USDM.name,
    spec=specs.USDM,
    adapter=BinanceAdapter(lists_by_symbol=False),
    streams=STREAMS | {StreamKind.TRADE: "{lower}@aggTrade"},
    ws_bases=(WsBase("wss://fstream.binance.com", book_path="/public", trade_path="/market"),),
    rest_bases=("https://fapi.binance.com",),
    rest_prefix="/fapi/v1",
    depth_weights=(
        DepthWeight(1000, 20),
        DepthWeight(500, 10),
        DepthWeight(100, 5),
        DepthWeight(50, 2),
    ),
    listing_weight=1,
    trade_weight=20,
    weight_per_minute=2400,
    commands_per_s=10,
    streams_per_connection=1024,
    ping_every_s=180.0,
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

PROFILES = (SPOT, USDM, COINM)


def _rest_host(host: str) -> str:
    return f"https://{'api-gcp' if host == 'gcp' else host}.binance.com"


def _at(
    like: VenueProfile,
    spec: VenueSpec,
    ws: tuple[str, ...] | tuple[WsBase, ...],
    *rest: str,
) -> VenueProfile:
    """Return a market at other addresses, by its own name."""
    bases = tuple(each if isinstance(each, WsBase) else WsBase(each) for each in ws)
    return replace(like, name=spec.name, spec=spec, ws_bases=bases, rest_bases=rest)


def _divided(host: str) -> tuple[WsBase, ...]:
    return (WsBase(f"wss://{host}", book_path="/public", trade_path="/market"), WsBase(f"wss://{host}"))


# Streams come from the market's own address: the documents name no other beside these REST hosts.
_STREAM = tuple(base.url for base in SPOT.ws_bases[:2])
ELSEWHERE = (
    *(_at(SPOT, specs.HOSTS[host], _STREAM, _rest_host(host)) for host in specs.API_HOSTS),
    _at(
        SPOT,
        specs.HOSTS["vision"],
        ("wss://data-stream.binance.vision",),
        "https://data-api.binance.vision",
    ),
    _at(
        SPOT,
        specs.SPOT_TESTNET,
        ("wss://stream.testnet.binance.vision", "wss://stream.testnet.binance.vision:9443"),
        "https://testnet.binance.vision",
        "https://api1.testnet.binance.vision",
    ),
    _at(
        SPOT,
        specs.SPOT_DEMO,
        ("wss://demo-stream.binance.com", "wss://demo-stream.binance.com:9443"),
        "https://demo-api.binance.com",
    ),
    _at(USDM, specs.USDM_DEMO, _divided("demo-fstream.binance.com"), "https://demo-fapi.binance.com"),
    _at(COINM, specs.COINM_DEMO, _divided("demo-dstream.binance.com"), "https://demo-dapi.binance.com"),
    # Weights and limits of its documents, which are older; they name no microseconds.
    replace(
        _at(SPOT, specs.US, ("wss://stream.binance.us:9443",), "https://api.binance.us"),
        depth_weights=(
            DepthWeight(5000, 50),
            DepthWeight(1000, 10),
            DepthWeight(500, 5),
            DepthWeight(100, 1),
        ),
        listing_weight=10,
        trade_weight=1,
        weight_per_minute=1200,
        ping_every_s=180.0,
        time_units_ns=(MILLISECOND_NS,),
    ),
)
