"""The loopback venue as a client of Bybit's streams sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import websockets

from leadline.book.errors import BadInput
from leadline.book.synthetic.records import MarketTicker
from leadline.tasks.loopback import Fault, LoopbackVenue
from leadline.tasks.loopback.base.streams import Hub
from leadline.tasks.loopback.venues.bybit.lines import DEPTHS, IDS, MS, TopTopic
from tests.tasks.loopback.conftest import apply, connect, open_venue, until

LINEAR, SPOT = "/v5/public/linear", "/v5/public/spot"
SYMBOL = "ETHUSDT"
NOBODY = "error:handler not found,topic:"


def bybit(**settings: Any):
    return open_venue(**{"kind": "bybit-linear-50", "symbols": [SYMBOL]} | settings)


async def ask(ws, op: str, *topics: str, req_id: str = "1") -> dict[str, Any]:
    await ws.send(json.dumps({"req_id": req_id, "op": op, "args": topics}))
    return await until(ws, lambda message: "op" in message)


async def of(ws, topic: str) -> dict[str, Any]:
    """The next message of a topic."""
    return await until(ws, lambda message: is_of(message, topic))


def is_of(message: dict[str, Any], topic: str) -> bool:
    return message.get("topic") == topic


def levels(message: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    return dict(message["data"]["b"]), dict(message["data"]["a"])


def true_levels(venue: LoopbackVenue, u: int) -> tuple[dict[float, float], dict[float, float]]:
    truth = venue.truth(SYMBOL, u).as_json()
    assert truth["last_id"] == u
    return tuple({float(p): float(q) for p, q in truth[side]} for side in ("bids", "asks"))


def numbers(book) -> tuple[dict[float, float], dict[float, float]]:
    return tuple({float(p): float(q) for p, q in side.items()} for side in book)


# -- handshake and commands ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", SPOT, "/ws", "/v5/public/linear/x", "/stream?streams=a"])
async def test_other_addresses_are_not_served(path):
    async with bybit() as venue:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with connect(venue, path):
                pass
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize(("kind", "path", "said"), [("linear", LINEAR, ""), ("spot", SPOT, "subscribe")])
async def test_a_subscription_is_confirmed_and_begins_with_a_snapshot(kind, path, said):
    topic = f"orderbook.50.{SYMBOL}"
    async with bybit(kind=f"bybit-{kind}-50") as venue, connect(venue, path) as ws:
        reply = await ask(ws, "subscribe", topic, f"publicTrade.{SYMBOL}", req_id="7")
        assert [reply[name] for name in ("success", "ret_msg", "req_id", "op")] == [
            True,
            said,
            "7",
            "subscribe",
        ]
        first = json.loads(await ws.recv())
        assert (first["topic"], first["type"]) == (topic, "snapshot")
        assert list(first) == ["topic", "type", "ts", "data", "cts"]
        assert list(first["data"]) == ["s", "b", "a", "u", "seq"]
        assert (await of(ws, topic))["type"] == "delta"


async def test_a_ping_is_answered():
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ws.send('{"op":"ping"}')
        pong = json.loads(await ws.recv())
        assert (pong["success"], pong["ret_msg"], pong["op"]) == (True, "pong", "ping")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"op":"subscribe","args":["orderbook.50.NOSUCH"]}', NOBODY + "orderbook.50.NOSUCH"),
        ('{"op":"subscribe","args":["orderbook.500.ETHUSDT"]}', NOBODY + "orderbook.500.ETHUSDT"),
        ('{"op":"unsubscribe","args":["x"]}', NOBODY + "x"),
        ('{"op":"subscribe","args":"x"}', "error:args must be topics"),
        ('{"op":"dance"}', "error:unknown op"),
        ("[]", "error:unknown op"),
        ("{", "error:invalid message"),
    ],
)  # fmt: skip
async def test_a_bad_command_is_refused(text, said):
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ws.send(text)
        reply = json.loads(await ws.recv())
        assert (reply["success"], reply["ret_msg"]) == (False, said)


async def test_one_bad_topic_refuses_the_command_as_a_whole():
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        good = f"orderbook.50.{SYMBOL}"
        assert not (await ask(ws, "subscribe", good, "orderbook.50.NOSUCH"))["success"]
        assert (await ask(ws, "subscribe", good))["success"], "the good one was not taken on"
        other = await ask(ws, "unsubscribe", f"orderbook.1.{SYMBOL}")
        assert (other["success"], other["ret_msg"][:20]) == (False, "error:not subscribed")
        again = await ask(ws, "subscribe", good)
        assert (again["success"], again["ret_msg"]) == (False, f"error:already subscribed,topic:{good}")


async def test_spot_takes_ten_topics_in_one_command():
    topics = [f"orderbook.1.S{n}USDT" for n in range(11)]
    symbols = [topic.rpartition(".")[2] for topic in topics]
    async with bybit(kind="bybit-spot", symbols=symbols, levels=20) as venue, connect(venue, SPOT) as ws:
        assert (await ask(ws, "subscribe", *topics))["ret_msg"] == "args size >10"
        assert (await ask(ws, "subscribe", *topics[:10]))["success"]


async def test_an_unsubscribed_topic_is_silent_and_asked_anew_begins_with_a_snapshot():
    book, trades = f"orderbook.50.{SYMBOL}", f"orderbook.1.{SYMBOL}"
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", book, trades)
        await of(ws, book)
        await ask(ws, "unsubscribe", book)
        assert {(await of(ws, trades))["topic"] for _ in range(5)} == {trades}
        assert book not in venue.hub.topics or not venue.hub.topics[book].clients
        await ask(ws, "subscribe", book)
        assert (await of(ws, book))["type"] == "snapshot"


async def test_a_recording_cannot_be_played(tmp_path):
    file = tmp_path / "x"
    file.write_text("")
    with pytest.raises(BadInput, match="recording: Bybit's cannot be played"):
        async with bybit(recording=[file]):
            pass


# -- books -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_book_of_texts_is_the_venues_at_every_u(depth):
    kind = "bybit-linear" if depth == 1000 else f"bybit-linear-{depth}"
    topic = f"orderbook.{depth}.{SYMBOL}"
    async with bybit(kind=kind, levels=80) as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", topic)
        first = await of(ws, topic)
        book, u, seq = levels(first), first["data"]["u"], first["data"]["seq"]
        assert numbers(book) == true_levels(venue, u)
        for _ in range(25):
            message = await of(ws, topic)
            assert (message["type"], message["data"]["u"]) == ("delta", u + 1)
            assert message["data"]["seq"] > seq
            u, seq = message["data"]["u"], message["data"]["seq"]
            apply(book, message["data"])
            assert numbers(book) == true_levels(venue, u)
            assert all(len(side) <= depth for side in book)


async def test_a_second_client_is_told_the_state_of_the_last_message():
    topic = f"orderbook.50.{SYMBOL}"
    async with bybit() as venue, connect(venue, LINEAR) as one, connect(venue, LINEAR) as two:
        await ask(one, "subscribe", topic)
        message = await of(one, topic)
        book = levels(message)
        await ask(two, "subscribe", topic)
        snapshot = await of(two, topic)
        while message["data"]["u"] < snapshot["data"]["u"]:
            message = await of(one, topic)
            apply(book, message["data"])
        assert numbers(book) == numbers(levels(snapshot))
        assert (await of(two, topic))["data"]["u"] == snapshot["data"]["u"] + 1


async def test_a_restart_sends_whole_books_of_u_one_and_counts_on_from_there():
    top, book = (f"orderbook.{depth}.{SYMBOL}" for depth in (1, 50))
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", top, book)
        await of(ws, book)
        entry = venue.inject(Fault("restart", SYMBOL))
        assert (entry.hits[0]["first_id"], entry.done) == (1, True)
        for topic in (book, top):
            first = await until(
                ws, lambda message, t=topic: is_of(message, t) and message["data"]["u"] == 1
            )
            assert first["type"] == "snapshot"
            if topic == book:
                assert numbers(levels(first)) == true_levels(venue, 1)
        after = await of(ws, book)
        assert after["type"] == "delta"
        assert after["data"]["u"] < 100


async def test_the_top_is_whole_counts_its_own_messages_and_shares_seq_with_the_book():
    top, book = f"orderbook.1.{SYMBOL}", f"orderbook.50.{SYMBOL}"
    async with bybit(speed=4.0) as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", top, book)
        us, equal, tops, kept = [], 0, {}, ({}, {})
        while equal < 3:
            message = await until(ws, lambda message: "topic" in message)
            data = message["data"]
            if message["topic"] == top:
                assert message["type"] == "snapshot"
                us.append(data["u"])
                tops[data["seq"]] = levels(message)
                continue
            kept = levels(message) if message["type"] == "snapshot" else kept
            apply(kept, data)
            if data["seq"] in tops:
                equal += 1
                bid, ask_ = max(kept[0], key=float), min(kept[1], key=float)
                assert tops[data["seq"]] == ({bid: kept[0][bid]}, {ask_: kept[1][ask_]})
        assert us == list(range(us[0], us[0] + len(us)))


def test_a_top_waits_for_its_pace_and_a_quiet_one_is_told_again_with_the_same_u():
    told: list[tuple[int, int, int]] = []
    hub = Hub()
    topic = hub.add("orderbook.1.X", "X", "bookTicker", IDS)
    topic.clients[object()] = None
    hub.publish = lambda _, payload: told.append(payload)
    lines = TopTopic(topic, lambda of, _kind, _sides, ts: (of.u, of.seq, ts), 5, ({9: 1}, {10: 1}), 100)
    start = 3_600_000 * MS

    def ticker(at_ms: int, seq: int) -> MarketTicker:
        return MarketTicker(0, start + at_ms * MS, seq, 9, seq, 10, 1)

    for at_ms, seq in ((0, 6), (4, 7), (8, 8), (15, 9)):  # the one at 4 is overtaken, that at 8 too
        lines.hear(hub, ticker(at_ms, seq))
    lines.hear(hub, ticker(18, 10))
    lines.tell(hub, start + 100 * MS)  # a window closes: what waits goes out
    lines.tell(hub, start + 3_099 * MS)
    lines.tell(hub, start + 3_100 * MS)
    assert [(u, seq, (at - start) // MS) for u, seq, at in told] == [
        (101, 6, 0), (102, 9, 15), (103, 10, 100), (103, 10, 3_100),
    ]  # fmt: skip


async def test_trades_are_named_by_number_on_spot_and_by_uuid_on_linear():
    for kind, path in (("bybit-spot-50", SPOT), ("bybit-linear-50", LINEAR)):
        async with bybit(kind=kind) as venue, connect(venue, path) as ws:
            await ask(ws, "subscribe", f"publicTrade.{SYMBOL}")
            (trade,) = (await of(ws, f"publicTrade.{SYMBOL}"))["data"]
            assert trade["i"].isdecimal() is (path == SPOT)
            assert (trade["s"], trade["S"] in ("Buy", "Sell")) == (SYMBOL, True)


async def test_a_connection_ends_without_a_word():
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", f"orderbook.50.{SYMBOL}")
        venue.inject(Fault("shutdown", seconds=0.05))
        said = [json.loads(text) async for text in ws]
        assert all(message["topic"].startswith("orderbook.50") for message in said)


async def test_what_was_sent_stands_in_the_ledger_by_u():
    topic = f"orderbook.50.{SYMBOL}"
    async with bybit() as venue, connect(venue, LINEAR) as ws:
        await ask(ws, "subscribe", topic)
        entry = venue.inject(Fault("drop", SYMBOL))
        messages = [await of(ws, topic) for _ in range(3)]
        seen = [message["data"]["u"] for message in messages]
        (hit,) = entry.hits
        assert hit["first_id"] == hit["last_id"]
        assert hit["last_id"] not in seen
        assert venue.ledger_json()["sent"][topic]["kind"] == "depth"


async def test_the_truth_is_known_by_message_and_not_for_ever():
    async with bybit() as venue:
        with pytest.raises(BadInput, match=r"orderbook.50.ETHUSDT: no message 7 among the last"):
            venue.truth(SYMBOL, 7)
        assert len(venue.truth(SYMBOL).bids) == 50
