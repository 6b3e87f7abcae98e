from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.errors import BatchFull
from leadline.book.messages import BookTicker, Trade, TradeKind
from leadline.book.rows.batch import (
    Batch,
    BookEventRow,
    Count,
    CoverageOpened,
    DiffCol,
    Market,
    SeedRow,
    TickerCol,
    TradeCol,
)
from leadline.book.scale import Scale
from leadline.book.sync.events import State
from leadline.book.venues.binance.sequence import SPOT
from tests.book.transcript import diff, seed

MARKETS = [Market("binance-spot", "BTCUSDT", Scale(2, 5), SPOT)]
TRADE = Trade("BTCUSDT", 77, 6183764, 5, True, 3, 2, 1)
TICKER = BookTicker("BTCUSDT", 9, 100, 1, 101, 2, None, 4)


def make(**rooms) -> Batch:
    return Batch(MARKETS, **rooms)


def test_a_new_batch_is_empty():
    assert make().is_empty


def test_a_diff_becomes_a_row_and_its_levels():
    batch = make()
    batch.add_diff(3, 50, diff(5, 7, bids=((100, 1), (99, 0)), asks=((101, 2),)), to_book_ns=9)
    batch.add_diff(4, 60, diff(8, 9, 7, bids=(), asks=()))
    assert batch.counts.tolist() == [2, 3, 0, 0]
    first, second = batch.diffs[:2].tolist()
    assert first == [3, 50, 7_000_000, 7_000_000, 5, 7, -1, 2, 1, 0, 9, 0, 0]
    assert (second[DiffCol.BOOK], second[DiffCol.PREV_ID], second[DiffCol.N_BIDS]) == (4, 7, 0)
    assert batch.levels[:3].tolist() == [[100, 1], [99, 0], [101, 2]]


def test_a_trade_and_a_ticker_become_rows():
    batch = make()
    batch.add_trades(2, TRADE)
    batch.add_ticker(2, TICKER)
    trade, ticker = batch.trades[0].tolist(), batch.tickers[0].tolist()
    assert batch.counts.tolist() == [0, 0, 1, 1]
    assert [trade[col] for col in TradeCol] == [2, 2, 1, 3, 77, 6183764, 5, 1, 0, -1, -1, -1, 0]
    assert [ticker[col] for col in TickerCol] == [2, 0, 4, 9, 100, 1, 101, 2, 0]


def test_an_aggregate_says_what_it_covers_and_how_much_of_it_met_the_book():
    batch = make()
    batch.add_trades(0, replace(TRADE, kind=TradeKind.RPI, market_lots=0, covers=(70, 73)))
    assert batch.trades[0, TradeCol.KIND :].tolist() == [TradeKind.RPI, 0, 70, 73, 0]


def test_the_largest_integers_fit():
    batch = make()
    top = 2**63 - 1
    batch.add_diff(0, 1, diff(1, 2, bids=((top, top),), asks=()))
    assert batch.levels[0].tolist() == [top, top]


@pytest.mark.parametrize(
    ("rooms", "fill"),
    [
        pytest.param({"diff_rows": 1}, lambda b: b.add_diff(0, 1, diff(1, 2)), id="diffs"),
        pytest.param({"level_rows": 3}, lambda b: b.add_diff(0, 1, diff(1, 2)), id="levels"),
        pytest.param({"trade_rows": 1}, lambda b: b.add_trades(0, TRADE), id="trades"),
        pytest.param({"ticker_rows": 1}, lambda b: b.add_ticker(0, TICKER), id="tickers"),
    ],
)
def test_a_full_batch_refuses_and_stays_as_it_was(rooms, fill):
    batch = make(**rooms)
    fill(batch)
    before = batch.flat.tobytes()
    with pytest.raises(BatchFull):
        fill(batch)
    assert batch.flat.tobytes() == before
    batch.clear()
    fill(batch)


def test_one_diff_larger_than_the_batch_makes_an_empty_batch_grow():
    batch = make(level_rows=2)
    batch.add_trades(0, TRADE)
    big = tuple((price, 1) for price in range(1, 50))
    batch.add_diff(0, 1, diff(1, 2, bids=big, asks=()))
    assert batch.levels[:49].tolist() == [list(level) for level in big]
    assert batch.trades[0, TradeCol.TRADE_ID] == 77


def test_growing_on_demand_keeps_what_is_there():
    batch = make(diff_rows=1, level_rows=2)
    batch.add_diff(0, 1, diff(1, 2))
    batch.add_ticker(0, TICKER)
    with pytest.raises(BatchFull):
        batch.reserve(2, 4)
    batch.reserve(2, 4, grow=True)
    batch.add_diff(0, 1, diff(3, 4))
    batch.add_diff(0, 1, diff(5, 6))
    assert batch.diffs[:3, DiffCol.LAST_ID].tolist() == [2, 4, 6]
    assert batch.levels[:6].tolist() == [[100, 5], [101, 7]] * 3
    assert batch.tickers[0, TickerCol.UPDATE_ID] == 9


def test_rare_rows_and_clearing():
    batch = make()
    batch.seeds.append(SeedRow(0, 1, seed(5)))
    batch.events.append(BookEventRow(0, 1, State.WAITING, State.BUFFERING, "start"))
    batch.coverage.append(CoverageOpened(0, 1, 2, 3))
    batch.add_trades(0, TRADE)
    assert not batch.is_empty
    batch.clear()
    assert batch.is_empty
    assert batch.counts[Count.TRADES] == 0
    assert (batch.seeds, batch.events, batch.coverage) == ([], [], [])
