"""What can be read of a live book, what it forgets to bound its memory, and how one is made."""

from __future__ import annotations

import pytest

from leadline.book.engine import factory
from leadline.book.engine.factory import make_book, warm_up
from leadline.book.errors import BadInput, NotLive
from leadline.book.rows.batch import BookEventRow
from leadline.book.sync.events import Pruned, State
from leadline.book.venues.binance import specs
from tests.book.fake_venue import ENGINES, needs_numba
from tests.book.heard import BODY, MARKET, Heard, is_live

pytestmark = pytest.mark.parametrize("engine", ENGINES)

# -- ghosts and memory -----------------------------------------------------------------------------


def test_ghosts_are_known_and_pruned(engine: str) -> None:
    heard = is_live(engine)
    assert heard.book.certified_band == (99, 103)
    heard.depth(10, 10, '["0.98","1"],["0.97","1"]', '["1.02","1"],["1.04","1"]')
    assert heard.book.ghost_levels() == 3
    assert heard.book.prune(5, heard.batch) == 3
    assert heard.book.levels() == ([(100, 5000), (99, 6000)], [(101, 7000), (102, 1000), (103, 8000)])
    assert heard.batch.events[-1] == BookEventRow(2, 5, State.LIVE, State.LIVE, "pruned")
    assert heard.book.prune(6, heard.batch) == 0


def test_a_side_of_nothing_but_ghosts_is_the_book(engine: str) -> None:
    heard = is_live(engine)
    heard.depth(10, 10, '["1.00","0"],["0.99","0"],["0.80","1"]')
    assert heard.book.ghost_levels() == 1
    assert heard.book.prune(5, heard.batch) == 0
    assert heard.book.bbo().bid_ticks == 80


def test_too_many_levels_drop_the_worst_ghosts(engine: str) -> None:
    heard = is_live(engine, max_levels=8)
    prices = [f'["0.{n}","1"]' for n in range(90, 96)]
    assert heard.depth(10, 10, ",".join(prices)) == []  # 8 bids: as many as allowed
    assert heard.depth(11, 11, '["0.96","1"]') == [Pruned(11, 3)]
    assert [price for price, _ in heard.book.levels()[0]] == [100, 99, 96, 95, 94, 93]
    assert heard.events[-1][3] == "pruned"


def test_levels_inside_the_band_are_never_dropped(engine: str) -> None:
    heard = is_live(engine, max_levels=2)
    heard.depth(10, 10, "", '["1.02","1"]')  # three asks, all certified
    assert heard.book.level_counts() == (2, 3)
    for n in range(11, 14):
        assert heard.depth(n, n, f'["0.{n}","1"]') == []  # not looked at again before there are 6
    assert heard.depth(14, 14, '["0.14","1"],["0.15","1"]') == [Pruned(14, 5)]
    heard.depth(20, 21)
    heard.seed(BODY.replace(b":7,", b":20,"))  # a new seed, and the first bound holds again, at once
    assert heard.depth(22, 22, '["0.11","1"]') == [Pruned(22, 1)]


# -- reading ---------------------------------------------------------------------------------------


def test_a_book_that_is_not_live_cannot_be_read(engine: str) -> None:
    heard = Heard(engine)
    for name, arguments in (("bbo", ()), ("top", (3,)), ("levels", ()), ("level_counts", ())):
        with pytest.raises(NotLive, match="WAITING"):
            getattr(heard.book, name)(*arguments)
    sample = heard.book.sample(3, (10.0,), 99)
    assert (sample.trusted, sample.reason, sample.epoch, sample.mid) == (False, "start", -1, None)
    assert sample.bids == sample.asks == sample.bid_depth == sample.depth_bps == ()


def test_a_sample(engine: str) -> None:
    heard = is_live(engine)
    sample = heard.book.sample(1, (10.0, 200.0), 99)
    assert (sample.book, sample.epoch, sample.ts_ns, sample.last_id) == (2, heard.book.epoch, 99, 9)
    assert (sample.bids, sample.asks) == (((100, 5000),), ((101, 7000),))
    assert sample.mid == 1.005
    assert sample.spread_bps == pytest.approx(99.5025, abs=1e-4)
    assert sample.imbalance == pytest.approx(-1 / 6)
    assert sample.weighted_mid == pytest.approx((1.00 * 7 + 1.01 * 5) / 12)
    assert (sample.bid_depth, sample.ask_depth) == ((0.0, 11.0), (0.0, 7.0))  # both bids lie within 2 %
    assert (sample.trusted, sample.reason) == (True, "")


# -- making one ------------------------------------------------------------------------------------


def test_bounds_must_make_sense(engine: str) -> None:
    with pytest.raises(BadInput, match="max_levels: expected 2 or more, got 1"):
        Heard(engine, max_levels=1)
    with pytest.raises(BadInput, match="buffer_limit"):
        Heard(engine, buffer_limit=1)


def test_without_numba(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "has_numba", lambda: False)
    warm_up(specs.SPOT)
    assert type(make_book(0, MARKET, specs.SPOT)).__name__ == "PlainBook"
    with pytest.raises(BadInput, match="needs numba"):
        make_book(0, MARKET, specs.SPOT, engine="compiled")


@needs_numba
def test_with_numba_auto_is_compiled(engine: str) -> None:
    warm_up(specs.SPOT, engine)
    assert type(make_book(0, MARKET, specs.SPOT)).__name__ == "CompiledBook"
