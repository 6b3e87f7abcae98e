"""The synthetic market against its promises: sound books, contiguous ids, one truth at every id."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.book.scale import INT64_MAX
from leadline.book.synthetic.market import FUTURES_STRIDE, SyntheticMarket
from leadline.book.synthetic.records import MarketDiff, MarketTicker, MarketTrade, Record
from leadline.book.synthetic.specs import DEFAULT_BASES, Kind, default_symbols, fixed, make_specs

START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
LEVELS = dict[int, int]


def market(
    symbols: list[str], *, kind: str = "spot", seed: int = 1, levels: int | None = None, **settings: float
) -> SyntheticMarket:
    specs = make_specs(kind, symbols)
    if levels is not None:
        specs = [replace(spec, levels=levels) for spec in specs]
    return SyntheticMarket(specs, seed=seed, start_ns=START_NS, **settings)


def play(made: SyntheticMarket, seconds: float, *, slice_ns: int = 50_000_000) -> list[Record]:
    end = made.now_ns + int(seconds * SECOND)
    records: list[Record] = []
    while made.now_ns < end:
        records += made.advance(min(end, made.now_ns + slice_ns))
    return records


def apply(bids: LEVELS, asks: LEVELS, diff: MarketDiff) -> None:
    for side, levels in ((bids, diff.bids), (asks, diff.asks)):
        for price, qty in levels:
            if qty:
                side[price] = qty
            else:
                side.pop(price, None)


seeds = st.integers(0, 2**32)
names = st.sampled_from([*default_symbols("spot", 20), "XYZBTC", "这是测试币456"])
kinds = st.sampled_from(list(Kind))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, kind=kinds, before=st.floats(0, 1), after=st.floats(0.2, 1.5))
def test_diffs_rebuild_the_truth_from_any_snapshot(seed, name, kind, before, after):
    made = market([name], kind=kind, seed=seed, levels=400)
    play(made, before)
    snapshot = made[name].depth()
    bids, asks = dict(snapshot.bids), dict(snapshot.asks)
    diffs = [each for each in play(made, after) if isinstance(each, MarketDiff)]
    for diff in diffs:
        if diff.last_id <= snapshot.last_id:
            continue
        apply(bids, asks, diff)
        truth = made[name].depth(at_id=diff.last_id)
        assert (diff.last_id, bids, asks) == (truth.last_id, dict(truth.bids), dict(truth.asks))
    event(f"diffs: {len(diffs) // 5 * 5}+")


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, kind=kinds)
def test_ids_are_contiguous_and_levels_in_the_venues_order(seed, name, kind):
    made = market([name], kind=kind, seed=seed, levels=400)
    diffs = [each for each in play(made, 2) if isinstance(each, MarketDiff)]
    stride = 1 if kind is Kind.SPOT else FUTURES_STRIDE
    for diff in diffs:
        assert diff.prev_id < diff.first_id <= diff.last_id
        assert diff.bids or diff.asks
        assert [p for p, _ in diff.bids] == sorted({p for p, _ in diff.bids}, reverse=True)
        assert [p for p, _ in diff.asks] == sorted({p for p, _ in diff.asks})
    for one, two in pairwise(diffs):
        assert two.prev_id == one.last_id
        assert two.first_id == one.last_id + stride
        assert two.ts_ns > one.ts_ns
        assert (two.ts_ns - one.ts_ns) % 100_000_000 == 0


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, kind=kinds)
def test_the_book_is_sound_at_every_id(seed, name, kind):
    made = market([name], kind=kind, seed=seed, levels=400)
    play(made, 1)
    symbol, tick = made[name], made[name].spec.tick
    ids = range(symbol.oldest_id, symbol.last_id + 1, max(1, (symbol.last_id - symbol.oldest_id) // 25))
    for at_id in ids:
        depth = symbol.depth(at_id=at_id)
        assert depth.bids[0][0] < depth.asks[0][0]
        assert depth.bids == sorted(depth.bids, reverse=True)
        assert depth.asks == sorted(depth.asks)
        for price, qty in depth.bids + depth.asks:
            assert price > 0
            assert price % tick == 0
            assert 0 < qty <= INT64_MAX
            assert qty % symbol.spec.step == 0


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, kind=kinds)
def test_a_ticker_is_the_top_of_the_book_at_its_id(seed, name, kind):
    made = market([name], kind=kind, seed=seed, levels=400)
    tickers = [each for each in play(made, 1.5) if isinstance(each, MarketTicker)]
    for ticker in tickers[:: max(1, len(tickers) // 30)]:
        depth = made[name].depth(1, at_id=ticker.last_id)
        assert (ticker.bid, ticker.bid_qty) == depth.bids[0]
        assert (ticker.ask, ticker.ask_qty) == depth.asks[0]
    tops = [each[3:] for each in tickers]
    assert all(one != two for one, two in pairwise(tops)), "a ticker said nothing new"
    event("no ticker" if not tickers else "tickers")


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, kind=kinds)
def test_a_trade_takes_from_the_top_the_tickers_show(seed, name, kind):
    made = market([name], kind=kind, seed=seed, levels=400)
    told = [each for each in play(made, 2) if not isinstance(each, MarketDiff)]
    top = None
    for each, after in pairwise(told):
        if isinstance(each, MarketTicker):
            top = each
        elif top is not None:
            assert isinstance(after, MarketTicker), "the trade changed the top, a ticker must say so"
            price, qty = (top.bid, top.bid_qty) if each.buyer_is_maker else (top.ask, top.ask_qty)
            left = (after.bid, after.bid_qty) if each.buyer_is_maker else (after.ask, after.ask_qty)
            assert each.price == price
            assert 0 < each.qty <= qty
            assert each.qty == qty if left[0] != price else left[1] == qty - each.qty
    trades = [each for each in told if isinstance(each, MarketTrade)]
    assert all(two.trade_id == one.trade_id + 1 for one, two in pairwise(trades))
    event("trades" if trades else "no trade")


def test_slicing_of_time_changes_nothing():
    whole = play(market(["BTCUSDT", "ETHUSDT"]), 2, slice_ns=2 * SECOND)
    sliced = play(market(["BTCUSDT", "ETHUSDT"]), 2, slice_ns=7_000_000)
    assert whole == sliced
    assert [each.ts_ns for each in whole] == sorted(each.ts_ns for each in whole)


def test_another_seed_is_another_market():
    assert play(market(["BTCUSDT"], seed=1), 1) != play(market(["BTCUSDT"], seed=2), 1)


def test_the_busiest_symbol_looks_like_btcusdt_and_the_last_is_small():
    specs = make_specs("spot", default_symbols("spot", 40))
    made = SyntheticMarket([specs[0], specs[39]], seed=3, start_ns=START_NS)
    seconds = 20
    counts, levels = Counter(), Counter()
    for each in play(made, seconds):
        counts[type(each), each.symbol_index] += 1
        if isinstance(each, MarketDiff):
            levels[each.symbol_index] += len(each.bids) + len(each.asks)

    def per_second(what: type, index: int) -> float:
        return counts[what, index] / seconds

    assert 30 <= levels[0] / counts[MarketDiff, 0] <= 65
    assert 18 <= per_second(MarketTrade, 0) <= 40
    assert 60 <= per_second(MarketTicker, 0) <= 130
    assert 3 <= levels[1] / counts[MarketDiff, 1] <= 8
    assert all(7 <= per_second(MarketDiff, n) <= 10.1 for n in range(2))


def test_deletes_reach_beyond_the_deepest_snapshot_and_levels_never_seen():
    made = market(["BTCUSDT"], seed=5)
    snapshot = made["BTCUSDT"].depth(5000)
    known = {price for price, _ in snapshot.bids + snapshot.asks}
    lowest = snapshot.bids[-1][0]
    deletes = [
        price
        for each in play(made, 20)
        if isinstance(each, MarketDiff)
        for price, qty in each.bids
        if not qty
    ]
    assert any(price < lowest for price in deletes)
    assert any(price not in known and price > lowest for price in deletes)


def test_a_price_gains_a_digit():
    made = market(["LINKUSDT"], seed=2)
    lengths = set()
    for each in play(made, 30):
        if isinstance(each, MarketTrade):
            lengths.add(len(fixed(each.price, 8)))
    assert len(lengths) == 2, "9.99… and 10.0… were expected"


def test_silence_now_and_then():
    specs = [replace(spec, events_per_s=60.0, levels=100) for spec in make_specs("spot", ["BTCUSDT"])]
    made = SyntheticMarket(specs, start_ns=START_NS)
    diffs = [each.ts_ns for each in play(made, 400, slice_ns=SECOND) if isinstance(each, MarketDiff)]
    assert any(two - one >= SECOND for one, two in pairwise(diffs))


def test_one_side_goes_and_comes_back():
    made = market(["ETHUSDT"], seed=4, levels=400)
    play(made, 0.5)
    symbol, snapshot = made["ETHUSDT"], made["ETHUSDT"].depth()
    bids, asks = dict(snapshot.bids), dict(snapshot.asks)
    symbol.close_side(bids=False)
    gone = play(made, 0.5)
    assert not symbol.depth().asks
    assert any(isinstance(each, MarketTicker) and (each.ask, each.ask_qty) == (0, 0) for each in gone)
    assert not any(isinstance(each, MarketTrade) for each in gone)
    symbol.reopen()
    told = [each for each in gone + play(made, 1) if isinstance(each, MarketDiff)]
    for diff in told:
        if diff.last_id > snapshot.last_id:
            apply(bids, asks, diff)
    truth = symbol.depth(at_id=told[-1].last_id)
    assert (bids, asks) == (dict(truth.bids), dict(truth.asks))
    assert truth.bids[0][0] < truth.asks[0][0]


def test_a_spread_is_held_wide_and_let_go():
    made = market(["BTCUSDT"], seed=3)
    one = made["BTCUSDT"]
    play(made, 0.5)

    def spread_bps() -> float:
        book = one.depth(limit=1)
        return 20_000 * (book.asks[0][0] - book.bids[0][0]) / (book.asks[0][0] + book.bids[0][0])

    assert spread_bps() < 2
    one.widen(40)
    for _ in range(20):
        play(made, 0.1)
        assert spread_bps() > 39
    one.widen(0)
    play(made, 2)
    assert spread_bps() < 2


def test_a_side_is_made_heavy():
    made = market(["BTCUSDT"], seed=3)
    one = made["BTCUSDT"]
    play(made, 0.5)
    before = one.last_id
    one.press(bids=False, times=50)
    book = one.depth(limit=20)
    bids, asks = (sum(qty for _, qty in side) for side in (book.bids, book.asks))
    assert (bids - asks) / (bids + asks) < -0.8
    assert 0 < one.last_id - before <= 20


def test_a_market_that_does_not_trade_is_silent():
    made = market(["BTCUSDT"])
    play(made, 0.3)
    made["BTCUSDT"].trading = False
    play(made, 0.2)  # what was not told yet
    assert play(made, 2) == []
    made["BTCUSDT"].trading = True
    assert play(made, 1)


def test_a_finer_tick_is_used_from_then_on():
    made = market(["BTCUSDT"])
    symbol = made["BTCUSDT"]
    symbol.set_tick(symbol.spec.tick // 10)
    play(made, 2)
    assert symbol.spec.tick_text == "0.00100000"
    assert any(price % (symbol.spec.tick * 10) for price, _ in symbol.depth().bids)


def test_history_has_an_end():
    made = market(["BTCUSDT"], history_s=1.0)
    symbol, first = made["BTCUSDT"], made["BTCUSDT"].last_id
    play(made, 30)
    assert symbol.oldest_id > first
    assert symbol.depth(at_id=symbol.oldest_id).bids
    with pytest.raises(BadInput, match=f"id {first} is outside {symbol.oldest_id}"):
        symbol.depth(at_id=first)
    with pytest.raises(BadInput, match="is outside"):
        symbol.depth(at_id=symbol.last_id + 1)
    assert symbol.id_before(10**9) == symbol.oldest_id


@pytest.mark.parametrize("kind", list(Kind))
def test_hundreds_of_symbols_of_every_size(kind):
    specs = make_specs(kind, default_symbols(kind, 300))
    assert len({spec.symbol for spec in specs}) == 300
    assert [spec.events_per_s for spec in specs] == sorted((s.events_per_s for s in specs), reverse=True)
    made = SyntheticMarket(specs, start_ns=START_NS)
    for spec in specs:
        depth = made[spec.symbol].depth(at_id=None)
        assert len(depth.bids) > 20
        assert len(depth.asks) > 20
        assert spec.scale.price_decimals <= 8


def test_ticks_span_seven_orders_and_names_all_scripts():
    texts = {spec.tick_text for spec in make_specs("spot", default_symbols("spot", 300))}
    assert {"0.00000001", "0.01000000", "0.10000000"} <= texts
    assert "币安人生" in DEFAULT_BASES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: make_specs("spot", ["A", "A"]), "repeat", id="twice"),
        pytest.param(lambda: SyntheticMarket([]), "at least one", id="none"),
        pytest.param(lambda: market(["A"])["B"], "'B' is not listed", id="unknown"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
