"""What Binance's frames and answers say on their outside."""

from __future__ import annotations

import json

import pytest

from leadline.book.errors import BadFrame
from leadline.book.messages import CommandReply
from leadline.tasks.venues.binance.profiles import SPOT, USDM
from leadline.tasks.venues.common.adapter import Head, StreamKind, Trouble

ADAPTER = SPOT.adapter
DIFF = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":7,"s":"BTCUSDT","U":5,"u":9}}'
PAYLOAD = DIFF[DIFF.index(b',"data":') + 8 : -1]


@pytest.mark.parametrize(
    ("frame", "is_data"),
    [
        (DIFF, True),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', False),
        (b'{"result":null,"id":1}', False),
        (b"", False),
    ],
)
def test_which_frames_belong_to_a_stream(frame: bytes, is_data: bool) -> None:
    assert ADAPTER.is_data(frame) is is_data


@pytest.mark.parametrize(
    ("frame", "time"),
    [(DIFF, 7), (b'{"u":1,"s":"BTCUSDT"}', None), (b'{"u":1,"E":x}', None), (b"", None), (b'"E":', None)],
)
def test_event_times_are_read_where_there_are_any(frame: bytes, time: int | None) -> None:
    assert ADAPTER.event_time(frame) == time


@pytest.mark.parametrize(
    ("frame", "head"),
    [
        (DIFF, Head("btcusdt@depth@100ms", PAYLOAD, 0)),
        (PAYLOAD, Head("btcusdt@depth", PAYLOAD, 0)),
        (b' {"u":1,"s":"A","B":"1"}', Head("a@bookTicker", b' {"u":1,"s":"A","B":"1"}', 1)),
        (b'{"lastUpdateId":5}', Head(None, b'{"lastUpdateId":5}', 0, is_snapshot=True)),
        (
            b'{"stream":"a@snapshot","data":{"lastUpdateId":5}}',
            Head("a@snapshot", b'{"lastUpdateId":5}', 0, is_snapshot=True),
        ),
        (
            b'{"stream":"a@depthSnapshot","generated":true,"data":{"lastUpdateId":5}}',
            Head("a@depthSnapshot", b'{"lastUpdateId":5}', 0, is_snapshot=True),
        ),
        (b'{"result":null,"id":1}', Head(None, b'{"result":null,"id":1}', 0)),
    ],
)
def test_what_a_frame_is(frame: bytes, head: Head) -> None:
    assert ADAPTER.read_head(frame) == head


@pytest.mark.parametrize("frame", [b"", b"[]", b"\xff", b'{"stream":1}', b'{"s":'])
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrame, match="not a message"):
        ADAPTER.read_head(frame)


def test_a_command_and_its_reply_bear_the_same_id() -> None:
    asked = json.loads(ADAPTER.command("SUBSCRIBE", ["a@trade", "b@trade"], 17))
    assert asked == {"method": "SUBSCRIBE", "params": ["a@trade", "b@trade"], "id": 17}
    reply = b'{"result":null,"id":%d}' % asked["id"]
    assert SPOT.spec.decoder.message(reply, {}.__getitem__, 1, time_unit_ns=1) == CommandReply(17, None)


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (200, b"{}", None),
        (204, b"", None),
        (429, b"{}", Trouble.LIMITED),
        (418, b"{}", Trouble.BANNED),
        (403, b"<html>", Trouble.FIREWALL),
        (451, b"", Trouble.PLACE),
        (500, b"", Trouble.BROKEN),
        (503, b'{"code":-1121}', Trouble.BROKEN),
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', Trouble.UNKNOWN_SYMBOL),
        (400, b'{"code":-1100}', Trouble.REFUSED),
        (400, b"<html>", Trouble.REFUSED),
        (302, b"", Trouble.REFUSED),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, trouble: Trouble | None) -> None:
    refusal = ADAPTER.refusal(status, {}, body)
    assert (refusal and refusal.trouble) is trouble


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-1", None), ("inf", None), ("nan", None), ("soon", None)],
)
def test_how_long_to_wait_is_believed_where_it_is_a_time(text: str, seconds: float | None) -> None:
    refusal = ADAPTER.refusal(429, {"retry-after": text}, b"")
    assert refusal is not None
    assert refusal.retry_after_s == seconds


@pytest.mark.parametrize(
    ("text", "used"), [("17", 17), ("", None), ("x", None), ("-1", None), ("\uff11", None)]
)
def test_the_used_weight_is_a_number_or_untold(text: str, used: int | None) -> None:
    assert ADAPTER.used_weight({"x-mbx-used-weight-1m": text}) == used
    assert ADAPTER.used_weight({}) is None


@pytest.mark.parametrize(
    ("unit_ns", "headers", "query"),
    [
        (1_000_000, {}, ""),
        (1_000, {"X-MBX-TIME-UNIT": "MICROSECOND"}, "timeUnit=MICROSECOND"),
    ],
)
def test_times_come_in_the_unit_that_is_asked_for(unit_ns: int, headers: object, query: str) -> None:
    profile = SPOT.in_unit(unit_ns)
    adapter, base = profile.adapter, profile.ws_bases[0]
    assert (adapter.headers, profile.time_unit_ns) == (headers, unit_ns)
    assert adapter.server_ns(b'{"serverTime":1700000000123}') == 1_700_000_000_123 * unit_ns
    url, subscribes = adapter.address(base, StreamKind.DEPTH, ["btcusdt@trade"])
    assert subscribes
    assert url == f"{base.url}/stream?streams=btcusdt@trade" + (f"&{query}" if query else "")
    assert adapter.address(base, StreamKind.DEPTH, []).url == f"{base.url}/stream" + (
        f"?{query}" if query else ""
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"serverTime":"1"}'])
def test_a_clock_without_a_time_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame, match="serverTime"):
        ADAPTER.server_ns(body)


def test_what_is_listed_is_asked_for_by_name_or_whole() -> None:
    symbols = [f"S{n}" for n in range(120)]
    requests = ADAPTER.listing_requests(symbols)
    named = [json.loads(request.params["symbols"]) for request in requests]
    assert [len(names) for names in named] == [50, 50, 20]
    assert [symbol for names in named for symbol in names] == symbols
    assert [list(request.symbols) for request in requests] == named
    assert USDM.adapter.listing_requests(symbols) == [("exchangeInfo", {}, ())]


def test_streams_we_do_not_use_have_no_kind() -> None:
    kinds = {
        name: ADAPTER.parse_stream(name).kind for name in ("a@depth5", "a@kline_1m", "!ticker@arr", "a")
    }
    assert set(kinds.values()) == {None}
    assert ADAPTER.parse_stream("a@depth20@1000ms").kind is StreamKind.DEPTH20
