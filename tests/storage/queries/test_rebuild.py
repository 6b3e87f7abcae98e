"""The book by SQL equals a plain ladder at any id and time, and is refused where it cannot be trusted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.book.messages import DepthDiff, Level
from leadline.book.rows.batch import Batch, CoverageEnded
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import NoTrustedBook, StoreError
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.rebuild import StoredBook, book_at, store_seed
from tests.storage.helpers import (
    BTC,
    COIN,
    MARKETS,
    ODD,
    START_NS,
    STEP_NS,
    Plain,
    Served,
    diff,
    fill,
    seed,
)

SIDE = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=6)
SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=25)


def moment(update_id: int) -> dt.datetime:
    return dt.datetime.fromtimestamp((START_NS + update_id * STEP_NS) / 1e9, dt.UTC)


def chain(
    start: int, sizes: list[int], sides: list[tuple[list[Level], list[Level]]]
) -> Iterator[DepthDiff]:
    """Diffs without a hole after ``start``, each over some ids."""
    at = start
    for size, (bids, asks) in zip(sizes, sides, strict=False):
        yield diff(at + 1, at + size, bids, asks)
        at += size


def store(owner: Owner, *batches: Batch) -> None:
    writer = Writer(owner, MARKETS)
    writer.start()
    for batch in batches:
        writer.submit(batch)
    writer.close()


def sides(book: StoredBook) -> tuple[object, object]:
    return book.bids, book.asks


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_at_any_id_and_time_it_is_the_ladder(owner: Owner, data: st.DataObject) -> None:
    con = owner.cursor()
    for table in ("depth_diffs", "seeds", "coverage"):
        con.execute(f"DELETE FROM {table}")  # each example starts from nothing
    epoch, start = 1, 1000
    book = data.draw(st.integers(0, 1))
    snapshot = seed(start, data.draw(SIDE), data.draw(SIDE))
    sizes = data.draw(SIZES)
    levels = data.draw(st.lists(st.tuples(SIDE, SIDE), min_size=len(sizes), max_size=len(sizes)))
    diffs = list(chain(start, sizes, levels))
    cut = data.draw(st.integers(0, len(diffs)))  # over two batches
    store(
        owner,
        fill(Batch(MARKETS), book, diffs[:cut], epoch=epoch, seeded=snapshot),
        fill(Batch(MARKETS), book, diffs[cut:], epoch=epoch),
    )
    target = data.draw(st.integers(start, diffs[-1].last_id))
    plain = Plain()
    plain.apply(snapshot)
    last = start
    for one in diffs:
        if one.last_id <= target:
            plain.apply(one)
            last = one.last_id
    event("in the middle of a diff" if last != target else "at a diff")
    market = MARKETS[book]
    by_id = book_at(con, market.symbol, at_id=target)
    assert (by_id.last_id, by_id.epoch, by_id.as_of) == (last, epoch, moment(last))
    assert sides(by_id) == plain.sides(market)
    by_time = (
        book_at(con, market.symbol, at=moment(last) + dt.timedelta(milliseconds=50), venue=market.venue)
        if last != diffs[-1].last_id
        else book_at(con, market.symbol)
    )
    assert (by_time.last_id, sides(by_time)) == (last, sides(by_id))
    if data.draw(st.booleans()):  # a seed rebuilt in the middle changes nothing
        store_seed(con, market.venue, market.symbol, epoch, target)
        assert sides(book_at(con, market.symbol, at_id=target)) == sides(by_id)
        latest = book_at(con, market.symbol)
        con.execute("DELETE FROM depth_diffs WHERE epoch = ? AND last_id <= ?", [epoch, last])
        assert book_at(con, market.symbol) == latest


def ending(by: str, last: int) -> Batch:
    batch = Batch(MARKETS)
    batch.coverage.append(CoverageEnded(0, 1, START_NS + last * STEP_NS, last, by))
    return batch


@pytest.fixture
def five(owner: Owner) -> Owner:
    """Diffs 11 to 15 after a seed at 10, one level each; 13 names a price twice."""
    diffs = [diff(n, n, [(n, n)]) for n in range(11, 16)]
    diffs[2] = diff(13, 13, [(13, 1), (13, 2)])
    store(owner, fill(Batch(MARKETS), 0, diffs, seeded=seed(10, [(1, 1)], [(99, 9)])))
    return owner


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(-900_000, 900_000), min_size=1, max_size=12), probe=st.integers(-1, 11))
@example(steps=[900_000, -900_000, 1000], probe=1)
def test_where_our_clock_was_set_back_the_newest_id_received_by_then_counts(
    owner: Owner, steps: list[int], probe: int
) -> None:
    con = owner.cursor()
    for table in ("depth_diffs", "seeds", "coverage"):
        con.execute(f"DELETE FROM {table}")
    at_ms, diffs = 1_000_000, []
    for n, step_ms in enumerate(steps):
        at_ms = max(1_000_000, at_ms + step_ms)  # the clock is right again when the stream was seeded
        diffs.append(replace(diff(11 + n, 11 + n, [(n + 1, 1)]), ts_recv_ns=START_NS + at_ms * 1_000_000))
    seeded = replace(seed(10, [(1, 9)], [(99, 9)]), ts_recv_ns=START_NS + 1_000_000_000_000)
    store(owner, fill(Batch(MARKETS), 0, diffs, seeded=seeded))
    con.execute("UPDATE coverage SET ts_to = TIMESTAMP '2100-01-01'")
    asked_ns = diffs[min(probe, len(diffs) - 1)].ts_recv_ns
    newest = max(one.last_id for one in diffs if one.ts_recv_ns <= asked_ns)
    event("set back" if any(one.ts_recv_ns > asked_ns for one in diffs[: newest - 10]) else "straight")
    book = book_at(con, "BTCUSDT", at=dt.datetime.fromtimestamp(asked_ns / 1e9, dt.UTC))
    assert book == replace(book_at(con, "BTCUSDT", at_id=newest), as_of=book.as_of)


def test_of_a_price_named_twice_the_last_counts(five: Owner) -> None:
    assert book_at(five.cursor(), "BTCUSDT", at_id=13).bids[0] == (Decimal("0.13"), Decimal("0.00002"))


def test_levels_cut_both_sides(five: Owner) -> None:
    book = book_at(five.cursor(), "BTCUSDT", levels=2)
    assert [price for price, _ in book.bids] == [Decimal("0.15"), Decimal("0.14")]
    assert book.asks == ((Decimal("0.99"), Decimal("0.00009")),)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        pytest.param({"at_id": 9}, "the interval after it, .* updates 10 to 15", id="before-the-seed"),
        pytest.param(
            {"at_id": 16}, "before it, .* updates 10 to 15, is stored up to there", id="not-stored-yet"
        ),
        pytest.param({"at": moment(9)}, "the interval after it", id="a-time-before"),
        pytest.param({"at": moment(16)}, "the interval before it", id="a-time-after"),
    ],
)
def test_outside_coverage_is_refused_with_the_neighbours(
    five: Owner, when: dict[str, object], told: str
) -> None:
    with pytest.raises(NoTrustedBook, match=told):
        book_at(five.cursor(), "BTCUSDT", **when)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["stopped", "end_of_recording", "crash"])
def test_when_we_stopped_the_last_book_stands_with_its_time(five: Owner, by: str) -> None:
    five.cursor().execute("UPDATE coverage SET ended_by = ?", [by])
    book = book_at(five.cursor(), "BTCUSDT")
    assert (book.last_id, book.as_of, book.ended_by) == (15, moment(15), by)


@pytest.mark.parametrize("by", ["gap", "crossed", "session_lost", "silent"])
def test_when_the_market_left_us_there_is_no_book_now(five: Owner, by: str) -> None:
    five.cursor().execute("UPDATE coverage SET ended_by = ?", [by])
    with pytest.raises(NoTrustedBook, match=f"ended by {by} .* after update 15"):
        book_at(five.cursor(), "BTCUSDT")
    assert book_at(five.cursor(), "BTCUSDT", at_id=15).ended_by == by


def test_between_two_intervals_both_are_named(owner: Owner) -> None:
    first = fill(Batch(MARKETS), 0, [diff(11, 11)], seeded=seed(10))
    first.coverage.extend(ending("gap", 11).coverage)
    store(owner, first, fill(Batch(MARKETS), 0, [diff(21, 21)], epoch=2, seeded=seed(20)))
    with pytest.raises(
        NoTrustedBook, match=r"updates 10 to 11, ended by gap; .* after it, .* updates 20 to 21"
    ):
        book_at(owner.cursor(), "BTCUSDT", at_id=15)


def test_a_hole_in_the_store_is_never_papered_over(five: Owner) -> None:
    con = five.cursor()
    con.execute("DELETE FROM depth_diffs WHERE last_id = 13")
    with pytest.raises(StoreError, match="hole before update 14"):
        book_at(con, "BTCUSDT")
    assert book_at(con, "BTCUSDT", at_id=12).last_id == 12
    con.execute("DELETE FROM depth_diffs WHERE last_id > 13")
    with pytest.raises(StoreError, match="diffs end at 12, coverage at 15"):
        book_at(con, "BTCUSDT")
    con.execute("DELETE FROM seeds")
    with pytest.raises(StoreError, match="seed of epoch 1 is not in the store"):
        book_at(con, "BTCUSDT")


def test_futures_chain_by_the_id_before(owner: Owner) -> None:
    bridge = diff(8, 14, [(5, 1)], prev=7)
    rest = [diff(20, 25, [(6, 1)], prev=14), diff(31, 32, [(7, 1)], prev=25)]
    store(owner, fill(Batch(MARKETS), 2, [bridge, *rest], seeded=seed(10, [(1, 1)], [(9, 1)])))
    con = owner.cursor()
    assert [price for price, _ in book_at(con, COIN.symbol).bids] == [Decimal(x) / 10 for x in (7, 6, 5, 1)]
    con.execute("DELETE FROM depth_diffs WHERE last_id = 25")
    with pytest.raises(StoreError, match="hole before update 32"):
        book_at(con, COIN.symbol)


def test_diffs_received_long_before_their_seed_are_found(owner: Owner) -> None:
    early = [diff(n, n, [(n, 1)]) for n in range(11, 14)]
    snapshot = seed(10 + 36_000, [(1, 1)], [(99, 9)])  # an hour of receipt later, whatever its id says
    batch = fill(Batch(MARKETS), 0, early, seeded=snapshot)
    batch.seeds[0] = type(batch.seeds[0])(
        0, 1, type(snapshot)("", 10, snapshot.ts_recv_ns, snapshot.bids, ())
    )
    batch.coverage[0] = type(batch.coverage[0])(0, 1, snapshot.ts_recv_ns, 10)  # type: ignore[call-arg]
    store(owner, batch)
    book = book_at(owner.cursor(), "BTCUSDT")
    assert (book.last_id, len(book.bids), book.as_of) == (13, 4, moment(10 + 36_000))


def test_which_venue_must_be_clear(owner: Owner) -> None:
    with pytest.raises(NoTrustedBook, match="NOPE: no trusted book was ever stored"):
        book_at(owner.cursor(), "NOPE")
    twin = [*MARKETS, replace(BTC, venue="other")]
    writer = Writer(owner, twin)
    writer.start()
    batch = fill(Batch(twin), 0, [], seeded=seed(10))
    writer.submit(fill(batch, 3, [], seeded=seed(20)))
    writer.close()
    with pytest.raises(BadInput, match="loopback-spot, other: say which"):
        book_at(owner.cursor(), "BTCUSDT")
    assert book_at(owner.cursor(), "BTCUSDT", venue="other").last_id == 20
    with pytest.raises(BadInput, match="not both"):
        book_at(owner.cursor(), "BTCUSDT", at=moment(1), at_id=1)


def test_a_reader_elsewhere_gets_the_same_book(db: Path) -> None:
    with Owner(db) as owner:
        store(owner, fill(Batch(MARKETS), 1, [diff(11, 12, [(5, 5)])], seeded=seed(10, [(1, 1)], [(9, 2)])))
        here = book_at(owner.cursor(), ODD.symbol, at_id=12)
    with Served(db), connect(db) as con:
        there = book_at(con, ODD.symbol, at_id=12)
        assert sides(there) == sides(here)
        assert book_at(con, ODD.symbol, at=there.as_of, venue=ODD.venue) == there
