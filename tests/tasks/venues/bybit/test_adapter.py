"""What Bybit's frames and answers say on their outside, and what is asked of it."""

from __future__ import annotations

import json

import pytest

from leadline.book.errors import BadFrame
from leadline.book.messages import CommandReply
from leadline.book.venues.bybit.specs import DEPTHS
from leadline.tasks.venues.bybit.adapter import BAN_S
from leadline.tasks.venues.bybit.profiles import LINEAR, PROFILES, SPOT
from leadline.tasks.venues.common.adapter import Request, StreamKind, Trouble
from leadline.tasks.venues.common.profile import VenueProfile
from tests.book.venues.bybit.frames import (
    DEEP,
    DELTA,
    FILLS,
    LINEAR_INSTRUMENTS,
    LINEAR_SNAPSHOT,
    OTHER_PONG,
    PONG,
    REFUSED,
    REST_BOOK,
    SPOT_SUBSCRIBED,
    SPOT_TRADES,
    SUBSCRIBED,
    TOP,
    TRADE,
    changed,
)

ADAPTER = LINEAR[50].adapter
TOPICS = (LINEAR_SNAPSHOT, DELTA, TOP, TRADE, FILLS, SPOT_TRADES, *DEEP)
REPLIES = (SUBSCRIBED, SPOT_SUBSCRIBED, REFUSED, PONG, OTHER_PONG)
TIME = b'{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"}}'


def topic_last(frame: bytes) -> bytes:
    """The same frame with its topic behind everything else."""
    value = json.loads(frame)
    value["topic"] = value.pop("topic")
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("frame", TOPICS)
def test_a_frame_of_a_topic_is_data_wherever_its_topic_stands(frame: bytes) -> None:
    for each in (frame, topic_last(frame)):
        head = ADAPTER.read_head(each)
        assert (head.stream, head.payload, head.start) == (json.loads(frame)["topic"], each, 0)
        assert not head.is_snapshot
        assert ADAPTER.is_data(each)
        assert ADAPTER.event_time(each) == json.loads(frame)["ts"]


@pytest.mark.parametrize("frame", TOPICS)
def test_the_usual_frame_begins_with_its_key(frame: bytes) -> None:
    key = ADAPTER.framing.key(json.loads(frame)["topic"])
    assert frame.startswith(key)
    assert ADAPTER.framing.start(key) == 0, "the decoder wants the whole frame"


@pytest.mark.parametrize("frame", REPLIES)
def test_a_reply_is_no_data_and_of_no_topic(frame: bytes) -> None:
    assert not ADAPTER.is_data(frame)
    assert ADAPTER.read_head(frame).stream is None
    assert ADAPTER.read_ids(frame) is None


@pytest.mark.parametrize("frame", [b"", b"[]", b"\xff", b'{"topic":1}', b'{"topic":'])
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        ADAPTER.read_head(frame)


@pytest.mark.parametrize(
    ("frame", "ids"),
    [
        (DELTA, (b"orderbook.50.BTCUSDT", 177400507, 177400506)),
        (DEEP[0], (b"orderbook.1000.SOLUSDT", 27618816, -1)),
        (TOP, (b"orderbook.1.BTCUSDT", 14869255, -1)),
        (TRADE, (b"publicTrade.BTCUSDT", 457514743450, -1)),
        (changed(DELTA, "data", "u", drop=True), None),
    ],
)
def test_the_place_of_a_frame_is_read_off_it(frame: bytes, ids: tuple[bytes, int, int] | None) -> None:
    assert ADAPTER.read_ids(frame) == ids


@pytest.mark.parametrize("levels", DEPTHS)
def test_a_book_of_another_depth_is_not_ours(levels: int) -> None:
    adapter = LINEAR[levels].adapter
    kinds = {n: adapter.parse_stream(f"orderbook.{n}.BTCUSDT").kind for n in (*DEPTHS, 500, 25, 1)}
    assert kinds == dict.fromkeys((*DEPTHS, 500, 25)) | {levels: StreamKind.DEPTH, 1: StreamKind.TICKER}


@pytest.mark.parametrize("name", ["tickers.B", "orderbook.B", "orderbook..B", "kline.1.B", "", "."])
def test_streams_we_do_not_use_have_no_kind(name: str) -> None:
    assert ADAPTER.parse_stream(name).kind is None


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_address_is_the_markets_and_asks_for_nothing(profile: VenueProfile) -> None:
    market = profile.name.split("-")[1]
    streams = [profile.stream("BTCUSDT", kind) for kind in profile.streams]
    address = profile.adapter.address(profile.ws_bases[0], StreamKind.DEPTH, streams)
    assert address == (f"wss://stream.bybit.com/v5/public/{market}", False)


@pytest.mark.parametrize("command", ["SUBSCRIBE", "UNSUBSCRIBE"])
def test_a_command_and_its_reply_bear_the_same_id(command) -> None:
    asked = json.loads(ADAPTER.command(command, ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"], 17))
    assert asked == {
        "req_id": "17",
        "op": command.lower(),
        "args": ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"],
    }
    reply = changed(SUBSCRIBED, "req_id", to=asked["req_id"])
    read = LINEAR[50].spec.decoder.message
    assert read(reply, {}.__getitem__, 1, time_unit_ns=1) == CommandReply(17, None)


def test_no_command_names_more_topics_than_spot_takes() -> None:
    assert {profile.streams_per_command for profile in PROFILES} == {10}
    longest = len('"publicTrade.1000000CATERPILLARUSDT",')
    assert all(longest * profile.streams_per_connection <= 21_000 for profile in PROFILES)


# -- REST ------------------------------------------------------------------------------------------


def code(ret_code: int, message: str) -> bytes:
    return json.dumps({"retCode": ret_code, "retMsg": message, "result": {}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (200, REST_BOOK, None),
        (200, b"<html>", None),  # its reader says what is wrong
        (200, code(10001, "params error: symbol invalid"), Trouble.UNKNOWN_SYMBOL),
        (200, code(10001, "Not supported symbols"), Trouble.UNKNOWN_SYMBOL),
        (200, code(10001, "params error: limit invalid"), Trouble.REFUSED),
        (200, code(10006, "Too many visits!"), Trouble.LIMITED),
        (200, code(10018, "Exceeded the IP Rate Limit."), Trouble.LIMITED),
        (200, code(10009, "IP has been banned."), Trouble.BANNED),
        (200, code(10016, "Server error."), Trouble.BROKEN),
        (200, code(99999, "?"), Trouble.REFUSED),
        (403, b"403, access too frequent", Trouble.BANNED),
        (403, b"configured to block access from your country.", Trouble.PLACE),
        (429, b"", Trouble.LIMITED),
        (404, b"", Trouble.REFUSED),
        (302, b"", Trouble.REFUSED),
        (500, b"", Trouble.BROKEN),
        (503, code(10001, "symbol"), Trouble.BROKEN),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, trouble: Trouble | None) -> None:
    refusal = ADAPTER.refusal(status, {}, body)
    assert (refusal and refusal.trouble) is trouble
    if refusal is not None:
        assert refusal.retry_after_s == (BAN_S if trouble is Trouble.BANNED else None)


def test_the_clock_is_read_to_the_millisecond() -> None:
    assert ADAPTER.server_ns(TIME) == 1688639403423_000_000


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", changed(TIME, "result", "timeNano", to=1), changed(TIME, "result", "timeNano", to="soon"),
     code(10016, "Server error.")],
)  # fmt: skip
def test_a_clock_without_a_time_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        ADAPTER.server_ns(body)


def test_an_order_book_is_asked_for_by_market_symbol_and_depth() -> None:
    request = SPOT[200].adapter.depth_request("BTCUSDT", 1000)
    assert request == Request("orderbook", {"category": "spot", "symbol": "BTCUSDT", "limit": "1000"})


def test_symbols_are_asked_for_by_name_and_all_of_spot_at_once_where_they_are_many() -> None:
    few, many = [f"S{n}" for n in range(10)], [f"S{n}" for n in range(120)]
    for adapter, symbols in ((SPOT[50].adapter, few), (LINEAR[50].adapter, many)):
        requests = adapter.listing_requests(symbols)
        assert [request.params["symbol"] for request in requests] == symbols
        assert [request.symbols for request in requests] == [(symbol,) for symbol in symbols]
        assert {request.path for request in requests} == {"instruments-info"}
    assert SPOT[50].adapter.listing_requests(many) == [Request("instruments-info", {"category": "spot"})]


def test_a_listing_is_read_by_the_market() -> None:
    assert set(LINEAR[50].spec.parse_listing(LINEAR_INSTRUMENTS, None)) == {"BTCUSDT"}


def test_no_header_tells_a_used_weight() -> None:
    assert ADAPTER.used_weight({"x-bapi-limit-status": "99"}) is None
