"""What Bybit's frames mean, however their keys are ordered, and how bad ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.errors import BadFrame, LeadlineError, OffScale
from leadline.book.messages import (
    BookTicker,
    CommandReply,
    DepthDiff,
    DepthSnapshot,
    Trade,
    TradeKind,
    Unrecognised,
)
from leadline.book.scale import INT64_MAX, Scale
from leadline.book.venues.bybit.decode import (
    BybitDecoder,
    decode_depth,
    decode_message,
    decode_partial,
    decode_snapshot,
    decode_ticker,
    decode_trades,
    split_topic,
)
from tests.book.venues.bybit.frames import (
    DEEP,
    DELTA,
    FILLS,
    LINEAR,
    LINEAR_DELTA,
    LINEAR_SNAPSHOT,
    MS,
    OTHER_PONG,
    PONG,
    RECV_NS,
    REFUSED,
    REST_BOOK,
    SPOT,
    SPOT_DELTA,
    SPOT_SNAPSHOT,
    SPOT_SUBSCRIBED,
    SPOT_TRADES,
    SUBSCRIBED,
    TOP,
    TRADE,
    changed,
)

# -- what they mean --------------------------------------------------------------------------------


def test_a_delta() -> None:
    assert decode_depth(DELTA, LINEAR, RECV_NS) == DepthDiff(
        "BTCUSDT",
        first_id=177400507,
        last_id=177400507,
        prev_id=None,
        ts_event_ns=1687940967466 * MS,
        ts_recv_ns=RECV_NS,
        bids=((3024720, 30028), (3024000, 0)),
        asks=((3024870, 0), (3024930, 892)),
        shared_id=66544703342,
        ts_transaction_ns=1687940967464 * MS,
    )


def test_a_snapshot() -> None:
    assert decode_depth(DEEP[0], Scale(3, 1), RECV_NS) == DepthSnapshot(
        "SOLUSDT",
        27618816,
        RECV_NS,
        bids=((120640, 13745), (120630, 9135)),
        asks=((120650, 852),),
        ts_event_ns=1790398529604 * MS,
        shared_id=282179960106,
        ts_transaction_ns=1790398529590 * MS,
    )


def test_the_top_is_a_book_ticker_of_the_shared_id() -> None:
    assert decode_ticker(TOP, LINEAR, RECV_NS) == BookTicker(
        "BTCUSDT",
        457514742271,
        10937880,
        1273,
        10937890,
        6278,
        1758841134603 * MS,
        RECV_NS,
        1758841134598 * MS,
    )


@pytest.mark.parametrize(("side", "top"), [("b", (0, 0, 10937890, 6278)), ("a", (10937880, 1273, 0, 0))])
def test_a_top_without_orders_on_a_side_is_nothing_at_nothing(side: str, top: tuple) -> None:
    assert decode_ticker(changed(TOP, "data", side, to=[]), LINEAR, RECV_NS).top == top


def test_trades_of_futures_go_by_the_shared_id() -> None:
    (trade,) = decode_trades(TRADE, LINEAR, RECV_NS)
    event_ns, trade_id = 1758841135824 * MS, 457514743450 << 10
    assert trade == Trade("BTCUSDT", trade_id, 10937890, 20, False, 1758841135823 * MS, event_ns, RECV_NS)


def test_trades_of_spot_have_numbers_and_a_taker_who_sold_had_a_buyer_who_made() -> None:
    sold, bought = decode_trades(SPOT_TRADES, SPOT, RECV_NS)
    assert (sold.trade_id, bought.trade_id) == (2290000001211680903, 2290000001211680919)
    assert (sold.buyer_is_maker, bought.buyer_is_maker) == (True, False)
    assert (bought.price_ticks, bought.qty_lots) == (8041340, 4904)


def test_the_fills_of_one_order_keep_their_order_and_their_own_ids() -> None:
    trades = decode_trades(FILLS, LINEAR, RECV_NS)
    assert [trade.qty_lots for trade in trades] == [1, 32, 8]
    assert [trade.trade_id - (549792210006 << 10) for trade in trades] == [0, 1, 2]


def message_of(seqs: list[int]) -> bytes:
    one = json.loads(TRADE)["data"][0]
    return changed(TRADE, "data", to=[{**one, "seq": seq} for seq in seqs])


@given(st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=1024))
def test_ids_of_futures_grow_with_the_shared_id_and_within_it(seqs: list[int]) -> None:
    ids = [trade.trade_id for trade in decode_trades(message_of(sorted(seqs)), LINEAR, 0)]
    assert ids == sorted(set(ids))
    assert ids[-1] <= INT64_MAX


def test_how_trades_are_shared_out_among_messages_changes_no_id() -> None:
    def ids(*seqs: int) -> list[int]:
        return [trade.trade_id for trade in decode_trades(message_of(list(seqs)), LINEAR, 0)]

    assert ids(7, 7, 8, 9, 9) == [*ids(7, 7), *ids(8), *ids(9, 9)]


def test_a_message_of_more_trades_than_there_can_be() -> None:
    with pytest.raises(BadFrame, match=r"data\[1024\]: expected at most 1024 trades of one seq"):
        decode_trades(message_of([7] * 1025), LINEAR, 0)


def test_a_rest_book() -> None:
    assert decode_snapshot(REST_BOOK, "BTCUSDT", SPOT, RECV_NS) == DepthSnapshot(
        "BTCUSDT",
        230704,
        RECV_NS,
        bids=((6548547, 47081829),),
        asks=((6555770, 16606555),),
        ts_event_ns=1716863719031 * MS,
        shared_id=1432604333,
        ts_transaction_ns=1716863718905 * MS,
    )


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (SUBSCRIBED, CommandReply(7, None)),
        (SPOT_SUBSCRIBED, CommandReply(10001, None)),
        (REFUSED, CommandReply(None, "error:handler not found,topic:publicTrade.NOTASYMBOL")),
        (changed(REFUSED, "req_id", to="9"), CommandReply(9, json.loads(REFUSED)["ret_msg"])),
        (changed(REFUSED, "ret_msg", to=""), CommandReply(None, "subscribe refused")),
        (PONG, CommandReply(None, None)),
        (OTHER_PONG, CommandReply(None, None)),
        (b'{"topic":"tickers.BTCUSDT","data":{}}', Unrecognised("tickers.BTCUSDT")),
        (b'{"hello":1}', Unrecognised("unknown")),
    ],
)
def test_what_is_said_of_commands_and_the_rest(frame: bytes, told: object) -> None:
    assert decode_message(frame, LINEAR, RECV_NS) == told


@pytest.mark.parametrize(
    ("topic", "parts"),
    [
        ("orderbook.200.BTCUSDT", ("orderbook", 200, "BTCUSDT")),
        ("orderbook.1.10000000AIDOGEUSDT", ("orderbook", 1, "10000000AIDOGEUSDT")),
        ("orderbook.50.BTC-26DEC25", ("orderbook", 50, "BTC-26DEC25")),
        ("publicTrade.BTCPERP", ("publicTrade", 0, "BTCPERP")),
        ("orderbook.full.BTCUSDT", ("", 0, "")),
        ("orderbook", ("", 0, "")),
        ("", ("", 0, "")),
    ],
)
def test_topics(topic: str, parts: tuple) -> None:
    assert split_topic(topic) == parts


@pytest.mark.parametrize(
    ("frames", "scale"),
    [((SPOT_SNAPSHOT, SPOT_DELTA), SPOT), ((LINEAR_SNAPSHOT, LINEAR_DELTA), LINEAR)],
)
def test_books_that_others_met_join_and_keep_fifty_levels(
    frames: tuple[bytes, bytes], scale: Scale
) -> None:
    """What leaves the best fifty is deleted by the delta, and what comes in is sent with it."""
    snapshot, delta = (decode_depth(frame, scale, RECV_NS) for frame in frames)
    assert isinstance(snapshot, DepthSnapshot)
    assert isinstance(delta, DepthDiff)
    assert (len(snapshot.bids), len(snapshot.asks)) == (50, 50)
    assert delta.first_id == delta.last_id == snapshot.last_id + 1
    assert delta.shared_id is not None
    assert snapshot.shared_id is not None
    assert delta.shared_id > snapshot.shared_id + 1, "the engine's ids are not consecutive"
    ladder = PlainLadder()
    ladder.seed(snapshot)
    ladder.apply(delta)
    assert ladder.level_counts() == (50, 50)


# -- however they are written ----------------------------------------------------------------------


def shuffled(value: Any, draw: Callable[[list], list]) -> Any:
    """The same value with the keys of every object in another order, and one more."""
    if isinstance(value, dict):
        keys = draw([*value, "new"])
        return {key: shuffled(value.get(key, [1]), draw) for key in keys}
    return [shuffled(each, draw) for each in value] if isinstance(value, list) else value


DECODERS: dict[bytes, Callable[[bytes], Any]] = {
    LINEAR_DELTA: lambda frame: decode_depth(frame, LINEAR, RECV_NS),
    DEEP[0]: lambda frame: decode_depth(frame, Scale(3, 1), RECV_NS),
    TOP: lambda frame: decode_ticker(frame, LINEAR, RECV_NS),
    FILLS: lambda frame: decode_trades(frame, LINEAR, RECV_NS),
    REST_BOOK: lambda frame: decode_snapshot(frame, "BTCUSDT", SPOT, RECV_NS),
    SUBSCRIBED: lambda frame: decode_message(frame, LINEAR, RECV_NS),
}


@given(st.data(), st.sampled_from(list(DECODERS)))
def test_neither_the_order_of_keys_nor_new_ones_matter(data: Any, frame: bytes) -> None:
    other = shuffled(json.loads(frame), lambda keys: data.draw(st.permutations(keys)))
    assert DECODERS[frame](json.dumps(other).encode()) == DECODERS[frame](frame)


def test_early_frames_had_no_time_of_the_engine() -> None:
    early = decode_depth(changed(DELTA, "cts", drop=True), LINEAR, RECV_NS)
    assert early.ts_transaction_ns is None
    assert early == replace(decode_depth(DELTA, LINEAR, RECV_NS), ts_transaction_ns=None)


@pytest.mark.parametrize(
    ("field", "kind"), [("BT", TradeKind.BLOCK), ("RPI", TradeKind.RPI), ("L", TradeKind.MARKET)]
)
def test_a_trade_that_no_book_shows_has_a_kind_of_its_own(field: str, kind: TradeKind) -> None:
    (trade,) = decode_trades(changed(TRADE, "data", 0, field, to=True), LINEAR, RECV_NS)
    assert trade.kind is kind


def test_the_decoder_offers_all_of_them() -> None:
    decoder = BybitDecoder()
    assert decoder.depth(b"\n" + DELTA, LINEAR, 1, start=1) == decode_depth(DELTA, LINEAR, 1)
    assert decoder.ticker(TOP, LINEAR, 1).update_id == 457514742271
    assert len(decoder.trades(FILLS, LINEAR, 1)) == 3
    assert decoder.snapshot(REST_BOOK, "BTCUSDT", SPOT, 1).last_id == 230704
    assert decoder.message(PONG, LINEAR, 1) == CommandReply(None, None)
    with pytest.raises(BadFrame, match="BTCUSDT: expected no partial depth"):
        decoder.partial(TOP, "BTCUSDT", LINEAR, 1)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"", "not JSON: .* 0 bytes"),
        (b"pong", "not JSON"),
        (DELTA[:90], "not JSON: Input data was truncated"),
        (changed(DELTA, "data", "u", drop=True), "data: .*missing required field `u`"),
        (changed(DELTA, "data", "seq", drop=True), "missing required field `seq`"),
        (changed(DELTA, "data", "u", to=0), r"data\.u: .*>= 1.*stood there: 0"),
        (changed(DELTA, "data", "u", to="7"), r'data\.u: .*stood there: "7"'),
        (changed(DELTA, "data", "u", to=2**63), r"data\.u: .*stood there: 9223372036854775808"),
        (changed(DELTA, "data", "u", to=1), "type: expected snapshot, as u is 1, got 'delta'"),
        (changed(DELTA, "type", to="update"), 'type: .*stood there: "update"'),
        (changed(DELTA, "ts", to="1687940967466"), 'ts: .*stood there: "1687940967466"'),
        (changed(DELTA, "ts", to=2**62), "ts: expected a time"),
        (
            changed(DELTA, "topic", to="orderbook.50.ETHUSDT"),
            "topic: expected orderbook.N.BTCUSDT, got 'orderbook.50.ETHUSDT'",
        ),
        (changed(DELTA, "topic", to="publicTrade.BTCUSDT"), "topic: expected orderbook"),
        (changed(DELTA, "data", "b", 0, to=["30247.20"]), r"data\.b\[0\]: .*length 2"),
        (changed(DELTA, "data", "b", 1, 1, to=0), r"data\.b\[1\]\[1\]: .*stood there: 0"),
        (changed(DELTA, "data", "b", 1, 0, to="-30240"), r"b\[1\] price: .*got '-30240'"),
        (changed(DELTA, "data", "a", 0, 1, to="NaN"), r"a\[0\] quantity: .*got 'NaN'"),
        (changed(DELTA, "data", "a", 0, 1, to="1e3"), r"a\[0\] quantity: .*got '1e3'"),
        (changed(LINEAR_SNAPSHOT, "topic", to="orderbook.49.BTCUSDT"), "at most 49 levels .* got 50"),
        (changed(LINEAR_SNAPSHOT, "data", "b", 1, 0, to="71423.90"), r"b\[1\] price: expected below"),
        (changed(LINEAR_SNAPSHOT, "data", "a", 1, 0, to="71423.90"), r"a\[1\] price: expected above"),
    ],
)
def test_bad_books(frame: bytes, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        decode_depth(frame, LINEAR, RECV_NS)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (changed(TOP, "type", to="delta"), "type: expected snapshot on orderbook.1.BTCUSDT, got 'delta'"),
        (changed(TOP, "data", "b", to=[["2", "1"], ["1", "1"]]), "expected one level a side .* got 2"),
        (changed(TOP, "data", "a", 0, 0, to="x"), r"a\[0\] price: .*got 'x'"),
    ],
)
def test_bad_tops(frame: bytes, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        decode_ticker(frame, LINEAR, RECV_NS)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (changed(TRADE, "data", to={}), "data: .*Expected `array`"),
        (changed(TRADE, "data", 0, "S", to="buy"), r'data\[0\]\.S: .*stood there: "buy"'),
        (
            changed(TRADE, "data", 0, "seq", drop=True),
            r"data\[0\]\.i: expected digits, as there is no seq, got",
        ),
        (changed(TRADE, "data", 0, "seq", to=2**53), r"data\[0\]\.seq: .*stood there: 9007199254740992"),
        (changed(TRADE, "data", 0, "i", to=""), r"data\[0\]\.i: .*length >= 1"),
        (changed(TRADE, "data", 0, "p", to=""), r"data\[0\]\.p: .*got ''"),
        (changed(TRADE, "data", 0, "v", to="0,1"), r"data\[0\]\.v: .*got '0,1'"),
        (changed(TRADE, "data", 0, "T", to=2**62), r"data\[0\]\.T: expected a time"),
    ],
)
def test_bad_trades(frame: bytes, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        decode_trades(frame, LINEAR, RECV_NS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (changed(REST_BOOK, "retCode", to=10001), "retCode: expected 0, got 10001 'OK'"),
        (changed(REST_BOOK, "result", "s", to="ETHUSDT"), "s: expected 'BTCUSDT', got 'ETHUSDT'"),
        (changed(REST_BOOK, "result", to=[]), "Expected `object`"),
        (b"<html>", "not JSON"),
    ],
)
def test_bad_rest_books(body: bytes, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        decode_snapshot(body, "BTCUSDT", SPOT, RECV_NS)


@pytest.mark.parametrize(
    "decode", [lambda scale: decode_depth(SPOT_DELTA, scale, 0), lambda scale: decode_ticker(TOP, scale, 0)]
)
def test_a_scale_that_cannot_hold_a_number_is_named(decode: Callable[[Scale], Any]) -> None:
    with pytest.raises(OffScale, match=r"[ab]\[0\] (price|quantity): "):
        decode(Scale(0, 1))


def test_a_symbol_nobody_asked_for() -> None:
    def scale_of(symbol: str) -> Scale:
        raise KeyError(symbol)

    with pytest.raises(BadFrame, match="expected a symbol that was asked for, got 'BTCUSDT'"):
        decode_depth(DELTA, scale_of, 0)


@given(st.sampled_from(list(DECODERS)), st.integers(0, 10_000), st.binary(max_size=6), st.integers(0, 6))
def test_whatever_is_broken_is_refused_or_read_and_nothing_else_is_raised(
    frame: bytes, at: int, put: bytes, cut: int
) -> None:
    at %= len(frame)
    broken = frame[:at] + put + frame[at + cut :]
    for decode in (*DECODERS.values(), lambda each: decode_partial(each, "X", LINEAR, 0)):
        with suppress(LeadlineError):
            decode(broken)
