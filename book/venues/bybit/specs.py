"""
Bybit's spot and linear markets, each by the depth of the book that is kept: 50, 200 or 1000 levels a side.

Books of 50 and of 1000 levels are different data, so each depth is a market with a name of its own; the
plain name is the deepest. ``orderbook.1`` promises little: it is sent every 10 ms, so that tops between two
messages are left out, and of ``seq`` the documents say only that the smaller one is earlier. So a top that
differs at an equal ``seq`` makes a book SUSPECT and never discards it. Whether two connections count ``u``
alike is not said, so none follows another by ids. The test network's markets have names of their own.

Sources, as of 2026-11: bybit-exchange/docs, v5/websocket/public/orderbook (depths, push frequency, seq);
Bybit's trading fee structure (non-VIP takers: spot 0.1 %, perpetuals and futures 0.055 %); tardis.dev,
"Bybit" and "Bybit Spot".
"""

from __future__ import annotations

from dataclasses import replace

from leadline.book.trust.attestation import Faith
from leadline.book.venues.bybit.decode import BybitDecoder
from leadline.book.venues.bybit.documented import DOCUMENTED
from leadline.book.venues.bybit.instruments import parse_instruments
from leadline.book.venues.bybit.recorded import BybitRecorded
from leadline.book.venues.bybit.sequence import TOPIC
from leadline.book.venues.common.spec import VenueSpec

DEPTHS = (1000, 200, 50)
CAVEAT = (
    "No recording of Bybit was met yet: how its messages are read follows from its documents and from "
    "frames that others published."
)


TEST_CAVEAT = f"A test network: its orders and prices are not those of the exchange. {CAVEAT}"


def _spec(market: str, levels: int, *, taker_fee_bps: float, tardis_name: str) -> VenueSpec:
    name = f"bybit-{market}" if levels == DEPTHS[0] else f"bybit-{market}-{levels}"
    return VenueSpec(
        name=name,
        alias=None,
        loopback_kind=name,
        rule=TOPIC,
        decoder=BybitDecoder(),
        load_scanner=None,
        parse_listing=parse_instruments,
        recorded=BybitRecorded(levels),
        documented=DOCUMENTED,
        taker_fee_bps=taker_fee_bps,
        tardis_name=tardis_name,
        window=levels,
        faith=Faith(bracket=False, refute=False),
        same_ids=False,
        numbers_trades=False,
        pairs_connections=False,
        caveat=CAVEAT,
    )


SPOT = {n: _spec("spot", n, taker_fee_bps=10.0, tardis_name="bybit-spot") for n in DEPTHS}
LINEAR = {n: _spec("linear", n, taker_fee_bps=5.5, tardis_name="bybit") for n in DEPTHS}
SPECS = (*SPOT.values(), *LINEAR.values())


def _testnet(like: VenueSpec) -> VenueSpec:
    name = like.name.replace("bybit-", "bybit-testnet-")
    return replace(like, name=name, tardis_name=None, caveat=TEST_CAVEAT)


SPOT_TESTNET = {levels: _testnet(spec) for levels, spec in SPOT.items()}
LINEAR_TESTNET = {levels: _testnet(spec) for levels, spec in LINEAR.items()}
TESTNET = (*SPOT_TESTNET.values(), *LINEAR_TESTNET.values())
