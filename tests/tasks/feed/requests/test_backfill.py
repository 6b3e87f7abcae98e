"""Trades that the stream left out are asked for, told and stored, each id once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.book.messages import Trade
from leadline.book.rows.batch import Batch, Count, Market, TradeCol
from leadline.book.scale import Scale
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.trades import newest_trades
from leadline.tasks.feed.requests.backfill import Backfiller
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Options, ThreadedVenue, run_in_thread
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.venues.common.adapter import PastTrades
from leadline.tasks.venues.common.rest import Reply
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink, all_live, config_for, until

SYMBOL = "BTCUSDT"
MS = 1_000_000
QUICK = {"backfill_trades": 500, "backfill_after_s": 0.2, "backfill_again_s": 0.2}


@contextmanager
def streaming(db: Path, venue: ThreadedVenue, **changes: Any) -> Iterator[tuple[Feed, Owner]]:
    """A feed of the venue into a database."""
    markets: list[Market] = []
    with Owner(db) as owner:
        writer = Writer(owner, markets)
        writer.start()
        feed = Feed(config_for(venue, **{**QUICK, **changes}), writer, rng=Random(7))
        feed.start()
        try:
            all_live(feed)
            yield feed, owner
        finally:
            feed.stop(30.0)
            writer.close()


def rows(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    with owner.cursor() as con:
        return con.execute(statement).fetchall()


def lose(venue: ThreadedVenue, owner: Owner, n: int) -> None:
    """Let trades get lost on the wire, once some have come."""
    stream = "trade" if venue.kind == "spot" else "aggTrade"
    until(lambda: rows(owner, "SELECT 1 FROM trade_coverage"), "trades")
    venue.inject(Fault(FaultKind.DROP, symbol=SYMBOL, stream=stream, n=n))
    until(lambda: rows(owner, "SELECT 1 FROM trade_backfills"), "a hole is told")


@pytest.mark.parametrize("kind", ["usdm", "spot"])
def test_a_small_hole_is_told_and_filled(tmp_path: Path, kind: str) -> None:
    db = tmp_path / "x.duckdb"
    with (
        run_in_thread(Options(kind=kind, symbols=(SYMBOL,), seed=3, speed=4.0)) as venue,
        streaming(db, venue) as (_, owner),
    ):
        lose(venue, owner, 25)
        until(lambda: not rows(owner, "SELECT 1 FROM trade_holes"), "no hole any more")
    with connect(db) as con:
        told = con.execute("SELECT stored, missing, reason, last_id - first_id FROM trade_backfills")
        ((stored, missing, reason, after_first),) = told.fetchall()
        assert (missing, reason) == (0, "")
        assert after_first == 24
        filled = con.execute(
            """SELECT count(*), sum(coalesce(covers_last_id - covers_first_id, 0) + 1), bool_and(is_market)
               FROM (SELECT *, kind = 'market' AND market_qty = qty AND px > 0 AS is_market FROM trades)
               WHERE is_backfilled"""
        ).fetchall()
        assert filled == [(stored, 25, True)]
        runs = con.execute("SELECT count(*) FROM trade_coverage").fetchall()
        assert runs == [(1,)]
        trusted = "SELECT bool_and(trusted(venue, symbol, ts_recv, 'trades')) FROM trades"
        assert con.execute(trusted).fetchall() == [(True,)]
        assert not con.execute("SELECT * FROM trade_repeats").fetchall()


def test_a_new_stream_asks_for_what_it_missed_since_the_last_one(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    with run_in_thread(Options(kind="usdm", symbols=(SYMBOL,), seed=3, speed=4.0)) as venue:
        with streaming(db, venue) as (_, owner):
            until(lambda: rows(owner, "SELECT 1 FROM trade_coverage"), "trades")
        with connect(db) as con:
            stored = newest_trades(con, "loopback-usdm")
        assert list(stored) == [SYMBOL]
        with streaming(db, venue, trades_stored=stored) as (_, owner):
            told = "SELECT first_id, missing FROM trade_backfills"
            until(lambda: rows(owner, told), "the hole between the two is asked for")
            until(lambda: not rows(owner, "SELECT 1 FROM trade_holes"), "no hole any more")
            assert rows(owner, told) == [(stored[SYMBOL][0] + 1, 0)]


def test_a_large_hole_is_told_and_left(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    with (
        run_in_thread(Options(kind="usdm", symbols=(SYMBOL,), seed=3, speed=4.0)) as venue,
        streaming(db, venue, backfill_trades=10) as (_, owner),
    ):
        lose(venue, owner, 25)
    with connect(db) as con:
        told = con.execute("SELECT stored, missing, reason FROM trade_backfills").fetchall()
        assert told == [(0, 25, "larger than backfill_trades (10)")]
        assert con.execute("SELECT missing FROM trade_holes").fetchall() == [(25,)]
        assert con.execute("SELECT count(*) FROM trades WHERE is_backfilled").fetchall() == [(0,)]


class Listing:
    """Answers about past trades, as REST gives them; one after the other, the last one for ever."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.wanted: list[PastTrades] = []

    def has_weight_to_spare(self, weight: int) -> bool:
        return weight > 0

    async def past_trades(self, symbol: str, wanted: PastTrades) -> Reply:
        assert symbol == SYMBOL
        self.wanted.append(wanted)
        listed = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Reply(json.dumps(listed).encode(), 0, 5 * MS)


class Desk:
    """A backfiller over a router of one market."""

    def __init__(self, kind: str, rest: Any = None, *, most: int = 1_000) -> None:
        profile = loopback(kind, ws_url="ws://x", rest_url="http://x")
        config = FeedConfig(profile=profile, symbols=(SYMBOL,), backfill_trades=most, backfill_after_s=0.0,
                            backfill_again_s=0.0)  # fmt: skip
        self.sink = ListSink(markets=[profile.market(SYMBOL, Scale(2, 3))])
        self.router = Router(None, (), self.sink, profile)
        self.backfiller = Backfiller(self.router, rest, config=config)

    def hear(self, *trades: tuple[int, int]) -> None:
        """Take trades off the stream: their ids, and when they were traded, ms."""
        batch = Batch(self.sink.markets, trade_rows=64)
        for trade_id, ms in trades:
            batch.add_trades(0, Trade(SYMBOL, trade_id, 1, 1, False, ms * MS, ms * MS, ms * MS))
        self.backfiller.note_batch(batch)

    def holes(self) -> list[tuple[int, int]]:
        return sorted((hole.first_id, hole.last_id) for hole in self.backfiller.holes)

    def stored(self) -> list[tuple[int, int]]:
        rows = self.router.batch.trades[: self.router.batch.counts[Count.TRADES]]
        return [(row[TradeCol.TRADE_ID], row[TradeCol.COVERS_LAST_ID]) for row in rows.tolist()]

    def told(self) -> list[tuple[int, int, str]]:
        return [(row.stored, row.missing, row.reason) for row in self.router.batch.backfills]


@settings(deadline=None)
@given(data=st.data(), missing=st.sets(st.integers(2, 60)), size=st.integers(1, 7))
def test_whatever_the_order_the_holes_are_what_is_missing(
    data: st.DataObject, missing: set[int], size: int
) -> None:
    """Trades may come late: each within five places of where it belongs."""
    ids = [n for n in range(1, 62) if n not in missing]
    late = {n: n + data.draw(st.integers(0, 5)) for n in ids}
    late[1], late[61] = 0, 99
    arrived = sorted(ids, key=late.__getitem__)
    desk = Desk("usdm")
    for at in range(0, len(arrived), size):
        desk.hear(*((n, n) for n in arrived[at : at + size]))
    told = [n for first, last in desk.holes() for n in range(first, last + 1)]
    assert told == sorted(missing)


def test_a_venue_that_counts_anew_leaves_no_hole() -> None:
    desk = Desk("usdm")
    desk.hear((500, 10), (501, 11))
    desk.hear((1, 20), (2, 21))
    desk.hear((4, 22))
    assert desk.holes() == [(3, 3)]


def listed(a: int, f: int, last: int, px: str = "5.00") -> dict[str, Any]:
    return {"a": a, "p": px, "q": "1.0", "f": f, "l": last, "T": 7, "m": False}


async def test_an_aggregate_that_reaches_beyond_the_hole_is_left_out_and_the_rest_is_told() -> None:
    rest = Listing([listed(70, 8, 10), listed(71, 11, 13), listed(72, 14, 14), listed(73, 15, 17)])
    desk = Desk("spot", rest)
    desk.hear((9, 1), (16, 30))
    for _ in range(3):
        assert desk.told() == []
        await desk.backfiller.tend()
    assert desk.stored() == [(11, 13), (14, 14)]
    assert desk.told() == [(2, 2, "the venue did not list them")]
    assert rest.wanted[0] == PastTrades(None, 1, 30)
    assert desk.holes() == []


async def test_long_answers_are_asked_for_page_by_page() -> None:
    rest = Listing([listed(10, 90, 91), listed(11, 92, 92)], [listed(12, 93, 97)])
    desk = Desk("usdm", rest)
    desk.hear((9, 1), (13, 30))
    await desk.backfiller.tend()
    assert [trade_id for trade_id, _ in desk.stored()] == [10, 11, 12]
    assert [wanted.from_id for wanted in rest.wanted] == [10, 12]
    assert desk.told() == [(3, 0, "")]


async def test_an_answer_that_cannot_be_read_is_told() -> None:
    desk = Desk("usdm", Listing([{"a": "no"}]))
    desk.hear((9, 1), (13, 30))
    for _ in range(3):
        await desk.backfiller.tend()
    ((stored, missing, reason),) = desk.told()
    assert (stored, missing) == (0, 3)
    assert "Expected `int`" in reason or "Object missing" in reason


def test_a_venue_without_numbers_is_left_alone() -> None:
    desk = Desk("bybit-linear")
    desk.hear((9, 1), (13, 30))
    assert desk.holes() == []
