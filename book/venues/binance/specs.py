"""
The three markets, spot, USD-M and COIN-M futures, and the same messages from elsewhere.

    MARKETS     the exchange itself
    HOSTS       the exchange itself over one of its other addresses
    OTHERS      other order books: test networks, Binance.US

Each has a name of its own: rows of two order books never share one.

Sources: binance-spot-api-docs (rest-api.md "General API Information", faqs/market_data_only.md,
faqs/testnet.md, demo-mode/general-info.md of 2026-01); binance-us-api-docs (rest-api.md,
web-socket-streams.md of 2022-09); developers.binance.com, "Environments and API base URLs".
"""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.binance.decode import BinanceDecoder
from leadline.book.venues.binance.documented import COINM_DOCUMENTED, SPOT_DOCUMENTED, USDM_DOCUMENTED
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.book.venues.binance.past_trades import decode_past_trades
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
    documented=SPOT_DOCUMENTED,
    taker_fee_bps=10.0,
    tardis_name="binance",
    parse_trades=decode_past_trades,
)
USDM = replace(
    SPOT,
    name="binance-usdm",
    alias=None,
    loopback_kind="usdm",
    rule=FUTURES_RULE,
    aggregates_trades=True,
    documented=USDM_DOCUMENTED,
    taker_fee_bps=5.0,
    tardis_name="binance-futures",
)
COINM = replace(
    USDM,
    name="binance-coinm",
    loopback_kind="coinm",
    documented=COINM_DOCUMENTED,
    tardis_name="binance-delivery",
)
MARKETS = (SPOT, USDM, COINM)

TEST_CAVEAT = "A test network: its orders and prices are not those of the exchange."
US_CAVEAT = "Binance.US is another exchange. Its messages are read as its documents of 2022 say."


def _elsewhere(like: VenueSpec, name: str, *, caveat: str | None = None) -> VenueSpec:
    """Return a market whose messages are like another's; one with a caveat is not that market."""
    tardis_name = like.tardis_name if caveat is None else None
    return replace(like, name=name, alias=None, tardis_name=tardis_name, caveat=caveat)


# The addresses that the documents name beside api.binance.com.
API_HOSTS = ("api1", "api2", "api3", "api4", "gcp")
HOSTS = {host: _elsewhere(SPOT, f"binance-spot-{host}") for host in (*API_HOSTS, "vision")}
SPOT_TESTNET = _elsewhere(SPOT, "binance-spot-testnet", caveat=TEST_CAVEAT)
SPOT_DEMO = _elsewhere(SPOT, "binance-spot-demo", caveat=TEST_CAVEAT)
USDM_DEMO = _elsewhere(USDM, "binance-usdm-demo", caveat=TEST_CAVEAT)
COINM_DEMO = _elsewhere(COINM, "binance-coinm-demo", caveat=TEST_CAVEAT)
# Fees of its pairs differ and were not checked: Binance's is taken. The setting taker_fee_bps replaces it.
US = replace(_elsewhere(SPOT, "binance-us", caveat=US_CAVEAT), tardis_name="binance-us")
OTHERS = (SPOT_TESTNET, SPOT_DEMO, USDM_DEMO, COINM_DEMO, US)
