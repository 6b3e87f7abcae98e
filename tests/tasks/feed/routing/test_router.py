from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.book.engine.factory import make_book
from leadline.book.messages import CommandReply, ServerShutdown
from leadline.book.rows.batch import Batch, Count, DiffCol, Market, TickerCol, TradeCol
from leadline.book.scale import Scale
from leadline.book.sync.events import BookReady, GapFound, Left, Mismatched, Refuted, SnapshotNeeded, State
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.net.errors import SinkFull
from leadline.tasks.venues.binance import profiles
from tests.recordings import COINM_BTC, SPOT_ETH, recording
from tests.tasks.feeding import ListSink

SCALE = Scale(2, 3)
T0 = 1_700_000_000_000_000_000


class Desk:
    """A router with books of some symbols, and frames made as the venue writes them."""

    def __init__(self, *symbols: str, rule: SequenceRule = SPOT, sink: ListSink | None = None) -> None:
        self.sink = sink or ListSink()
        self.sink.markets += [Market("v", symbol, SCALE, rule) for symbol in symbols]
        books = [
            make_book(n, market, specs.SPOT, engine="plain") for n, market in enumerate(self.sink.markets)
        ]
        self.router = Router(
            self.sink.markets,
            books,
            self.sink,
            profiles.SPOT,
            make_book=lambda n, market: make_book(n, market, specs.SPOT, engine="plain"),
        )
        self.now_ns = T0

    def hear(self, frame: bytes | str | dict[str, Any]) -> list[Any]:
        """Dispatch a frame; return the events alone."""
        self.now_ns += 1_000_000
        if isinstance(frame, dict):
            frame = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
        if isinstance(frame, str):
            frame = frame.encode()
        return [event for _, event in self.router.dispatch(frame, self.now_ns, self.now_ns)]

    def live(self, symbol: str) -> None:
        """Bring a book to LIVE at id 10."""
        self.hear(combined(f"{symbol.lower()}@depth@100ms", diff(symbol, 5, 10)))
        told = self.hear(combined(f"{symbol.lower()}@snapshot", SEED))
        assert [type(event) for event in told] == [BookReady]

    @property
    def batch(self) -> Batch:
        return self.router.batch


SEED = {"lastUpdateId": 7, "bids": [["9.00", "1.000"]], "asks": [["11.00", "1.000"]]}


def diff(symbol: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": 1_700_000_000_123,
        "s": symbol,
        "U": first,
        "u": last,
        "b": [["10.00", "2.000"]],
        "a": [],
        **more,
    }


def ticker(symbol: str, update_id: int) -> dict[str, Any]:
    return {"u": update_id, "s": symbol, "b": "10.00", "B": "2.000", "a": "11.00", "A": "1.000"}


def trade(symbol: str, n: int) -> dict[str, Any]:
    at = 1_700_000_000_123
    return {"e": "trade", "E": at, "s": symbol, "t": n, "p": "10.50", "q": "0.250", "T": at, "m": True}


def aggregate(symbol: str, n: int) -> dict[str, Any]:
    at = 1_700_000_000_123
    wire = {"e": "aggTrade", "E": at, "s": symbol, "a": n, "p": "10.50", "q": "0.250", "f": 90, "l": 95}
    return {**wire, "T": at - 1, "m": False}


def combined(stream: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": stream, "data": data}


def spaced(frame: dict[str, Any]) -> str:
    return json.dumps(frame, indent=1)


def swapped(frame: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(frame.items()))


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda f: f, id="as-the-venue-writes"),
        pytest.param(spaced, id="with-spaces"),
        pytest.param(swapped, id="data-before-stream"),
        pytest.param(lambda f: f["data"], id="raw"),
        pytest.param(lambda f: json.dumps(f, ensure_ascii=True), id="escaped"),
    ],
)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "币安人生USDT"])
def test_every_spelling_reaches_the_book_of_its_symbol(shape: Any, symbol: str) -> None:
    desk = Desk("ETHUSDT", symbol)
    desk.live(symbol)
    lower = symbol.lower()
    for frame in (
        combined(f"{lower}@depth@100ms", diff(symbol, 11, 12)),
        combined(f"{lower}@bookTicker", ticker(symbol, 12)),
        combined(f"{lower}@trade", trade(symbol, 77)),
        combined(f"{lower}@aggTrade", aggregate(symbol, 78)),
    ):
        for _ in range(2):  # the second time over the route that the first one learned
            assert desk.hear(shape(frame)) == []
    assert desk.router.books[symbol].last_id == 12
    assert desk.router.books["ETHUSDT"].state is State.WAITING
    assert desk.batch.counts.tolist() == [2, 2, 4, 2]  # the repeated diff is a duplicate
    assert (desk.batch.trades[:4, TradeCol.BOOK] == 1).all()
    assert (desk.batch.tickers[:2, TickerCol.UPDATE_ID] == 12).all()
    assert desk.router.bad_frames == desk.router.unrecognised == 0


def test_an_aggregate_trade_is_stored_as_a_trade() -> None:
    desk = Desk("BTCUSDT", rule=FUTURES)
    desk.hear(combined("btcusdt@aggTrade", aggregate("BTCUSDT", 78)))
    row = desk.batch.trades[0]
    assert row[TradeCol.TRADE_ID] == 78
    assert (row[TradeCol.PRICE_TICKS], row[TradeCol.QTY_LOTS]) == (1050, 250)
    assert row[TradeCol.TS_TRADE_NS] == 1_700_000_000_122_000_000
    assert row[TradeCol.BUYER_IS_MAKER] == 0


def test_partial_depth_is_held_against_the_book_through_full_batches() -> None:
    desk = Desk("BTCUSDT")
    desk.live("BTCUSDT")
    stream = "btcusdt@depth20@100ms"
    bids, asks = [["10.00", "2.000"], ["9.00", "1.000"]], SEED["asks"]
    assert desk.hear(combined(stream, {"lastUpdateId": 10, "bids": bids, "asks": asks})) == []
    desk.hear(combined("btcusdt@depth@100ms", diff("BTCUSDT", 11, 11, b=[["9.00", "3.000"]])))
    desk.router.swap()
    right = {"lastUpdateId": 11, "bids": [bids[0], ["9.00", "3.000"]], "asks": asks}
    assert desk.hear(combined(stream, right)) == []
    wrong = combined(stream, {"lastUpdateId": 11, "bids": bids, "asks": asks})
    assert [type(event) for event in desk.hear(wrong)] == [Mismatched]
    assert [type(event) for event in desk.hear(wrong)] == [Refuted, SnapshotNeeded]  # the next one confirms
    assert desk.hear(combined(stream, {"lastUpdateId": 12, "bids": bids[::-1], "asks": asks})) == []
    assert (desk.router.bad_frames, desk.router.unrecognised) == (1, 0)
    desk.router.remove("BTCUSDT")
    assert desk.hear(combined(stream, right)) == []
    assert desk.router.unrecognised == 1


def test_events_come_with_their_book() -> None:
    desk = Desk("BTCUSDT", "ETHUSDT")
    desk.live("BTCUSDT")
    desk.live("ETHUSDT")
    assert desk.hear(combined("ethusdt@depth@100ms", diff("ETHUSDT", 20, 21))) == [
        GapFound(11, 20),
        SnapshotNeeded(20, "gap"),
    ]
    assert desk.router.books["BTCUSDT"].state is State.LIVE


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00\xff\xfe", id="bytes"),
        pytest.param(b"[1,2]", id="list"),
        pytest.param(b'{"stream":"btcusdt@dep', id="cut-within-the-name"),
        pytest.param(b'{"stream":"garbage@depth","data":{"e":"depthUpd\\u00', id="garbage"),
    ],
)
def test_what_is_no_message_is_counted_and_told(frame: bytes) -> None:
    desk = Desk("BTCUSDT")
    desk.live("BTCUSDT")
    assert desk.hear(frame) == []
    assert desk.router.bad_frames == 1
    assert "bytes beginning" in desk.router.last_bad
    assert desk.router.books["BTCUSDT"].state is State.LIVE


def test_a_bad_diff_makes_its_book_begin_again() -> None:
    desk = Desk("BTCUSDT")
    desk.live("BTCUSDT")
    whole = json.dumps(combined("btcusdt@depth@100ms", diff("BTCUSDT", 11, 12)), separators=(",", ":"))
    assert desk.hear(whole) == []
    assert desk.hear(whole[: len(whole) // 2]) == [Left("bad_frame", 12)]
    assert desk.router.books["BTCUSDT"].state is State.WAITING
    assert desk.batch.events[-1].reason == "bad_frame"
    assert desk.batch.coverage[-1].last_id == 12
    # What is bad while nothing is built up is told as well.
    assert desk.hear(whole[: len(whole) // 2]) == []
    assert [row.reason for row in desk.batch.events[-2:]] == ["bad_frame", "bad_frame"]


def test_a_storm_of_bad_tickers_is_one_row_a_second_and_harms_no_book() -> None:
    desk = Desk("BTCUSDT")
    desk.live("BTCUSDT")
    before = len(desk.batch.events)
    bad = combined("btcusdt@bookTicker", {**ticker("BTCUSDT", 1), "b": "ten"})
    for _ in range(1500):  # a millisecond each
        assert desk.hear(bad) == []
    assert desk.router.bad_frames == 1500
    assert len(desk.batch.events) - before == 2
    assert desk.router.books["BTCUSDT"].state is State.LIVE


def test_numbers_past_the_scale_ask_for_a_new_one() -> None:
    desk = Desk("BTCUSDT")
    desk.live("BTCUSDT")
    fine = diff("BTCUSDT", 11, 12, b=[["10.001", "1.000"]])
    assert desk.hear(combined("btcusdt@depth@100ms", fine)) == [Left("off_scale", 10)]
    assert desk.router.off_scale.keys() == {"BTCUSDT"}

    old = desk.router.books["BTCUSDT"]
    book = desk.router.rescale(Market("v", "BTCUSDT", Scale(3, 3), SPOT), desk.now_ns)
    assert book is not old
    assert (book.index, desk.sink.markets[book.index].scale) == (1, Scale(3, 3))
    assert desk.router.off_scale == {}
    assert desk.router.rescale(Market("v", "BTCUSDT", Scale(3, 3), SPOT), desk.now_ns) is book
    desk.hear(combined("btcusdt@depth@100ms", fine))
    assert (book.state, old.state) == (State.BUFFERING, State.WAITING)


def test_what_nobody_asked_for_is_counted() -> None:
    desk = Desk("BTCUSDT")
    for frame in (
        combined("btcusdt@kline_1m", {"e": "kline", "s": "BTCUSDT"}),
        combined("btcusdt@depth5", {"lastUpdateId": 3, "bids": [], "asks": []}),
        combined("!miniTicker@arr", {"e": "24hrMiniTicker"}),
        {"e": "kline", "s": "BTCUSDT"},
    ):
        assert desk.hear(frame) == []
    assert (desk.router.unrecognised, desk.router.bad_frames) == (4, 0)
    assert desk.router.books["BTCUSDT"].state is State.WAITING


def test_words_about_the_session_are_kept_for_it() -> None:
    desk = Desk("BTCUSDT")
    for frame in (
        {"result": None, "id": 3},
        {"error": {"code": 2, "msg": "no"}, "id": 4},
        {"e": "serverShutdown", "E": 5},
        combined("!serverShutdown", {"e": "serverShutdown", "E": 6}),
    ):
        assert desk.hear(frame) == []
    first, second, third, fourth = desk.router.control
    assert first == CommandReply(3, None)
    assert isinstance(second, CommandReply)
    assert (second.request_id, second.error is not None) == (4, True)
    assert (third, fourth) == (ServerShutdown(5_000_000), ServerShutdown(6_000_000))


def test_a_snapshot_without_a_name_goes_to_the_book_that_waits() -> None:
    desk = Desk("BTCUSDT", "ETHUSDT")
    desk.hear(combined("ethusdt@depth@100ms", diff("ETHUSDT", 5, 10)))
    assert [type(event) for event in desk.hear(SEED)] == [BookReady]
    assert desk.router.books["ETHUSDT"].state is State.LIVE
    assert desk.hear(SEED) == []  # nobody waits
    assert desk.router.unrecognised == 1


def test_full_batches_are_handed_on_and_nothing_is_lost_when_the_sink_is_full() -> None:
    sink = ListSink(limit=2, room={"diff_rows": 4, "level_rows": 64, "trade_rows": 4, "ticker_rows": 4})
    desk = Desk("BTCUSDT", sink=sink)
    desk.live("BTCUSDT")
    sent = 10
    for _ in range(100):
        frame = combined("btcusdt@depth@100ms", diff("BTCUSDT", sent + 1, sent + 1))
        try:
            desk.hear(frame)
        except SinkFull:
            assert desk.router.books["BTCUSDT"].last_id == sent, "nothing was changed"
            sink.release()
            desk.hear(frame)
        sent += 1
    assert not desk.router.flush() or sink.queued <= 2
    desk.router.finish()
    assert sink.diffs("BTCUSDT")[:, DiffCol.LAST_ID].tolist() == list(range(10, 111))
    assert all(batch.counts[Count.DIFFS] <= 4 for batch in sink.batches)


def test_removed_symbols_are_strangers() -> None:
    desk = Desk("BTCUSDT", "ETHUSDT")
    desk.live("BTCUSDT")
    desk.router.remove("BTCUSDT")
    assert desk.hear(combined("btcusdt@bookTicker", ticker("BTCUSDT", 1))) == []
    assert desk.router.unrecognised + desk.router.bad_frames == 1
    assert desk.batch.counts[Count.TICKERS] == 0


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with gzip.open(path, "rb") as file:
        for line in file:
            received_ns, _, frame = line.rstrip().partition(b" ")
            yield int(received_ns), frame


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "symbol", "rule", "scale"),
    [
        pytest.param(SPOT_ETH, "ETHUSDT", SPOT, Scale(8, 8), id="spot-eth"),
        pytest.param(COINM_BTC, "BTCUSD_PERP", FUTURES, Scale(1, 0), id="coinm-btc"),
    ],
)
def test_a_recording_streams_without_a_gap(
    name: str, symbol: str, rule: SequenceRule, scale: Scale
) -> None:
    path = recording(name)
    sink = ListSink(markets=[Market("v", symbol, scale, rule)])
    book = make_book(0, sink.markets[0], specs.SPOT)
    router = Router(sink.markets, [book], sink, profiles.SPOT)
    frames, told = 0, []
    for received_ns, frame in lines(path):
        told += [event for _, event in router.dispatch(frame, received_ns)]
        frames += 1
    assert [type(event) for event in told] == [SnapshotNeeded, BookReady]
    assert book.state is State.LIVE
    assert (router.bad_frames, router.unrecognised) == (0, 0)
    router.finish()
    stored = sum(int(batch.counts[n]) for batch in sink.batches for n in (0, 2, 3))
    old = sum(b'"depthUpdate"' in frame for _, frame in lines(path)) - len(sink.diffs(symbol))
    assert stored == frames - 1 - old, "all but the snapshot and the diffs it held already"
    assert 0 <= old < 100
