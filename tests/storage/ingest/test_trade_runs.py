"""Runs of trades: what is missing and what came again, held against a plain count of the ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from leadline.book.messages import Trade
from leadline.book.rows.batch import Batch, Market
from leadline.book.venues.registry import converted_venue
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.trade_runs import TradeRun, TradeRuns
from leadline.storage.ingest.writer import Writer
from leadline.storage.schema.trade_runs import find_runs
from tests.storage.helpers import BTC, MARKETS, START_NS

PATIENCE_S = 60.0
STEP_NS = 1_000_000


def trade(trade_id: int, at: int, *, traded: int | None = None) -> Trade:
    """A trade received ``at`` ms after the start, traded when the one of its id is."""
    when = trade_id if traded is None else traded
    return Trade("", trade_id, 1, 1, False, START_NS + when * STEP_NS, START_NS, START_NS + at * STEP_NS)


def batch(*trades: Trade, book: int = 0, markets: list[Market] = MARKETS) -> Batch:
    made = Batch(markets)
    for one in trades:
        made.add_trades(book, one)
    return made


def runs_of(ids: Sequence[int]) -> list[tuple[int, int]]:
    """The runs of a set of ids, counted plainly."""
    ordered = sorted(set(ids))
    starts = [n for n in ordered if n - 1 not in set(ids)]
    ends = [n for n in ordered if n + 1 not in set(ids)]
    return list(zip(starts, ends, strict=True))


class Stored:
    """``trade_coverage`` as a table without a database: rows are known by their end."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int, int], TradeRun] = {}
        self.tracker = TradeRuns(MARKETS)
        self.kept: list[int] = []
        self.repeats: list[int] = []

    def write(self, *batches: Batch) -> None:
        plan = self.tracker.plan(batches)
        for run in plan.removed:
            del self.rows[self.key(run)]
        for was, now in plan.changed:
            del self.rows[self.key(was)]
            self.rows[self.key(now)] = now
        for run in plan.added:
            assert self.key(run) not in self.rows
            self.rows[self.key(run)] = run
        self.repeats += [again.trade_id for again in plan.repeats]
        self.tracker.keep(plan)

    def key(self, run: TradeRun) -> tuple[int, int, int]:
        return run.book, run.last_id, run.traded_ns

    def spans(self) -> list[tuple[int, int]]:
        return sorted((run.first_id, run.last_id) for run in self.rows.values())


# Ids as they arrive: mostly the next one, sometimes one left out, one of before, or one out of its place.
moves = st.lists(st.sampled_from("nnnnnnsssbbl"), max_size=60)


@settings(deadline=None)
@given(moves=moves, cuts=st.lists(st.integers(0, 60), max_size=6), data=st.data())
def test_any_arrival_leaves_the_runs_of_its_ids(
    moves: list[str], cuts: list[int], data: st.DataObject
) -> None:
    newest, arrived = 100, []
    for move in moves:
        if move == "b" and arrived:
            arrived.append(data.draw(st.sampled_from(arrived)))
        elif move == "l" and newest > 100:
            arrived.append(data.draw(st.integers(95, newest)))
        else:
            newest += 2 if move == "s" else 1
            arrived.append(newest)
    stored, at = Stored(), 0
    for start, end in pairwise(sorted({0, len(arrived), *(cut for cut in cuts if cut < len(arrived))})):
        stored.write(batch(*(trade(one, at + n) for n, one in enumerate(arrived[start:end]))))
        at += end - start
    assert stored.spans() == runs_of(arrived)
    assert len(stored.repeats) == len(arrived) - len(set(arrived))


def aggregate(first: int, last: int, at: int) -> Trade:
    """All of these tests were traded at one time: an id has but one."""
    return replace(trade(first, at, traded=0), covers=(first, last), is_backfilled=True)


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    parts=st.lists(
        st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), min_size=1, max_size=8), max_size=5
    )
)
@example(parts=[[(10, 0), (20, 0)], [(11, 5), (17, 2)], [(12, 0), (8, 3)]])
def test_an_aggregate_among_single_trades_stands_for_what_it_covers(
    parts: list[list[tuple[int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is stored if none of its ids is there yet; runs found from the rows are the same."""
    there: set[int] = set()
    kept, again = [], 0
    db = tmp_path_factory.mktemp("aggregates") / "x.duckdb"
    with Owner(db, serve=False) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        at = 0
        for part in parts:
            made = Batch(MARKETS)
            for first, more in part:
                at += 1
                made.add_trades(
                    0, aggregate(first, first + more, at) if more else trade(first, at, traded=0)
                )
                ids = set(range(first, first + more + 1))
                if there & ids:
                    again += 1
                else:
                    there |= ids
                    kept.append(first)
            writer.submit(made)
        assert writer.drain(PATIENCE_S)
        writer.close()
        con = owner.cursor()
        assert sorted(rows(con, RUNS)) == (runs_of(sorted(there)) if there else [])
        assert rows(con, "SELECT trade_id FROM trades ORDER BY 1") == [(n,) for n in sorted(kept)]
        assert rows(con, "SELECT count(*) FROM trade_repeats") == [(again,)]
        found = rows(con, RUNS)
        find_runs(con)
        assert rows(con, RUNS) == found


def test_where_the_stream_tells_aggregates_each_counts_once() -> None:
    futures = replace(BTC, venue="binance-usdm")
    tracker = TradeRuns([futures])
    ids = (7, 8, 9, 12)
    made = batch(*(replace(trade(n, n), covers=(n, n + 3)) for n in ids), markets=[futures])
    plan = tracker.plan([made])
    assert [(run.first_id, run.last_id) for run in plan.added] == [(7, 9), (12, 12)]
    assert plan.repeats == []


def test_markets_do_not_mix() -> None:
    stored = Stored()
    both = batch(trade(5, 0), trade(6, 1))
    for one in (trade(6, 0), trade(9, 1)):
        both.add_trades(2, one)
    stored.write(both)
    assert sorted((run.book, run.first_id, run.last_id) for run in stored.rows.values()) == [
        (0, 5, 6), (2, 6, 6), (2, 9, 9),
    ]  # fmt: skip


def test_a_venue_that_counts_anew_begins_a_run_and_nothing_is_a_repeat() -> None:
    stored = Stored()
    stored.write(batch(*(trade(n, n) for n in range(100, 110))))
    stored.write(batch(trade(1, 200, traded=200), trade(2, 201, traded=201)))
    stored.write(batch(trade(101, 300, traded=300)))
    assert stored.spans() == [(1, 2), (100, 109), (101, 101)]
    assert stored.repeats == []


@pytest.mark.parametrize(("trade_id", "stored_ids"), [(109, [109]), (1, [1, 1])])
def test_the_newest_id_at_a_later_time_is_a_repeat_unless_it_is_the_first(
    trade_id: int, stored_ids: list[int]
) -> None:
    stored = Stored()
    stored.write(batch(trade(trade_id, 0, traded=0)))
    stored.write(batch(trade(trade_id, 200, traded=200)))
    assert [run.last_id for run in stored.rows.values()] == stored_ids
    assert len(stored.repeats) == 2 - len(stored_ids)


def test_a_market_whose_ids_say_nothing_is_not_followed() -> None:
    venue = converted_venue("deribit")
    tracker = TradeRuns([replace(BTC, venue=venue), replace(BTC, venue="never-heard-of")])
    made = batch(trade(1, 0), trade(9, 1), trade(9, 2), markets=MARKETS[:2])
    made.add_trades(1, trade(4, 0))
    plan = tracker.plan([made])
    assert (plan.added, plan.repeats, plan.keeps) == ([], [], [None])


def rows(con: duckdb.DuckDBPyConnection, what: str) -> list[tuple[object, ...]]:
    return con.execute(what).fetchall()


RUNS = "SELECT first_id, last_id FROM trade_coverage ORDER BY ts_trade, last_id"
HOLES = "SELECT first_missing_id, next_id, missing FROM trade_holes ORDER BY first_missing_id"


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    lives=st.lists(
        st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=4),
        min_size=1,
        max_size=3,
    )
)
@example(lives=[[[8, 5, 8, 11]], [[1]], [[1, 1, 12]]])
def test_the_store_holds_each_trade_once_and_every_hole(
    lives: list[list[list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Over several writers on one file: what one of them stored, the next one knows."""
    db = tmp_path_factory.mktemp("trades") / "x.duckdb"
    arrived: list[int] = []
    with Owner(db, serve=False) as owner:
        for life in lives:
            writer = Writer(owner, MARKETS)
            writer.start()
            for ids in life:
                writer.submit(batch(*(trade(n, len(arrived) + at) for at, n in enumerate(ids))))
                assert writer.drain(PATIENCE_S)
                arrived += ids
            writer.close()
        con = owner.cursor()
        spans = runs_of(arrived)
        assert sorted(rows(con, RUNS)) == spans
        assert rows(con, HOLES) == [
            (end + 1, first, first - end - 1) for (_, end), (first, _) in pairwise(spans)
        ]
        assert rows(con, "SELECT trade_id FROM trades ORDER BY 1") == [(n,) for n in sorted(set(arrived))]
        assert rows(con, "SELECT count(*) FROM trade_repeats") == [(len(arrived) - len(set(arrived)),)]
        assert rows(con, "SELECT sum(trades) FROM ingest_batches") == [(len(set(arrived)),)]
        before = rows(con, "SELECT * FROM trade_coverage ORDER BY last_id")
        find_runs(con)
        found = rows(con, "SELECT * FROM trade_coverage ORDER BY last_id")
        assert [row[4:] for row in found] == [row[4:] for row in before]


def test_trusted_asks_about_the_stream_it_is_asked_about(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    with Owner(db, serve=False) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(batch(*(trade(n, n) for n in (10, 11, 12, 20, 21))))
        writer.submit(batch(trade(1, 0), book=2))
        assert writer.drain(PATIENCE_S)
        writer.close()
    with connect(db) as con:
        asked = (
            "SELECT n FROM range(25) t(n) WHERE trusted($venue, $symbol, "
            "CAST($start AS TIMESTAMP) + to_milliseconds(n), 'trades') ORDER BY n"
        )
        start = con.execute("SELECT make_timestamp_ns($at)", {"at": START_NS}).fetchall()[0][0]
        given_ = {"venue": BTC.venue, "symbol": BTC.symbol, "start": start}
        assert [n for (n,) in con.execute(asked, given_).fetchall()] == [10, 11, 12, 20, 21]
        assert con.execute(asked.replace("'trades'", "'depth'"), given_).fetchall() == []
        one = "SELECT count(*) FROM trades WHERE trusted(venue, symbol, ts_recv, 'trades')"
        assert con.execute(one).fetchall() == [(6,)]
        with pytest.raises(Exception, match="stream: expected depth or trades, got quotes"):
            con.execute(one.replace("'trades'", "'quotes'")).fetchall()
