"""What may be known at a moment: nothing later, nothing from across a fault, nothing of a book in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadline.book.analytics.signal_features import BookView, features
from leadline.book.venues.registry import spec_of
from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals.view import Refusal, look
from tests.storage.signals.market import SYMBOL, VENUE, Stored, at, ns


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


@pytest.fixture
def market(con: Connection) -> Stored:
    return Stored(con)


def seen(con: Connection, seconds: float = 0.0, stale_s: float = 10.0) -> BookView | Refusal:
    return look(con, VENUE, SYMBOL, at(seconds), stale_s=stale_s)


def book(con: Connection, seconds: float = 0.0) -> BookView:
    view = seen(con, seconds)
    assert isinstance(view, BookView), view
    return view


def test_a_live_book_with_its_flow(con: Connection, market: Stored) -> None:
    market.quiet_book()
    view = book(con)
    assert (view.last_id, view.epoch, view.at_ns, view.since_ns) == (30, 77, ns(0), ns(-120))
    assert (view.bid_px.tolist(), view.bid_qty.tolist()) == ([100, 99, 98], [3, 2, 5])
    assert (view.ask_px.tolist(), view.ask_qty.tolist()) == ([101, 102], [1, 1])
    assert view.tops.bid_px.tolist() == [99, 100]
    assert view.deals.signed_qty.tolist() == [2.0]
    assert view.bands == ()


def test_trades_count_as_far_as_they_met_the_book(con: Connection, market: Stored) -> None:
    market.quiet_book()
    market.trade(-4, 7.0, bought=False, market_qty=3.0)
    market.trade(-3, 9.0, bought=False, market_qty=0.0)
    assert book(con).deals.signed_qty.tolist() == [2.0, -3.0]


def test_nothing_from_after_the_moment_counts(con: Connection, market: Stored) -> None:
    market.quiet_book()
    before = book(con, -0.5)
    market.diff(0.1, 31, 40, {100: 0}, {99.5: 9})
    market.top(0.1, 40, 99, 2, 99.5, 9)
    market.trade(0.1, 50.0, bought=False)
    market.sample(0.1, 40, {99: 2}, {99.5: 9})
    after = book(con, -0.5)
    assert after.last_id == before.last_id == 30
    assert after.bid_px.tolist() == before.bid_px.tolist()
    assert after.tops.ts_ns.tolist() == before.tops.ts_ns.tolist()
    assert after.deals.signed_qty.tolist() == before.deals.signed_qty.tolist()
    assert book(con, 0.2).last_id == 40


def test_a_sample_saves_the_way_from_the_seed(con: Connection, market: Stored) -> None:
    market.quiet_book()
    market.sample(-30, 20, {99: 2, 98: 5}, {101: 4, 102: 1})
    con.execute("DELETE FROM seeds")
    con.execute("DELETE FROM depth_diffs WHERE last_id = 20")
    view = book(con)
    assert (view.bid_px.tolist(), view.bid_qty.tolist()) == ([100, 99, 98], [3, 2, 5])
    assert [(b.half_width_bps, b.bid_qty, b.ask_qty, b.age_s) for b in view.bands] == [(10, 30, 10, 30)]


def test_levels_beyond_a_sample_are_unknown(con: Connection, market: Stored) -> None:
    market.covered(-120, -1, 30)
    market.sample(-30, 20, {100: 1, 99: 2}, {101: 4})
    market.top(-30, 20, 100, 1, 101, 4)
    # The asks of the sample are eaten; what stood behind them was never told.
    market.diff(-1, 21, 30, {102: 2, 97: 7}, {101: 0, 105: 1})
    market.top(-1, 30, 102, 2, 103, 6)
    view = book(con)
    assert (view.bid_px.tolist(), view.last_id) == ([102, 100, 99], 30)
    assert (view.ask_px.tolist(), view.ask_qty.tolist()) == ([103], [6])


def test_levels_and_depths_beyond_the_certified_prices_are_unknown(con: Connection, market: Stored) -> None:
    market.covered(-120, -1, 30)
    market.sample(-30, 20, {100: 1, 99: 2, 98: 1, 97: 5}, {101: 4, 102: 1, 103: 2})
    con.execute(
        """UPDATE depth_snapshots SET mid = 100.5, certified_bid_bps = 1e4 * 2.5 / 100.5,
           certified_ask_bps = 10000, bid_depth = [NULL], uncertified = 'certified 248.8 bps below'"""
    )
    market.diff(-1, 21, 30, {97: 7, 98: 3}, {})
    view = book(con)
    assert (view.bid_px.tolist(), view.bid_qty.tolist()) == ([100, 99, 98], [1, 2, 3])
    assert view.ask_px.tolist() == [101, 102, 103]
    shown = features(view)
    assert shown.get("depth_imbalance_10bps") is None
    assert shown.missing["depth_imbalance_10bps"] == "certified 248.8 bps below"
    assert shown.missing["imbalance_5"] == "3 levels a side are known: certified 248.8 bps below"


def test_a_newer_ticker_tops_the_diffs(con: Connection, market: Stored) -> None:
    market.quiet_book()
    market.top(-0.2, 35, 99, 7, 100, 2)
    view = book(con)
    assert view.last_id == 35
    assert (view.bid_px.tolist(), view.bid_qty.tolist()) == ([99, 98], [7, 5])
    assert view.ask_px.tolist() == [100, 101, 102]


def test_a_view_is_of_the_moment_until_which_the_store_holds_everything(
    con: Connection, market: Stored
) -> None:
    market.quiet_book()
    market.durable(-0.5)
    view = book(con)
    assert (view.at_ns, view.last_id) == (ns(-0.5), 30)
    market.diff(-0.2, 31, 40, {100: 7}, {})
    assert book(con).last_id == 30  # more may have come until then, and be on its way
    market.durable(-0.1)
    assert (book(con).at_ns, book(con).last_id) == (ns(-0.1), 40)
    assert book(con, -0.3).at_ns == ns(-0.3)  # of an earlier moment everything is known
    market.durable(3.0)
    assert book(con).at_ns == ns(0)


def test_a_store_that_lags_too_far_says_nothing(con: Connection, market: Stored) -> None:
    market.quiet_book()
    market.durable(-2.5)
    told = seen(con, stale_s=2.4)
    assert isinstance(told, Refusal)
    assert told.outcome == "refused_stale"
    assert told.reason == "the store holds what came until 2.5 s before, 2.4 s are allowed"
    assert isinstance(seen(con, stale_s=120), BookView)


def test_an_interval_that_is_over_is_known_to_its_end(con: Connection, market: Stored) -> None:
    """A recording, or a day that is over: the store holds no more of it, whatever came later."""
    market.quiet_book()
    con.execute("UPDATE coverage SET ended_by = 'stopped'")
    market.durable(-60)
    assert book(con, -1).at_ns == ns(-1)


@given(
    lost_s=st.floats(-30, 30),
    noticed_after_s=st.floats(0, 5),
    lags=st.lists(st.floats(-40, 0), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_view_of_a_book_that_was_known_to_be_lost_by_then(
    con: Connection, lost_s: float, noticed_after_s: float, lags: list[float]
) -> None:
    """
    However far the store lags: a view is of a moment at which nobody knew yet that the book was lost.

    The store holds what was noticed by its watermark, no more.
    """
    con.begin()
    market = Stored(con)
    market.quiet_book()
    noticed_s = max(lost_s, -1.0) + noticed_after_s  # the last diff came a second before noon
    for through_s in lags:
        market.durable(through_s)
    if noticed_s <= lags[-1]:
        market.event(noticed_s, "BUFFERING", "session_lost")
        con.execute("UPDATE coverage SET ended_by = 'session_lost'")
    view = seen(con, stale_s=30)
    if isinstance(view, BookView):
        assert view.at_ns <= ns(min(lags[-1], 0.0)) + 1_000
        assert view.at_ns <= ns(noticed_s) + 1_000
    con.rollback()


@pytest.mark.parametrize(("seconds", "best"), [(-1.5, 100), (-0.5, 99)])
def test_where_tickers_are_numbered_apart_receipt_tells_the_newer(
    con: Connection, market: Stored, monkeypatch: pytest.MonkeyPatch, seconds: float, best: float
) -> None:
    apart = replace(spec_of(VENUE), same_ids=False)
    monkeypatch.setattr("leadline.storage.signals.view.find_spec", lambda _: apart)
    market.quiet_book()  # its last diff, 30, was received a second before noon
    con.execute("DELETE FROM book_tickers")
    market.top(seconds, 7_000, 99, 7, 100, 2)
    view = book(con)
    assert view.last_id == 30
    assert view.bid_px[0] == best


def test_only_the_interval_it_lies_in_counts(con: Connection, market: Stored) -> None:
    market.top(-200, 5, 50, 1, 51, 1)
    market.trade(-125, 9.0, bought=False)
    market.quiet_book()
    view = book(con)
    assert view.tops.bid_px.tolist() == [99, 100]


def nothing(market: Stored) -> None:
    pass


def gap(market: Stored) -> None:
    market.quiet_book()
    market.con.execute("UPDATE coverage SET ended_by = 'gap'")
    market.event(-0.5, "BUFFERING", "gap")


def halted(market: Stored) -> None:
    market.quiet_book()
    market.con.execute("UPDATE coverage SET ended_by = 'halted'")
    market.event(-0.5, "HALTED", "halted")


def crossed(market: Stored) -> None:
    market.quiet_book()
    market.diff(-0.5, 31, 40, {}, {99.5: 1})


def crossed_ticker(market: Stored) -> None:
    market.quiet_book()
    market.top(-0.5, 40, 101, 1, 101, 1)


def hole(market: Stored) -> None:
    market.quiet_book()
    market.diff(-0.5, 35, 40, {100: 1}, {})


def one_sided(market: Stored) -> None:
    market.covered(-120, -1, 10)
    market.seed(-121, 10, {99: 2}, {})
    market.diff(-1, 11, 12, {99: 1}, {})


def no_seed(market: Stored) -> None:
    market.quiet_book()
    market.con.execute("DELETE FROM seeds")


@pytest.mark.parametrize(
    ("put", "outcome", "why"),
    [
        pytest.param(nothing, "refused_untrusted", "no trusted book of it is stored", id="never-stored"),
        pytest.param(gap, "refused_untrusted", "gap; the book is BUFFERING (gap)", id="gap"),
        pytest.param(halted, "refused_untrusted", "the book is HALTED (halted)", id="halted"),
        pytest.param(crossed, "refused_untrusted", "crossed after update 40: bid 100.0", id="crossed"),
        pytest.param(crossed_ticker, "refused_untrusted", "crossed after update 40", id="locked-ticker"),
        pytest.param(hole, "refused_untrusted", "hole before update 40", id="hole"),
        pytest.param(one_sided, "refused_untrusted", "a side of the book is empty", id="one-sided"),
        pytest.param(
            no_seed, "refused_untrusted", "the seed of its epoch is not in the store", id="no-seed"
        ),
    ],
)
def test_a_book_in_doubt_is_refused(
    con: Connection, market: Stored, put: Callable[[Stored], None], outcome: str, why: str
) -> None:
    put(market)
    found = seen(con)
    assert isinstance(found, Refusal)
    assert found.outcome == outcome
    assert why in found.reason


def test_a_stale_book_is_refused(con: Connection, market: Stored) -> None:
    market.quiet_book()
    assert isinstance(seen(con, 1.0, stale_s=3), BookView)
    found = seen(con, 5.0, stale_s=3)
    assert isinstance(found, Refusal)
    assert found.outcome == "refused_stale"
    assert found.reason == "its last update came 6.0 s before, at most 3 s are allowed"
    assert found.epoch == 77


def test_a_book_whose_interval_ended_later_may_be_looked_at_then(con: Connection, market: Stored) -> None:
    gap(market)
    assert book(con, -1.0).last_id == 30
    assert isinstance(seen(con, 0), Refusal)


def test_another_process_sees_the_same(db: Path, con: Connection, market: Stored) -> None:
    from tests.storage.helpers import Served

    market.quiet_book()
    here = book(con, -1.0)
    con.close()  # the next owner ends the open interval where its data ends
    with Served(db) as served, connect(db) as there:
        told = look(there, VENUE, SYMBOL, at(-1.0), stale_s=10)
        there.close()
        served.stop()
    assert isinstance(told, BookView)
    assert told.bid_px.tolist() == here.bid_px.tolist()
    assert told.tops.ts_ns.tolist() == here.tops.ts_ns.tolist()
