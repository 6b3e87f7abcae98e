"""One symbol's streams with one mistake in them: the rule that it breaks says so, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.book.contact.findings import Finding, Verdict
from leadline.book.contact.symbol import KEPT, SymbolContact, merged
from leadline.book.messages import BookTicker, DepthDiff, DepthSnapshot, Trade
from leadline.book.scale import Scale
from leadline.book.venues.common.documented import Part
from leadline.book.venues.common.listing import SymbolInfo
from leadline.book.venues.registry import spec_of

INFO = SymbolInfo("X", "TRADING", Scale(2, 3), "0.05", "0.010")
PARTS = frozenset(Part)
CHAIN, JOIN = "each diff joins the one before it", "an order book of REST joins the diffs"
SAME = "a later order book, carried on by the diffs, equals the first one"
TOP, COUNTED = "a ticker equals the book at the same id", "trade ids count one by one"


def contact(venue: str = "binance-spot") -> SymbolContact:
    return SymbolContact("X", spec_of(venue), INFO, PARTS)


def diff(n: int, *, first: int | None = None, bid_qty: int = 10, shared: int | None = None) -> DepthDiff:
    """The n-th diff covers ids 10n+1 to 10n+10 and sets the best bid."""
    begin = 10 * n + 1 if first is None else first
    return DepthDiff(
        "X", begin, 10 * n + 10, 10 * n, n + 1, 0, ((100, bid_qty + 10 * n),), ((105, 10),), shared
    )


def book(last_id: int, bid_qty: int) -> DepthSnapshot:
    return DepthSnapshot("X", last_id, 0, ((100, bid_qty), (95, 5)), ((105, 10), (110, 5)))


def ticker(update_id: int, bid_qty: int, **changes: int) -> BookTicker:
    told = BookTicker("X", update_id, 100, bid_qty, 105, 10, None, 0)
    return replace(told, **changes)


def trade(n: int, **changes: int) -> Trade:
    return replace(Trade("X", n, 100, 10, False, n, n, 0), **changes)


def findings(found: SymbolContact) -> dict[str, Finding]:
    found.settle(is_last=True)
    return {one.assumption: one for one in merged([found])}


def broken(found: SymbolContact) -> set[str]:
    return {one.assumption for one in findings(found).values() if one.verdict is Verdict.BROKEN}


@settings(deadline=None)
@given(st.integers(2, 20), st.data())
def test_diffs_in_order_break_nothing_and_one_lost_or_repeated_breaks_the_chain(
    count: int, data: st.DataObject
) -> None:
    diffs = [diff(n) for n in range(count)]
    whole = contact()
    for one in diffs:
        whole.depth(one)
    assert broken(whole) == set()
    move, at = (
        data.draw(st.sampled_from(["lost", "again", "swapped"])),
        data.draw(st.integers(1, count - 1)),
    )
    if move == "lost" and at == count - 1:
        return  # the last one, which nothing follows
    spoiled = (
        diffs[:at]
        + {"lost": [], "again": [diffs[at]] * 2, "swapped": diffs[at : at + 1] + diffs[at - 1 : at]}[move]
        + diffs[at + 1 :]
    )
    other = contact()
    for one in spoiled:
        other.depth(one)
    assert CHAIN in broken(other)


@pytest.mark.parametrize(
    ("venue", "changed"), [("binance-usdm", {"prev_id": 9}), ("binance-usdm", {"prev_id": None})]
)
def test_futures_chain_by_the_id_before(venue: str, changed: dict[str, int | None]) -> None:
    found = contact(venue)
    for one in (diff(0), replace(diff(1), **changed), diff(2)):  # type: ignore[arg-type]
        found.depth(one)
    assert broken(found) == {CHAIN}
    assert f"expected 10, got {changed['prev_id']}" in findings(found)[CHAIN].detail


@pytest.mark.parametrize(
    ("seed_id", "seed_qty", "wrong"),
    [
        pytest.param(10, 10, set(), id="at-a-diff"),
        pytest.param(15, 10, set(), id="within-a-diff"),
        pytest.param(40, 30, {SAME}, id="older-content"),
        pytest.param(1_000, 40, {JOIN}, id="far-ahead"),
    ],
)
def test_order_books_join_and_agree(seed_id: int, seed_qty: int, wrong: set[str]) -> None:
    found = contact()
    for n in range(3):
        found.depth(diff(n))
    assert found.seed(book(10, 10))
    found.depth(diff(3))
    assert found.seed(book(seed_id, seed_qty))
    assert found.awaits_diffs == (seed_id == 1_000)
    assert broken(found) == wrong


def test_an_order_book_older_than_all_diffs_is_refused() -> None:
    found = contact()
    found.depth(diff(5))
    assert not found.seed(book(10, 10))
    assert found.book is None


def test_a_later_order_book_that_differs_is_told() -> None:
    found = contact()
    found.depth(diff(0))
    assert found.seed(book(10, 10))
    assert found.seed(replace(book(10, 10), asks=((105, 10), (110, 6))))
    assert broken(found) == {SAME}


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("qty", "wrong"), [(20, set()), (21, {TOP})])
def test_a_ticker_is_held_against_the_book_whichever_comes_first(
    order: str, qty: int, wrong: set[str]
) -> None:
    found = contact()
    found.depth(diff(0))
    assert found.seed(book(10, 10))
    if order == "before":
        found.ticker(ticker(20, qty))
    found.depth(diff(1))
    if order == "after":
        found.ticker(ticker(20, qty))
    assert broken(found) == wrong
    assert findings(found)[TOP].verdict is (Verdict.BROKEN if wrong else Verdict.HOLDS)


def test_where_less_is_promised_a_top_that_differs_is_noted() -> None:
    found = contact("bybit-spot-50")
    found.depth(replace(book(1, 10), shared_id=7))
    found.ticker(ticker(7, 11))
    assert broken(found) == set()
    assert findings(found)[TOP].verdict is Verdict.NOTED


def test_a_delta_before_any_snapshot_is_told_where_books_come_with_the_stream() -> None:
    found = contact("bybit-spot-50")
    found.depth(replace(diff(0), first_id=10, shared_id=5))
    assert broken(found) == {"a book's stream begins with a snapshot"}


@pytest.mark.parametrize(
    ("trades", "wrong"),
    [
        ([trade(1), trade(2), trade(3)], set()),
        ([trade(1), trade(3)], {COUNTED}),
        ([trade(1), trade(1)], {COUNTED}),
        ([trade(1, ts_trade_ns=5)], {"a trade's time is not after its event's"}),
        ([trade(5), trade(6, ts_event_ns=4, ts_trade_ns=4)], {"event times of a stream never fall"}),
        ([trade(1, price_ticks=101)], {"prices are multiples of tickSize"}),
        ([trade(1, qty_lots=11)], {"traded quantities are multiples of stepSize"}),
        ([trade(1, price_ticks=0, qty_lots=11)], set()),
    ],
)
def test_trades(trades: list[Trade], wrong: set[str]) -> None:
    found = contact()
    for one in trades:
        found.trade(one)
    assert broken(found) == wrong


def test_a_few_odd_quantities_are_noted_only() -> None:
    found = contact()
    for n in range(40):
        found.trade(trade(n, qty_lots=11 if n == 7 else 10))
    finding = findings(found)["traded quantities are multiples of stepSize"]
    assert (finding.verdict, finding.detail) == (Verdict.NOTED, "0.011 with stepSize 0.010")


def test_tickers_whose_ids_fall_or_that_cross_are_told() -> None:
    found = contact()
    found.ticker(ticker(9, 1))
    found.ticker(ticker(8, 1, bid_ticks=110))
    assert broken(found) == {"update ids of tickers never fall", "the bid is below the ask"}


def test_what_was_wrong_names_its_symbol_where_there_are_several() -> None:
    one, two = contact(), contact()
    two.symbol = "Y"
    two.trade(trade(1))
    two.trade(trade(3))
    (told,) = [each for each in merged([one, two]) if each.verdict is Verdict.BROKEN]
    assert told.detail == "1 of 2: Y: expected 2, got 3"


@pytest.mark.parametrize(
    ("past", "verdict"),
    [
        (trade(7), Verdict.HOLDS),
        (trade(7, price_ticks=105), Verdict.BROKEN),
        (replace(trade(2), covers=(6, 8)), Verdict.HOLDS),
        (replace(trade(2, price_ticks=105), covers=(6, 8)), Verdict.BROKEN),
        (trade(9), Verdict.UNSEEN),
    ],
)
def test_a_past_trade_is_the_streamed_one_by_the_fills_it_stands_for(past: Trade, verdict: Verdict) -> None:
    found = contact()
    found.trade(trade(7))
    found.past_trade(past)
    assert findings(found)["a past trade of REST equals the streamed one"].verdict is verdict


def test_an_order_book_whose_diffs_are_forgotten_is_not_judged() -> None:
    found = contact()
    found.depth(diff(0))
    assert found.seed(book(10, 10))
    for n in range(1, KEPT + 3):
        found.depth(diff(n))
    assert findings(found)[JOIN].verdict is Verdict.UNSEEN
    assert broken(found) == set()
