"""What a trade was, and when the matching engine did it: both engines read it off the frame alike."""

from __future__ import annotations

import pytest

from leadline.book.messages import TradeKind
from leadline.book.rows.batch import DiffCol, TradeCol
from tests.book.fake_venue import FakeVenue, needs_numba

pytestmark = needs_numba
ENGINES = pytest.mark.parametrize("engine", ["plain", "compiled", "decoded"])


@ENGINES
@pytest.mark.parametrize(
    ("what", "price", "kind"),
    [
        ('"X":"MARKET",', "5.00", TradeKind.MARKET),
        ("", "5.00", TradeKind.MARKET),
        ('"X":"INSURANCE_FUND",', "5.00", TradeKind.INSURANCE_FUND),
        ('"X":"ADL",', "5.00", TradeKind.ADL),
        ('"X":"SETTLE",', "5.00", TradeKind.OTHER),  # as many letters as MARKET
        ('"X":"NA",', "0", TradeKind.OTHER),
        ('"X":"MARKET",', "0", TradeKind.OTHER),
        ("", "0.00", TradeKind.OTHER),
    ],
)
def test_a_trade_has_a_kind(engine: str, what: str, price: str, kind: TradeKind) -> None:
    venue = FakeVenue(1, futures=True)
    book, batch = venue.book(engine), venue.batch()
    numbers = f'"t":7,"p":"{price}","q":"1.000",{what}"m":true'
    payload = f'{{"e":"trade","E":9,"T":8,"s":"{venue.market.symbol}",{numbers}}}'
    book.receive_trade(*venue.combined(payload, "trade"), 10, batch)
    assert batch.counts[2] == 1
    assert batch.trades[0, TradeCol.KIND :].tolist() == [kind, -1, -1, -1, 0]


@ENGINES
def test_a_diff_has_its_own_transaction_time_or_none(engine: str) -> None:
    venue = FakeVenue(1, futures=True)
    book, batch = venue.book(engine), venue.batch()
    venue.tick()
    first = venue.frame(venue.diff())
    book.receive_depth(*first, 1, batch)
    book.receive_snapshot(venue.snapshot(), 2, batch)
    frame, start = venue.frame(venue.diff())
    event_ms = venue.now_ns // 1_000_000 - 5
    book.receive_depth(frame, start, 3, batch)
    assert batch.diffs[batch.counts[0] - 1, DiffCol.TS_TRANSACTION_NS] == (event_ms - 1) * 1_000_000
    frame, start = venue.frame(venue.diff())
    book.receive_depth(frame.replace(f'"T":{event_ms - 1},'.encode(), b""), start, 4, batch)
    assert batch.diffs[batch.counts[0] - 1, DiffCol.LAST_ID] == venue.last_id
    assert batch.diffs[batch.counts[0] - 1, DiffCol.TS_TRANSACTION_NS] == 0
