"""The loopback venue's WebSocket side as a client sees it: doors, commands, payloads, limits, life."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from itertools import pairwise
from urllib.parse import quote

import httpx
import pytest
import websockets

from leadline.tasks.loopback import Fault, LoopbackVenue, Options
from tests.tasks.loopback.conftest import PREFIX, apply, ask, connect, open_venue, take, until

SPOT_DEPTH = ["e", "E", "s", "U", "u", "b", "a"]
USDM_DEPTH = ["e", "E", "T", "s", "U", "u", "pu", "b", "a"]
COINM_DEPTH = ["e", "E", "T", "s", "ps", "U", "u", "pu", "b", "a"]


# -- doors ---------------------------------------------------------------------------------------


async def test_combined_door_wraps_and_raw_door_does_not(venue):
    async with connect(venue, "/stream?streams=ethusdt@depth@100ms") as ws:
        message = json.loads(await ws.recv())
        assert list(message) == ["stream", "data"]
        assert message["stream"] == "ethusdt@depth@100ms"
    async with connect(venue, "/ws/ethusdt@depth@100ms/ethusdt@trade") as ws:
        assert list((await take(ws, 1))[0]) == SPOT_DEPTH
        assert (await take(ws, 1, "trade"))[0]["s"] == "ETHUSDT"


async def test_names_beyond_ascii(venue):
    name = "币安人生usdt@depth@100ms"
    async with connect(venue, f"/stream?streams={quote(name)}") as ws:
        message = json.loads(await ws.recv())
        assert (message["stream"], message["data"]["s"]) == (name, "币安人生USDT")


@pytest.mark.parametrize("path", ["/", "/nothing", "/public/nothing"])
async def test_other_doors_are_closed(venue, path):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connect(venue, path):
            pass
    assert caught.value.response.status_code == 404


async def test_futures_streams_on_the_wrong_path_are_accepted_and_silent():
    async with open_venue(kind="usdm", symbols=["BTCUSDT"]) as venue:
        async with connect(venue, "/market/stream?streams=btcusdt@depth@100ms/btcusdt@aggTrade") as ws:
            messages = [json.loads(await ws.recv()) for _ in range(5)]
            assert {each["stream"] for each in messages} == {"btcusdt@aggTrade"}
            assert await ask(ws, "LIST_SUBSCRIPTIONS", []) == {
                "result": ["btcusdt@depth@100ms", "btcusdt@aggTrade"],
                "id": 1,
            }
        async with connect(venue, "/public/ws/btcusdt@depth@100ms") as ws:
            assert (await take(ws, 1))[0]["s"] == "BTCUSDT"


# -- commands ------------------------------------------------------------------------------------


async def test_subscribe_list_unsubscribe(venue):
    async with connect(venue, "/stream") as ws:
        assert await ask(ws, "SUBSCRIBE", ["ethusdt@depth@100ms", "nosuch@trade"]) == {
            "result": None,
            "id": 1,
        }
        await take(ws, 2)
        listed = await ask(ws, "LIST_SUBSCRIPTIONS", [], 2)
        assert listed["result"] == ["ethusdt@depth@100ms", "nosuch@trade"]
        assert (await ask(ws, "UNSUBSCRIBE", ["ethusdt@depth@100ms"], 3))["result"] is None
        topic = venue.source.topic("ethusdt@depth@100ms")
        assert topic is not None
        assert not topic.clients
        assert (await ask(ws, "LIST_SUBSCRIPTIONS", [], 4))["result"] == ["nosuch@trade"]


async def test_combined_is_a_property(venue):
    async with connect(venue, "/ws/ethusdt@depth@100ms") as ws:
        assert (await ask(ws, "GET_PROPERTY", ["combined"]))["result"] is False
        assert (await ask(ws, "SET_PROPERTY", ["combined", True], 2))["result"] is None
        await until(ws, lambda message: "stream" in message)


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        pytest.param("{", 3, "Invalid JSON", id="no-json"),
        pytest.param('{"id": 1}', 2, "missing field `method`", id="no-method"),
        pytest.param('{"method": "SUBSCRIB", "id": 1}', 2, "unknown variant `SUBSCRIB`", id="method"),
        pytest.param('{"method": "SUBSCRIBE", "id": 1.5}', 2, "unsigned integer", id="id"),
        pytest.param('{"method": "SUBSCRIBE", "params": "a@b", "id": 1}', 2, "a sequence", id="params"),
        pytest.param('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2, "must be strings", id="names"),
        pytest.param(
            '{"method": "SET_PROPERTY", "params": [1], "id": 1}', 2, "must be a string", id="prop"
        ),
        pytest.param(
            '{"method": "SET_PROPERTY", "params": ["x", true], "id": 1}', 0, "Unknown", id="which"
        ),
        pytest.param(
            '{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1, "Boolean", id="bool"
        ),
    ],
)
async def test_wrong_commands_get_the_documented_error(venue, sent, code, words):
    async with connect(venue, "/ws") as ws:
        await ws.send(sent)
        error = json.loads(await ws.recv())["error"]
        assert error["code"] == code
        assert words in error["msg"]


async def test_more_than_1024_streams_are_refused(venue):
    async with connect(venue, "/ws") as ws:
        reply = await ask(ws, "SUBSCRIBE", [f"s{n}@trade" for n in range(1025)])
        assert reply["error"]["msg"].endswith("too many parameters")
        assert (await ask(ws, "LIST_SUBSCRIPTIONS", [], 2))["result"] == []


@pytest.mark.parametrize(("kind", "allowed"), [("spot", 5), ("usdm", 10)])
async def test_more_messages_a_second_than_allowed_end_the_connection(kind, allowed):
    async with open_venue(kind=kind) as venue, connect(venue, "/ws") as ws:
        await asyncio.gather(*(ws.send("{}") for _ in range(allowed)))
        for _ in range(allowed):
            assert "error" in json.loads(await ws.recv())
        for _ in range(allowed):  # whatever the second, one of them is too many
            await ws.ping()
        await ws.send("{}")
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await until(ws, lambda _: False)
        assert caught.value.rcvd.code == 1008
        assert venue.ledger.notes[0]["what"] == "too_many_messages"


# -- payloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "symbol", "keys", "decimals"),
    [
        pytest.param("spot", "BTCUSDT", SPOT_DEPTH, (8, 8), id="spot"),
        pytest.param("usdm", "BTCUSDT", USDM_DEPTH, (2, 3), id="usdm"),
        pytest.param("coinm", "BTCUSD_PERP", COINM_DEPTH, (1, 0), id="coinm"),
    ],
)
async def test_payloads_are_spelled_as_in_the_recordings(kind, symbol, keys, decimals):
    name = symbol.lower()
    streams = f"{name}@depth@100ms/{name}@bookTicker/{name}@trade"
    async with open_venue(kind=kind, symbols=[symbol]) as venue, connect(venue, f"/ws/{streams}") as ws:
        (diff,) = await take(ws, 1)
        assert list(diff) == keys
        for price, qty in diff["b"] + diff["a"]:
            assert (len(price.partition(".")[2]), len(qty.partition(".")[2])) == decimals
        bids = [float(price) for price, _ in diff["b"]]
        assert bids == sorted(bids, reverse=kind == "spot")
        assert [float(p) for p, _ in diff["a"]] == sorted(float(p) for p, _ in diff["a"])
        (trade,) = await take(ws, 1, "trade")
        ending = ["T", "m", "M"] if kind == "spot" else ["X", "m"]
        assert list(trade)[-len(ending) :] == ending
        ticker = await until(ws, lambda message: "A" in message)
        assert (
            list(ticker)
            == {
                "spot": ["u", "s", "b", "B", "a", "A"],
                "usdm": ["e", "u", "s", "b", "B", "a", "A", "T", "E"],
                "coinm": ["u", "e", "s", "ps", "b", "B", "a", "A", "T", "E"],
            }[kind]
        )


@pytest.mark.parametrize("kind", ["spot", "usdm", "coinm"])
async def test_partial_depth_is_the_best_of_the_book_at_its_id(kind):
    symbol = "X_PERP" if kind == "coinm" else "BTCUSDT"
    path = "/ws" if kind == "spot" else "/public/ws"
    at, names = ("lastUpdateId", ("bids", "asks")) if kind == "spot" else ("u", ("b", "a"))
    async with (
        open_venue(kind=kind, symbols=[symbol]) as venue,
        connect(venue, f"{path}/{symbol.lower()}@depth20@100ms") as ws,
    ):
        listing = await until(ws, lambda message: at in message)
        true = venue.truth(symbol, listing[at]).as_json()
        for name, side in zip(names, ("bids", "asks"), strict=True):
            assert len(listing[name]) == 20
            assert list(numbers(listing[name]).items()) == list(numbers(true[side][:20]).items())


def numbers(levels):
    return {float(price): float(qty) for price, qty in levels}


@pytest.mark.parametrize(
    ("kind", "symbol"), [("spot", "BTCUSDT"), ("usdm", "BTCUSDT"), ("coinm", "X_PERP")]
)
async def test_snapshot_and_diffs_give_the_truth_at_every_id(kind, symbol):
    streams = f"{symbol.lower()}@depth@100ms/{symbol.lower()}@bookTicker"
    limit = 5000 if kind == "spot" else 1000
    async with (
        open_venue(kind=kind, symbols=[symbol], levels=600) as venue,
        connect(venue, f"/stream?streams={streams}") as ws,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        first = (await take(ws, 1))[0]
        answer = await http.get(PREFIX[kind] + "/depth", params={"symbol": symbol, "limit": limit})
        seed = answer.json()
        assert seed["lastUpdateId"] >= first["U"]
        at_seed = venue.truth(symbol, seed["lastUpdateId"]).as_json()
        assert [[float(a) for a in level] for level in at_seed["bids"][:limit]] == [
            [float(a) for a in level] for level in seed["bids"]
        ]
        book = dict(seed["bids"]), dict(seed["asks"])
        last, tickers, checked = first["u"], {}, 0
        while checked < 6:
            data = json.loads(await ws.recv())["data"]
            if "A" in data:
                tickers[data["u"]] = data
                continue
            assert data["pu"] == last if "pu" in data else data["U"] == last + 1
            last = data["u"]
            if last <= seed["lastUpdateId"]:
                continue
            apply(book, data)
            truth = venue.truth(symbol, last).as_json()
            best_bid, best_ask = max(map(float, book[0])), min(map(float, book[1]))
            assert [best_bid, best_ask] == [float(truth["bids"][0][0]), float(truth["asks"][0][0])]
            for mine, theirs in ((book[0], truth["bids"]), (book[1], truth["asks"])):
                assert numbers(mine.items()) == numbers(theirs)
            checked += 1
            if last in tickers:
                assert float(tickers[last]["b"]) == best_bid
                assert float(tickers[last]["a"]) == best_ask


async def test_the_slow_diff_stream_joins_ten(venue):
    async with connect(venue, "/ws/ethusdt@depth") as ws:
        diffs = await take(ws, 3)
        assert all(two["U"] == one["u"] + 1 for one, two in pairwise(diffs))
        assert all(two["E"] - one["E"] >= 1000 for one, two in pairwise(diffs))
        truth = {float(p): float(q) for p, q in venue.truth("ETHUSDT", diffs[-1]["u"]).as_json()["bids"]}
        assert all(truth.get(float(price), 0.0) == float(qty) for price, qty in diffs[-1]["b"])


async def test_times_in_microseconds_on_request(venue):
    async with connect(venue, "/ws/ethusdt@trade?timeUnit=MICROSECOND") as ws:
        (trade,) = await take(ws, 1, "trade")
        assert len(str(trade["E"])) == len(str(trade["T"])) == 16


async def test_clients_hear_the_same(venue):
    path = "/ws/ethusdt@depth@100ms"
    async with connect(venue, path) as one, connect(venue, path) as two:
        second = await take(two, 3)
        first = await take(one, 1)
        while first[-1]["u"] < second[-1]["u"]:
            first += await take(one, 1)
        assert first[-3:] == second


# -- limits and life -----------------------------------------------------------------------------


async def test_attempts_are_counted(venue):
    async with open_venue(attempts=2, attempts_window_s=3600.0) as strict:
        for _ in range(2):
            async with connect(strict, "/ws"):
                pass
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with connect(strict, "/ws"):
                pass
        assert caught.value.response.status_code == 429
        assert strict.ledger.notes[0]["what"] == "too_many_attempts"


async def test_pings_come_and_a_pong_keeps_the_line():
    async with (
        open_venue(ping_s=0.02, pong_s=5.0, messages_per_s=1000) as venue,
        connect(venue, "/ws/ethusdt@depth@100ms") as ws,
    ):
        (client,) = venue.hub.connections
        seen: set[bytes] = set()
        while len(seen) < 5:
            seen |= set(client.pings)
            await take(ws, 1)
        assert client.is_open
        assert len(client.pings) < 5, "pongs were not heard"
        assert not venue.ledger.notes


async def test_a_missing_pong_cuts_the_line():
    async with open_venue(ping_s=0.02, pong_s=0.05) as venue:
        reader, writer = await asyncio.open_connection(*venue.ws_url.removeprefix("ws://").split(":"))
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        with suppress(ConnectionResetError):
            await reader.read()  # to the end of the line
        writer.close()
        assert venue.ledger.notes[0]["what"] == "pong_missing"


async def test_the_day_ends():
    async with open_venue(day_s=0.5) as venue, connect(venue, "/ws") as ws:
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.rcvd is None  # cut, no close frame
        assert venue.ledger.notes[0]["what"] == "day_cut"


async def test_a_client_that_does_not_read_is_cut():
    async with open_venue(buffer_bytes=1_000_000) as venue:
        async with connect(venue, "/ws/ethusdt@depth@100ms", max_queue=1, close_timeout=0.1):
            (client,) = venue.hub.connections
            venue.inject(Fault("garbage", n=400_000))  # 20 MB at once
            await client.lost.wait()
        assert venue.ledger.notes[0]["what"] == "slow_consumer"
        assert not venue.hub.connections


async def test_a_market_too_fast_for_its_machine_slips_instead_of_piling_up():
    async with open_venue(speed=1e6) as venue, connect(venue, "/ws/ethusdt@depth@100ms") as ws:
        while not any(note["what"] == "slipped" for note in venue.ledger.notes):
            await take(ws, 1)
        late_s = (venue.source.now_ns() - venue.source.market.now_ns) / 1e9 / 1e6
        assert late_s < 2.5


async def test_stop_is_quick_and_leaves_nothing():
    before = asyncio.all_tasks()
    async with asyncio.timeout(60):
        venue = LoopbackVenue(Options(symbols=["ETHUSDT"], speed=20.0))
        await venue.start()
        path = "/ws/ethusdt@depth@100ms"
        async with connect(venue, path) as ws, connect(venue, path) as idle:
            await take(ws, 2)
            began = time.monotonic()
            stopping = asyncio.create_task(venue.stop())
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await until(ws, lambda _: False)
            assert caught.value.rcvd.code == 1001
            await stopping
            assert time.monotonic() - began < 2.0
            assert idle.transport.is_closing()
        assert asyncio.all_tasks() == before


async def test_a_failure_inside_is_raised_at_the_end():
    def pump() -> None:
        raise RuntimeError("broken")

    venue = LoopbackVenue(Options(symbols=["ETHUSDT"], levels=300))
    await venue.start()
    venue.source.pump = pump
    await asyncio.wait([venue._task])
    with pytest.raises(RuntimeError, match="broken"):
        await venue.stop()
