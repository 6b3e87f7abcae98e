"""What the exchange really sent in 2024 is as its documents of 2026 say, as far as a recording can tell."""

from __future__ import annotations

import gzip
from itertools import islice

import pytest

from leadline.book.contact.findings import Finding, Verdict
from leadline.book.contact.market import MarketContact
from leadline.book.contact.symbol import SymbolContact
from leadline.book.scale import Scale
from leadline.book.venues.common.documented import Part
from leadline.book.venues.common.listing import SymbolInfo
from leadline.tasks.contact.streams import PARTS
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.registry import venue
from tests.recordings import COINM_BTC, SPOT_BTC, SPOT_ETH, USDM_BTC, recording

LINES = 6_000
RECORDED = [
    (SPOT_BTC, "binance-spot", "BTCUSDT", Scale(2, 5)),
    (SPOT_ETH, "binance-spot", "ETHUSDT", Scale(2, 4)),
    (USDM_BTC, "binance-usdm", "BTCUSDT", Scale(1, 3)),
    (COINM_BTC, "binance-coinm", "BTCUSD_PERP", Scale(1, 0)),
]


def looked_at(name: str, of: str, symbol: str, scale: Scale, *, lost_diff: int = -1) -> dict[str, Finding]:
    """Bring a recording's first lines to the checks, but for one diff."""
    profile = venue(of)
    market = MarketContact(profile.spec, frozenset(Part), profile.time_unit_ns)
    tick, step = (f"{10**-digits:.{digits}f}" for digits in (scale.price_decimals, scale.qty_decimals))
    # Orders of before a change of stepSize rest in finer amounts: so eight decimals on spot.
    kept = Scale(scale.price_decimals, 8) if of == "binance-spot" else scale
    market.symbols[symbol] = SymbolContact(
        symbol, profile.spec, SymbolInfo(symbol, "TRADING", kept, tick, step), PARTS.values()
    )
    diffs = 0
    with gzip.open(recording(name), "rb") as lines:
        for line in islice(lines, LINES):
            received, _, frame = line.rstrip(b"\n").partition(b" ")
            head = profile.adapter.read_head(frame)
            if head.is_snapshot:
                snapshot = market.order_book(symbol, head.payload, int(received))
                assert snapshot is not None
                market.symbols[symbol].seed(snapshot)
            elif (kind := profile.adapter.parse_stream(head.stream or "").kind) is not None:
                diffs += kind is StreamKind.DEPTH
                if kind is not StreamKind.DEPTH or diffs != lost_diff:
                    market.message(PARTS[kind], symbol, frame, head.payload, head.start, int(received))
    market.symbols[symbol].settle(is_last=True)
    return {one.assumption: one for one in market.findings()}


@pytest.mark.parametrize(("name", "of", "symbol", "scale"), RECORDED, ids=[row[0] for row in RECORDED])
def test_a_recording_breaks_nothing(name: str, of: str, symbol: str, scale: Scale) -> None:
    found = looked_at(name, of, symbol, scale)
    assert [one for one in found.values() if one.verdict in (Verdict.BROKEN, Verdict.NOTED)] == []
    for assumption in (
        "each diff joins the one before it",
        "an order book of REST joins the diffs",
        "a ticker equals the book at the same id",
        "trade ids count one by one",
        "prices are multiples of tickSize",
        "fields of: diff depth",
        "fields of: book ticker",
        "fields of: trade",
    ):
        assert found[assumption].verdict is Verdict.HOLDS


def test_one_lost_diff_of_it_is_named() -> None:
    found = looked_at(*RECORDED[2], lost_diff=200)
    assert found["each diff joins the one before it"].verdict is Verdict.BROKEN
