"""
Addresses, limits and topics of Bybit's spot and linear markets.

    HTTP         600 requests in any 5 s by address, whatever is asked; none has a weight
    WebSocket    500 connections in 5 minutes; on each, topics of 21,000 characters in all
    commands     10 topics in one on spot; no limit is told of on linear, and the same will do
    heartbeat    ours, every 20 s

A level-1 snapshot is sent again after 3 s without a change, so only trades show that the market moved.
Books come with the stream: a new subscription begins with a snapshot.

Sources, as of 2026-11: bybit-exchange/docs, v5/guide and v5/ws/connect (addresses), v5/rate-limit,
v5/websocket/public/orderbook and trade, v5/market/orderbook (up to 1000 levels a side on both markets).
"""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.bybit import specs
from leadline.book.venues.common.spec import VenueSpec
from leadline.tasks.net.session import Heartbeat
from leadline.tasks.venues.bybit.adapter import BybitAdapter
from leadline.tasks.venues.common.adapter import StreamKind, WsBase
from leadline.tasks.venues.common.profile import DepthWeight, VenueProfile


def _profile(category: str, levels: int, spec: VenueSpec) -> VenueProfile:
    return VenueProfile(
        name=spec.name,
        spec=spec,
        adapter=BybitAdapter(category, levels),
        streams={
            StreamKind.DEPTH: f"orderbook.{levels}.{{symbol}}",
            StreamKind.TICKER: "orderbook.1.{symbol}",
            StreamKind.TRADE: "publicTrade.{symbol}",
        },
        ws_bases=(WsBase("wss://stream.bybit.com"),),
        rest_bases=("https://api.bybit.com", "https://api.bytick.com"),
        rest_prefix="/v5/market",
        depth_weights=(DepthWeight(1000, 1),),
        listing_weight=1,
        trade_weight=1,
        weight_per_minute=600,  # what may come within 5 s: a minute of it never passes the limit
        commands_per_s=10,
        streams_per_connection=500,  # of 40 characters, quotes and comma included
        streams_per_command=10,
        heartbeat=Heartbeat(b'{"op":"ping"}', 20.0),
        moving=frozenset({StreamKind.TRADE}),
        seeds_in_stream=True,
        attempts=500,
    )


SPOT = {levels: _profile("spot", levels, spec) for levels, spec in specs.SPOT.items()}
LINEAR = {levels: _profile("linear", levels, spec) for levels, spec in specs.LINEAR.items()}
PROFILES = (*SPOT.values(), *LINEAR.values())

_ON_TESTNET = {
    profile.name: specs.SPOT_TESTNET[levels] if profiles is SPOT else specs.LINEAR_TESTNET[levels]
    for profiles in (SPOT, LINEAR)
    for levels, profile in profiles.items()
}
TESTNET = tuple(
    replace(
        profile,
        name=_ON_TESTNET[profile.name].name,
        spec=_ON_TESTNET[profile.name],
        ws_bases=(WsBase("wss://stream-testnet.bybit.com"),),
        rest_bases=("https://api-testnet.bybit.com",),
    )
    for profile in PROFILES
)
