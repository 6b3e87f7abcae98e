"""The stored double is the wire's decimal, and columns are what went in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadline.book.messages import BookTicker, Trade
from leadline.book.rows.batch import Batch, Market, SeedRow
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import SPOT
from leadline.storage.ingest.arrow import (
    Names,
    diffs_table,
    seeds_table,
    tickers_table,
    to_double,
    trades_table,
)
from leadline.storage.queries.rebuild import exact
from tests.storage.helpers import BTC, COIN, MARKETS, ODD, START_NS, diff, seed

INT64_MAX = 2**63 - 1


def stored(text: str, decimals: int) -> float:
    """Take a wire text through the scale into what the store holds."""
    ticks = np.array([Scale(decimals, 0).ticks(text)], np.int64)
    return float(to_double(ticks, np.array([decimals]))[0])


@given(st.integers(0, 18), st.integers(0, 10**15 - 1))
@example(8, 1)
@example(18, 999_999_999_999_999)
@example(2, 6_183_764)
def test_up_to_15_digits_the_double_prints_as_the_wire_text(decimals: int, digits: int) -> None:
    text = f"{Decimal(digits).scaleb(-decimals):f}"
    value = stored(text, decimals)
    assert Decimal(repr(value)) == Decimal(text)
    assert exact(value) == Decimal(text)


@given(st.integers(0, 18), st.integers(0, INT64_MAX))
@example(0, 2**53 + 1)
@example(1, INT64_MAX)
@example(18, INT64_MAX)
def test_every_integer_gives_the_double_nearest_to_its_text(decimals: int, digits: int) -> None:
    text = f"{Decimal(digits).scaleb(-decimals):f}"
    assert stored(text, decimals) == float(text)


def test_columns_with_several_scales_convert_each_by_its_own() -> None:
    values = np.array([2**53 + 1, 15, 15, 0], np.int64)
    assert to_double(values, np.array([3, 0, 1, 18])).tolist() == [
        float("9007199254740.993"),
        15.0,
        1.5,
        0.0,
    ]
    assert to_double(values[:0], np.array([], np.int64)).tolist() == []


def test_diffs_become_lists_by_side_in_the_order_of_the_frame() -> None:
    batch = Batch(MARKETS)
    batch.add_diff(0, 7, diff(1, 2, [(6183764, 100000), (6183763, 0)], [(6183765, 5)]), to_book_ns=1234)
    batch.add_diff(2, 8, diff(3, 3, prev=2))
    batch.add_diff(1, 9, diff(4, 6, asks=[(12345, 7), (12346, 8)]))
    rows = diffs_table(batch, Names(MARKETS)).to_pylist()
    assert [(r["venue"], r["symbol"]) for r in rows] == [(m.venue, m.symbol) for m in (BTC, COIN, ODD)]
    first, second, third = rows
    assert (first["bid_px"], first["bid_qty"]) == ([61837.64, 61837.63], [1.0, 0.0])
    assert (first["ask_px"], first["ask_qty"]) == ([61837.65], [0.00005])
    assert (first["prev_id"], first["to_book_ns"], first["epoch"]) == (None, 1234, 7)
    assert (second["bid_px"], second["ask_px"], second["prev_id"], second["to_book_ns"]) == (
        [],
        [],
        2,
        None,
    )
    assert (third["bid_px"], third["ask_px"], third["ask_qty"]) == ([], [1.2345, 1.2346], [7.0, 8.0])
    assert (third["first_id"], third["last_id"]) == (4, 6)
    received = third["recv_ns"]
    assert received == START_NS + 600_000_000
    utc = dt.datetime.fromtimestamp(received / 1e9, dt.UTC).replace(tzinfo=None)
    assert third["ts_recv"] == utc
    assert third["ts_event"] == utc - dt.timedelta(milliseconds=3)


def test_seeds_trades_and_tickers() -> None:
    batch = Batch(MARKETS)
    batch.add_trades(1, Trade("", 5, 12345, 2, True, START_NS, START_NS + 1000, START_NS + 2999))
    batch.add_ticker(0, BookTicker("", 9, 1, 2, 3, 4, None, START_NS))
    batch.add_ticker(2, BookTicker("", 9, 1, 2, 3, 4, START_NS, START_NS))
    batch.seeds.append(SeedRow(0, 3, seed(4, [(100, 1), (99, 2)])))
    names = Names(MARKETS)
    (trade,) = trades_table(batch, names).to_pylist()
    assert (trade["symbol"], trade["px"], trade["qty"], trade["buyer_is_maker"]) == (
        "币安人生USDT",
        1.2345,
        2.0,
        True,
    )
    assert trade["ts_recv"].microsecond == 2  # cut, not rounded
    spot, future = tickers_table(batch, names).to_pylist()
    assert (spot["ts_event"], spot["bid_px"], spot["ask_qty"]) == (None, 0.01, 0.00004)
    assert (future["ts_event"], future["bid_px"]) == (future["ts_recv"], 0.1)
    (row,) = seeds_table(batch.seeds, names).to_pylist()
    assert (row["bid_px"], row["bid_qty"], row["ask_px"]) == ([1.0, 0.99], [0.00001, 0.00002], [])
    assert (row["ts_event"], row["source"], row["last_id"]) == (None, "venue", 4)


def test_names_follow_a_list_that_grows() -> None:
    markets = [BTC]
    names = Names(markets)
    assert names.columns(np.array([0]))["symbol"].to_pylist() == ["BTCUSDT"]
    markets.append(Market("loopback-spot", "ETHUSDT", Scale(2, 4), SPOT))
    assert names.columns(np.array([1, 0]))["symbol"].to_pylist() == ["ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize("rows", [1, 500])
def test_no_level_is_lost_or_moved_whatever_the_counts(rows: int) -> None:
    rng = np.random.default_rng(rows)
    batch = Batch(MARKETS, diff_rows=rows, level_rows=rows * 20)
    said = []
    for n in range(rows):
        bids = [(int(p), int(q)) for p, q in rng.integers(0, 10**6, (rng.integers(0, 9), 2))]
        asks = [(int(p), int(q)) for p, q in rng.integers(0, 10**6, (rng.integers(0, 9), 2))]
        book = int(rng.integers(0, 3))
        batch.add_diff(book, 1, diff(n, n, bids, asks))
        scale = MARKETS[book].scale
        said.append(([float(scale.price(p)) for p, _ in bids], [float(scale.quantity(q)) for _, q in asks]))
    table = diffs_table(batch, Names(MARKETS))
    assert list(zip(table["bid_px"].to_pylist(), table["ask_qty"].to_pylist(), strict=True)) == said
