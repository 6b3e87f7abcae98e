"""A live book from outside: what it stores and says for what it hears, the same with either engine."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from leadline.book.errors import BadFrame, BatchFull, NotLive, OffScale
from leadline.book.rows.batch import BookEventRow, CoverageEnded, CoverageOpened, DiffCol, SeedRow
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import (
    BookReady,
    BufferTrimmed,
    Crossed,
    GapFound,
    Left,
    OneSided,
    Restarted,
    SnapshotNeeded,
    State,
)
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.decode import BinanceDecoder
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from tests.book.fake_venue import ENGINES, FakeVenue, rows
from tests.book.heard import BODY, SEED_NS, Heard, frame, is_live

pytestmark = pytest.mark.parametrize("engine", ENGINES)
# -- what is stored --------------------------------------------------------------------------------


def test_the_first_rows(engine: str) -> None:
    heard = Heard(engine)
    assert heard.depth(6, 8, '["1.00","4"]') == [SnapshotNeeded(6, "start")]
    epoch = (SEED_NS + 10) // 1000
    assert heard.seed() == [BookReady(epoch, 8)]
    assert heard.depth(9, 9, "", '["1.01","0"]') == []
    kept = rows(heard.batch)
    ms, price, seed_ns = 1_000_000, 100, SEED_NS + 10
    assert kept["diffs"] == [
        ([2, epoch, 8 * ms, SEED_NS, 6, 8, -1, 1, 0, 0, 0, 0, 0], [[price, 4000]]),
        ([2, epoch, 9 * ms, SEED_NS + 20, 9, 9, -1, 0, 1, 0, 0, 0, 0], [[101, 0]]),
    ]
    assert kept["coverage"] == [CoverageOpened(2, epoch, seed_ns, 8)]
    assert kept["events"] == [
        BookEventRow(2, SEED_NS, State.WAITING, State.BUFFERING, "start", 6, -1),
        BookEventRow(2, seed_ns, State.BUFFERING, State.LIVE, "ready"),
    ]
    (seed,) = kept["seeds"]
    assert isinstance(seed, SeedRow)
    assert (seed.book, seed.epoch, seed.snapshot.symbol, seed.snapshot.last_id) == (2, epoch, "BTCUSDT", 7)
    assert seed.snapshot.bids == ((100, 5000), (99, 6000))
    assert seed.snapshot.asks == ((101, 7000), (103, 8000))
    assert heard.book.bbo() == (100, 4000, 103, 8000)


def test_what_a_diff_waited_for_and_what_its_stages_took(engine: str) -> None:
    """By whichever clock the engine has; on the short way, through book.sync, and in an odd spelling."""
    heard = is_live(engine)
    frames = [frame(10, 10, '["1.00","4"]'), frame(11, 11), frame(12, 12).replace(b":", b" : ")]
    for waited_ns, data in zip((5_000_000_000, 0, 3_000_000_000), frames, strict=True):
        asked_ns = time.monotonic_ns()
        if data == frames[1]:
            heard.say("halt", "BREAK")
        heard.book.receive_depth(data, 0, heard.now, heard.batch, asked_ns - waited_ns)
        lasted_ns = time.monotonic_ns() - asked_ns
        row = rows(heard.batch)["diffs"][-1][0]
        to_book, queue, decode = row[DiffCol.TO_BOOK_NS :]
        assert row[DiffCol.LAST_ID] == heard.book.last_id
        assert waited_ns <= queue <= waited_ns + lasted_ns
        assert 0 < decode <= lasted_ns
        assert queue + decode < to_book <= waited_ns + lasted_ns
    heard.book.receive_depth(frame(13, 13), 0, heard.now, heard.batch)
    assert rows(heard.batch)["diffs"][-1][0][DiffCol.TO_BOOK_NS :] == [0, 0, 0], "not asked"


@pytest.mark.parametrize(
    ("rule", "next_", "expected", "got"),
    [
        pytest.param(SPOT, (11, 12, None), 10, 11, id="spot-one-id-missing"),
        pytest.param(SPOT, (99, 99, None), 10, 99, id="spot-many-missing"),
        pytest.param(FUTURES, (11, 12, 10), 9, 10, id="futures-pu-above"),
        pytest.param(FUTURES, (10, 12, 8), 9, 8, id="futures-pu-below-though-U-follows"),
    ],
)
def test_a_gap_ends_coverage_where_data_ended(engine: str, rule, next_, expected, got) -> None:
    heard = is_live(engine, rule)
    first, last, pu = next_
    before = heard.book.epoch
    oldest = first if rule is SPOT else pu
    assert heard.depth(first, last, pu=pu) == [GapFound(expected, got), SnapshotNeeded(oldest, "gap")]
    assert heard.events[-1] == (30, State.LIVE, State.BUFFERING, "gap", expected, got)
    assert heard.batch.coverage[-1] == CoverageEnded(2, before, SEED_NS + 20, 9, "gap")
    assert heard.batch.counts[0] == 2  # the diff that showed the gap is no row
    with pytest.raises(NotLive, match=f"gap: expected {expected}, got {got}"):
        heard.book.bbo()


@pytest.mark.parametrize(
    ("rule", "next_"),
    [
        pytest.param(SPOT, (10, 10, None), id="spot"),
        pytest.param(SPOT, (5, 12, None), id="spot-overlap"),
        pytest.param(FUTURES, (500, 600, 9), id="futures-U-says-nothing"),
    ],
)
def test_the_next_diff_is_applied(engine: str, rule, next_) -> None:
    heard = is_live(engine, rule)
    first, last, pu = next_
    assert heard.depth(first, last, '["1.00","1"]', pu=pu) == []
    assert heard.book.last_id == last
    assert heard.book.bbo().bid_lots == 1000
    assert heard.batch.counts.tolist()[:2] == [3, 1]


def test_a_futures_book_bridges_once(engine: str) -> None:
    """A seed newer than the buffer is bridged by a later diff; from then on ``pu`` must fit exactly."""
    heard = Heard(engine, FUTURES)
    heard.depth(6, 8, pu=5)
    heard.seed(BODY.replace(b":7,", b":8,"))
    assert heard.book.state is State.LIVE
    assert heard.depth(9, 9, pu=8) == []
    assert heard.depth(10, 12, pu=7)[0] == GapFound(9, 7)


def test_a_repeat_is_neither_applied_nor_stored(engine: str) -> None:
    heard = is_live(engine)
    assert heard.depth(9, 9, '["1.00","1"]') == []
    assert heard.book.bbo().bid_lots == 5000
    assert heard.batch.counts.tolist()[:2] == [2, 0]


def test_ids_that_go_back_for_long_are_a_gap(engine: str) -> None:
    """The compiled short way must not swallow what book.sync counts."""
    heard = is_live(engine)
    said = [heard.depth(3, 4) for _ in range(100)]
    assert said[:99] == [[]] * 99
    assert said[99][0] == GapFound(10, 3)


def test_a_seed_too_old_is_told(engine: str) -> None:
    heard = Heard(engine)
    heard.depth(20, 22)
    assert heard.seed() == [SnapshotNeeded(20, "seed_too_old")]
    assert heard.events[-1] == (10, State.BUFFERING, State.BUFFERING, "seed_too_old", 20, 7)
    assert not heard.batch.seeds


def test_a_crossed_book_is_discarded(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert heard.depth(10, 10, '["1.01","1"]') == [Crossed(10, 101, 101), SnapshotNeeded(10, "crossed")]
    assert heard.events[-1][1:4] == (State.LIVE, State.BUFFERING, "crossed")
    assert heard.batch.coverage[-1] == CoverageEnded(2, epoch, SEED_NS + 20, 9, "crossed")
    assert rows(heard.batch)["diffs"][-1][0][5] == 10  # applied, so it is a row
    assert heard.book.certified_band is None


def test_one_side_missing_is_suspect_until_it_is_back(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert heard.depth(10, 10, '["1.00","0"],["0.99","0"]') == [OneSided(10)]
    assert heard.book.state is State.SUSPECT
    assert heard.depth(11, 11) == []
    assert heard.depth(12, 12, '["0.98","1"]') == [BookReady(epoch, 12)]
    assert heard.batch.coverage[1:] == [
        CoverageEnded(2, epoch, SEED_NS + 20, 9, "one_sided"),
        CoverageOpened(2, epoch, SEED_NS + 50, 12),
    ]
    assert [row[0][5] for row in rows(heard.batch)["diffs"]] == [8, 9, 10, 11, 12]


def test_silence_and_halts(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert heard.say("mark_stale") == [Left("silent", 9)]
    assert heard.depth(10, 10) == [BookReady(epoch, 10)]
    assert heard.say("halt", "BREAK") == [Left("BREAK", 10)]
    assert heard.depth(11, 11) == []
    assert heard.book.state is State.HALTED
    assert heard.say("unhalt") == [BookReady(epoch, 11)]
    assert heard.say("leave", "session_lost") == [Left("session_lost", 11)]
    assert heard.say("leave", "again") == []
    assert [(c.ended_by, c.last_id) for c in heard.batch.coverage if isinstance(c, CoverageEnded)] == [
        ("silent", 9),
        ("BREAK", 10),
        ("session_lost", 11),
    ]
    assert [event[1:4] for event in heard.events[2:]] == [
        (State.LIVE, State.STALE, "silent"),
        (State.STALE, State.LIVE, "ready"),
        (State.LIVE, State.HALTED, "BREAK"),
        (State.HALTED, State.LIVE, "ready"),
        (State.LIVE, State.WAITING, "session_lost"),
    ]


def test_coverage_ends_with_the_last_diff_though_that_came_before_the_seed(engine: str) -> None:
    """A book LIVE on diffs older than its seed: the store lets no interval end before its begin."""
    heard = Heard(engine)
    heard.depth(6, 8)
    heard.seed()
    heard.say("leave", "stopped")
    opened, ended = heard.batch.coverage
    assert (opened.ts_ns, ended.ts_ns) == (SEED_NS + 10, SEED_NS)
    assert ended.last_id == opened.first_id == 8


def test_a_full_buffer_is_trimmed(engine: str) -> None:
    heard = Heard(engine, buffer_limit=4)
    said = [heard.depth(n, n) for n in range(10, 14)]
    assert said[-1] == [BufferTrimmed(2), SnapshotNeeded(12, "buffer_full")]
    assert heard.events[-1][1:4] == (State.BUFFERING, State.BUFFERING, "buffer_full")


def test_a_later_seed_begins_a_later_epoch(engine: str) -> None:
    heard = is_live(engine)
    first = heard.book.epoch
    heard.depth(20, 20)
    heard.now = SEED_NS - 99  # our clock went back
    assert heard.seed(BODY.replace(b":7,", b":20,")) == [BookReady(first + 1, 20)]
    heard.depth(21, 21)
    assert rows(heard.batch)["diffs"][-1][0][1] == first + 1


# -- a full batch, bad frames ----------------------------------------------------------------------


def test_a_full_batch_changes_nothing(engine: str) -> None:
    heard = is_live(engine)
    heard.batch = FakeVenue(0).batch(diff_rows=1, level_rows=4, trade_rows=1, ticker_rows=1)
    heard.depth(10, 10)
    for full in (frame(11, 11), frame(11, 11, ",".join([f'["0.{n}","1"]' for n in range(10, 20)]))):
        with pytest.raises(BatchFull):
            heard.book.receive_depth(full, 0, 1, heard.batch)
        assert heard.book.last_id == 10
    venue = FakeVenue(0)
    for name, (payload, start) in (("trade", venue.trade()), ("ticker", venue.ticker())):
        receive = getattr(heard.book, f"receive_{name}")
        receive(payload, start, 1, heard.batch)
        with pytest.raises(BatchFull):
            receive(payload, start, 1, heard.batch)
    assert heard.batch.counts.tolist() == [1, 0, 1, 1]


def test_a_seed_that_frees_more_than_a_batch_holds(engine: str) -> None:
    """Nobody could call again with the seed, so the batch grows."""
    heard = Heard(engine)
    heard.batch = FakeVenue(0).batch(diff_rows=2, level_rows=3)
    for n in range(7, 20):
        heard.depth(n, n, '["1.00","1"],["0.98","2"]')
    heard.book.receive_trade(*FakeVenue(0).trade(), 5, heard.batch)
    assert heard.seed() == [BookReady(heard.now // 1000, 19)]
    kept = rows(heard.batch)
    assert [row[5] for row, _ in kept["diffs"]] == list(range(8, 20))
    assert len(kept["trades"]) == 1


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        pytest.param(b"{", BadFrame, "not JSON", id="cut"),
        pytest.param(frame(11, 10), BadFrame, "U: expected at most u=10", id="U-above-u"),
        pytest.param(
            frame(10, 10, '["1.001","1"]'), OffScale, r"b\[0\] price: 1.001", id="price-off-scale"
        ),
        pytest.param(frame(10, 10, '["1","0.0001"]'), OffScale, "quantity: 0.0001", id="lots-off-scale"),
        pytest.param(
            frame(10, 10, "", '["1","9223372036854775.808"]'), OffScale, "64-bit limit", id="past-64-bits"
        ),
        pytest.param(
            frame(10, 10).replace(b"BTCUSDT", b"ETHUSDT"), BadFrame, "'ETHUSDT'", id="other-symbol"
        ),
        pytest.param(frame(10, 10, '["x","1"]'), BadFrame, "got 'x'", id="no-number"),
    ],
)
def test_a_bad_frame_changes_nothing(engine: str, bad: bytes, error, message: str) -> None:
    heard = is_live(engine)
    before = rows(heard.batch)
    with pytest.raises(error, match=message):
        heard.book.receive_depth(bad, 0, 1, heard.batch)
    assert rows(heard.batch) == before
    assert heard.book.last_id == 9
    assert heard.depth(10, 10) == []


def test_futures_without_pu_are_refused(engine: str) -> None:
    heard = is_live(engine, FUTURES)
    with pytest.raises(BadFrame, match="expected pu on futures, got none"):
        heard.depth(10, 10)
    assert heard.book.state is State.LIVE


def test_a_bad_seed_changes_nothing(engine: str) -> None:
    heard = Heard(engine)
    heard.depth(6, 8)
    with pytest.raises(BadFrame, match=r"bids\[1\] price: expected below the one before"):
        heard.seed(BODY.replace(b"0.99", b"1.00"))
    assert heard.book.state is State.BUFFERING
    heard.seed()
    assert heard.book.state is State.LIVE


@pytest.mark.parametrize("zero", ["0", "0.000", "0.00000000", "00"])
def test_zero_deletes_in_every_spelling(engine: str, zero: str) -> None:
    heard = is_live(engine)
    heard.depth(10, 10, f'["1.00","{zero}"],["0.50","{zero}"]')
    assert heard.book.levels() == ([(99, 6000)], [(101, 7000), (103, 8000)])


def test_prices_keep_their_order_when_they_gain_a_digit(engine: str) -> None:
    heard = Heard(engine)
    heard.depth(6, 8)
    heard.seed(b'{"lastUpdateId":8,"bids":[["999.99","1"],["99.99","2"]],"asks":[["1000.00","3"]]}')
    heard.depth(9, 9, '["1000.00","4"],["1000.01","5"]', '["1000.00","0"],["10000.00","6"],["1000.02","7"]')
    assert heard.book.top(3) == (
        [(100_001, 5000), (100_000, 4000), (99_999, 1000)],
        [(100_002, 7000), (1_000_000, 6000)],
    )


# -- a venue that sends its snapshots within the stream --------------------------------------------


class InStream(BinanceDecoder):
    """A stream whose snapshots are spelled like REST order books, and come among the diffs."""

    @staticmethod
    def depth(frame: bytes, scale_of, ts_recv_ns: int, **where):
        if frame.startswith(b'{"lastUpdateId"'):
            found = BinanceDecoder.snapshot(frame, "BTCUSDT", scale_of("BTCUSDT"), ts_recv_ns, **where)
            return replace(found, shared_id=10 * found.last_id)
        found = BinanceDecoder.depth(frame, scale_of, ts_recv_ns, **where)
        return replace(found, shared_id=10 * found.last_id)


def in_stream(engine: str) -> Heard:
    """A book of such a venue, LIVE at id 7 with 1.00 against 1.01."""
    heard = Heard(engine, spec=replace(specs.SPOT, decoder=InStream(), load_scanner=None))
    assert hear(heard, BODY) == [BookReady(heard.now // 1000, 7)]
    return heard


def hear(heard: Heard, data: bytes) -> list:
    heard.now += 10
    return list(heard.book.receive_depth(data, 0, heard.now, heard.batch, time.monotonic_ns()))


def test_a_snapshot_among_the_diffs_is_live_at_once_and_stored(engine: str) -> None:
    heard = in_stream(engine)
    assert heard.book.bbo() == (100, 5000, 101, 7000)
    assert heard.depth(8, 8, '["1.00","4"]') == []
    kept = rows(heard.batch)
    assert [seed.snapshot.last_id for seed in kept["seeds"]] == [7]
    assert kept["coverage"] == [CoverageOpened(2, heard.book.epoch, SEED_NS, 7)]
    assert [row[0][DiffCol.LAST_ID] for row in kept["diffs"]] == [8]
    assert heard.events == [(0, State.WAITING, State.LIVE, "ready", -1, -1)]


def test_the_next_one_ends_coverage_where_the_book_stood(engine: str) -> None:
    heard = in_stream(engine)
    heard.depth(8, 8)
    before = heard.book.epoch
    restart = BODY.replace(b":7,", b":1,").replace(b'"5"', b'"9"')
    assert hear(heard, restart) == [Restarted(8, 1), BookReady(before + 1, 1)]
    assert heard.book.bbo() == (100, 9000, 101, 7000)
    assert heard.batch.coverage[-2:] == [
        CoverageEnded(2, before, SEED_NS + 10, 8, "restarted"),
        CoverageOpened(2, heard.book.epoch, SEED_NS + 20, 1),
    ]
    assert heard.events[-2:] == [
        (20, State.LIVE, State.BUFFERING, "restarted", -1, 1),
        (20, State.BUFFERING, State.LIVE, "ready", -1, -1),
    ]


def test_tickers_are_compared_by_the_id_that_streams_share(engine: str) -> None:
    heard = in_stream(engine)
    heard.depth(8, 8, '["1.00","4"]')
    top = b'{"u":%d,"s":"BTCUSDT","b":"1.00","B":"%d","a":"1.01","A":"7"}'
    assert heard.say("receive_ticker", top % (80, 4), 0) == []
    assert heard.book._attestor.agreed == (8, SEED_NS + 10), "an id of the book's own"
    heard.depth(9, 9)
    missed = heard.say("receive_ticker", top % (90, 5), 0)
    assert [type(event).__name__ for event in missed] == ["Mismatched"]
    assert heard.batch.mismatches[0].miss[:2] == (Kind.EQUAL_ID, 9)
