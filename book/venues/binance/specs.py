"""The three markets: spot, USD-M and COIN-M futures."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.binance.decode import BinanceDecoder
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.book.venues.binance.recorded import BinanceRecorded
from leadline.book.venues.binance.sequence import FUTURES as FUTURES_RULE
from leadline.book.venues.binance.sequence import SPOT as SPOT_RULE
from leadline.book.venues.common.scanner import Scanner
from leadline.book.venues.common.spec import VenueSpec

DECODER, RECORDED = BinanceDecoder(), BinanceRecorded()


def load_scanner() -> Scanner:
    """Load the compiled scanner, which all three markets share."""
    from leadline.book.venues.binance.scanner import scanner  # noqa: PLC0415 - numba takes 0.5 s to import

    return scanner()


# Fees: what regular users pay as takers, by Binance's fee schedules: spot 0.1 %, futures 0.05 %.
SPOT = VenueSpec(
    name="binance-spot",
    alias="binance",
    loopback_kind="spot",
    rule=SPOT_RULE,
    decoder=DECODER,
    load_scanner=load_scanner,
    parse_listing=parse_exchange_info,
    recorded=RECORDED,
    taker_fee_bps=10.0,
    tardis_name="binance",
)
USDM = replace(
    SPOT,
    name="binance-usdm",
    alias=None,
    loopback_kind="usdm",
    rule=FUTURES_RULE,
    taker_fee_bps=5.0,
    tardis_name="binance-futures",
)
COINM = replace(USDM, name="binance-coinm", loopback_kind="coinm", tardis_name="binance-delivery")
