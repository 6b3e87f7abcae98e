"""Every kind of misbehaviour, seen by a client and found in the ledger with the ids it hit."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from itertools import pairwise

import httpx
import pytest
import websockets

from leadline.book.errors import BadInput
from leadline.tasks.loopback import Fault, FaultKind
from tests.tasks.loopback.conftest import connect, open_venue, take, until

DEPTH = "/stream?streams=ethusdt@depth@100ms"
SYMBOL = "ETHUSDT"
K = FaultKind


async def spans(ws, count):
    """First and last ids of the next diffs."""
    return [(each["U"], each["u"]) for each in await take(ws, count)]


def hits(entry):
    return [(hit["first_id"], hit["last_id"]) for hit in entry.hits]


async def see_drop(venue, ws, http):
    entry = venue.inject(Fault(K.DROP, SYMBOL, n=2))
    before, *_, after = await through(ws, lambda last, now: now[0] != last[1] + 1)
    assert (entry.hits[0]["first_id"], entry.hits[-1]["last_id"]) == (before[1] + 1, after[0] - 1)
    assert len(entry.hits) == 2
    return entry


async def through(ws, wanted):
    """Read diffs until two neighbours are as wanted; return all."""
    seen = await spans(ws, 1)
    while True:
        seen += await spans(ws, 1)
        if wanted(seen[-2], seen[-1]):
            return seen[-2:]


async def see_duplicate(venue, ws, http):
    entry = venue.inject(Fault(K.DUPLICATE, SYMBOL))
    one, _ = await through(ws, lambda last, now: now == last)
    assert hits(entry) == [one]
    return entry


async def see_reorder(venue, ws, http):
    entry = venue.inject(Fault(K.REORDER, SYMBOL))
    late, early = await through(ws, lambda last, now: now[1] < last[0])
    assert hits(entry) == [early, late]
    return entry


async def see_delay(venue, ws, http):
    entry = venue.inject(Fault(K.DELAY, SYMBOL, seconds=0.05))
    seen = []
    while not entry.done:
        seen += await spans(ws, 1)
    seen += await spans(ws, 1)
    assert all(two[0] == one[1] + 1 for one, two in pairwise(seen)), "order is kept"
    assert len(entry.hits) >= 2
    return entry


async def see_mute(venue, ws, http):
    entry = venue.inject(Fault(K.MUTE, SYMBOL, seconds=0.05))
    before, after = await through(ws, lambda last, now: now[0] != last[1] + 1)
    assert (entry.hits[0]["first_id"], entry.hits[-1]["last_id"]) == (before[1] + 1, after[0] - 1)
    return entry


async def see_truncated(venue, ws, http):
    entry = venue.inject(Fault(K.TRUNCATED, SYMBOL))
    while True:
        text = await ws.recv()
        with suppress(ValueError):
            json.loads(text)
            continue
        assert f'"U":{entry.hits[0]["first_id"]},' in text
        return entry


async def see_crossed(venue, ws, http):
    entry = venue.inject(Fault(K.CROSSED, SYMBOL))
    while not entry.done:
        (diff,) = await take(ws, 1)
    while (diff["U"], diff["u"]) != hits(entry)[0]:
        (diff,) = await take(ws, 1)
    best_ask = venue.truth(SYMBOL, diff["u"]).as_json()["asks"][0][0]
    assert float(diff["b"][0][0]) > float(best_ask)
    return entry


async def spoilt(venue, ws, kind):
    """The diff that a silent fault hit, its ledger entry and the true book after it, both sides."""
    entry = venue.inject(Fault(kind, SYMBOL))
    (diff,) = await take(ws, 1)
    while not entry.done or (diff["U"], diff["u"]) != hits(entry)[0]:
        (diff,) = await take(ws, 1)
    truth = venue.truth(SYMBOL, diff["u"]).as_json()
    sides = [{float(p): float(q) for p, q in truth[side]} for side in ("bids", "asks")]
    return diff, entry, sides


async def see_lost_event(venue, ws, http):
    diff, entry, _ = await spoilt(venue, ws, K.LOST_EVENT)
    assert diff["b"] == diff["a"] == []
    return entry


async def see_lost_level(venue, ws, http):
    diff, entry, (bids, asks) = await spoilt(venue, ws, K.LOST_LEVEL)
    told = [(p, q, bids) for p, q in diff["b"]] + [(p, q, asks) for p, q in diff["a"]]
    assert len([p for p, q, true in told if not float(q) and float(p) in true]) == 1
    return entry


async def see_wrong_side(venue, ws, http):
    diff, entry, (bids, asks) = await spoilt(venue, ws, K.WRONG_SIDE)
    strays = {p for p, q in diff["a"] if float(p) in bids} | {p for p, q in diff["b"] if float(p) in asks}
    assert len(strays) == 1
    return entry


async def see_stale_qty(venue, ws, http):
    _, entry, _ = await spoilt(venue, ws, K.STALE_QTY)  # what is left out cannot be seen in one diff
    return entry


async def see_wrong_qty(venue, ws, http):
    entry = venue.inject(Fault(K.WRONG_QTY, SYMBOL))
    (diff,) = await take(ws, 1)
    while not entry.done or (diff["U"], diff["u"]) != hits(entry)[0]:
        (diff,) = await take(ws, 1)
    truth = venue.truth(SYMBOL, diff["u"]).as_json()
    right = {float(p): float(q) for p, q in truth["bids"] + truth["asks"]}
    wrong = [p for p, q in diff["b"] + diff["a"] if float(q) and right[float(p)] != float(q)]
    assert len(wrong) == 1
    return entry


async def see_cut(venue, ws, http):
    entry = venue.inject(Fault(K.CUT))
    with pytest.raises(websockets.ConnectionClosedError) as caught:
        await until(ws, lambda _: False)
    assert caught.value.rcvd is None
    return entry


async def see_close(venue, ws, http):
    entry = venue.inject(Fault(K.CLOSE, code=1012, text="restart"))
    with pytest.raises(websockets.ConnectionClosed) as caught:
        await until(ws, lambda _: False)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "restart")
    return entry


async def see_shutdown(venue, ws, http):
    entry = venue.inject(Fault(K.SHUTDOWN, seconds=0.02))
    message = await until(ws, lambda each: each["stream"] == "!serverShutdown")
    assert message["data"]["e"] == "serverShutdown"
    with pytest.raises(websockets.ConnectionClosed):
        await until(ws, lambda _: False)
    return entry


async def see_garbage(venue, ws, http):
    entry = venue.inject(Fault(K.GARBAGE))
    with pytest.raises(json.JSONDecodeError):
        await until(ws, lambda _: False)
    return entry


async def see_binary(venue, ws, http):
    entry = venue.inject(Fault(K.BINARY))
    while not isinstance(await ws.recv(), bytes):
        pass
    return entry


async def see_silence(venue, ws, http):
    entry = venue.inject(Fault(K.SILENCE, SYMBOL))
    async with connect(venue, DEPTH + "/ethusdt@trade") as deaf:
        assert entry.done
        heard = {json.loads(await deaf.recv())["stream"] for _ in range(5)}
        await take(ws, 3)  # others hear it
        assert heard == {"ethusdt@trade"}
    return entry


async def see_no_pong(venue, ws, http):
    entry = venue.inject(Fault(K.NO_PONG, seconds=0.4))
    unanswered = await ws.ping()
    while not entry.hits:
        await take(ws, 1)
    assert not unanswered.done()
    await until_done(ws, entry)
    await (await ws.ping())
    return entry


async def see_demand_pong(venue, ws, http):
    entry = venue.inject(Fault(K.DEMAND_PONG, seconds=5.0))
    (client,) = venue.hub.connections
    assert client.pings
    while client.pings:  # the library answers
        await take(ws, 1)
    return entry


async def see_refuse(venue, ws, http):
    entry = venue.inject(Fault(K.REFUSE, seconds=0.4))
    with pytest.raises(ConnectionRefusedError):
        async with connect(venue, DEPTH):
            pass
    await take(ws, 1)  # those connected stay
    while not venue.door.is_open:
        await take(ws, 1)
    async with connect(venue, DEPTH) as again:
        await take(again, 1)
    return entry


async def depth(http, **params):
    return await http.get("/api/v3/depth", params={"symbol": SYMBOL, "limit": 100} | params)


async def see_rest_429(venue, ws, http):
    entry = venue.inject(Fault(K.REST_429, n=2, seconds=3.0))
    for _ in range(2):
        answer = await depth(http)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
        assert answer.json()["code"] == -1003
    return entry


async def see_rest_418(venue, ws, http):
    entry = venue.inject(Fault(K.REST_418, seconds=60.0))
    for _ in range(2):  # the ban outlasts the request that caused it
        answer = await depth(http)
        assert answer.status_code == 418
        assert 0 < int(answer.headers["Retry-After"]) <= 60
    return entry


async def see_rest_5xx(venue, ws, http):
    entry = venue.inject(Fault(K.REST_5XX, code=502))
    assert (await depth(http)).status_code == 502
    return entry


async def see_rest_slow(venue, ws, http):
    entry = venue.inject(Fault(K.REST_SLOW, seconds=0.05))
    asked_at = venue.truth(SYMBOL).last_id
    assert (await depth(http)).json()["lastUpdateId"] > asked_at
    return entry


async def see_rest_garbage(venue, ws, http):
    entry = venue.inject(Fault(K.REST_GARBAGE))
    with pytest.raises(json.JSONDecodeError):
        (await depth(http)).json()
    return entry


async def see_rest_cut(venue, ws, http):
    entry = venue.inject(Fault(K.REST_CUT))
    with pytest.raises(httpx.TransportError):
        await depth(http)
    return entry


async def see_late_snapshot(venue, ws, http):
    entry = venue.inject(Fault(K.LATE_SNAPSHOT, SYMBOL, seconds=0.1))
    answer = asyncio.create_task(depth(http))
    while not entry.hits:
        await take(ws, 1)
    await take(ws, 3)
    assert (await answer).json()["lastUpdateId"] < venue.truth(SYMBOL).last_id
    return entry


async def see_stale_snapshot(venue, ws, http):
    ((first, _),) = await spans(ws, 1)
    await take(ws, 20)
    entry = venue.inject(Fault(K.STALE_SNAPSHOT, SYMBOL, seconds=60.0))
    stale = (await depth(http)).json()
    assert stale["lastUpdateId"] < first
    assert (await depth(http)).json()["lastUpdateId"] > first
    return entry


async def see_one_sided(venue, ws, http):
    entry = venue.inject(Fault(K.ONE_SIDED, SYMBOL, seconds=0.3, text="asks"))
    assert (await depth(http)).json()["asks"] == []
    assert venue.truth(SYMBOL).bids
    await until_done(ws, entry)
    assert (await depth(http)).json()["asks"]
    return entry


async def see_shock(venue, ws, http):
    entry = venue.inject(Fault(K.SHOCK, SYMBOL, seconds=0.3, text="spread"))
    return await until_done(ws, entry)


async def until_done(ws, entry):
    while not entry.done:
        await take(ws, 1)
    return entry


async def see_status(venue, ws, http):
    entry = venue.inject(Fault(K.STATUS, SYMBOL, seconds=0.3, text="CANCEL_ONLY"))
    info = (await http.get("/api/v3/exchangeInfo", params={"symbol": SYMBOL})).json()
    assert info["symbols"][0]["status"] == "CANCEL_ONLY"
    await until_done(ws, entry)
    assert venue.source.status[SYMBOL] == "TRADING"
    return entry


async def see_tick_size(venue, ws, http):
    entry = venue.inject(Fault(K.TICK_SIZE, SYMBOL, text="0.001"))
    assert venue.truth(SYMBOL).scale.price_decimals == 3
    info = (await http.get("/api/v3/exchangeInfo", params={"symbol": SYMBOL})).json()
    assert info["symbols"][0]["filters"][0]["tickSize"] == "0.00100000"
    prices: list[str] = []
    while not any(price.rstrip("0")[-4:-3] == "." for price in prices):
        (diff,) = await take(ws, 1)
        prices += [price for price, _ in diff["b"]]
    return entry


@pytest.mark.parametrize("kind", sorted({*FaultKind} - {K.LAG, K.LISTING, K.RESTART, K.DRIFT}))  # elsewhere
async def test_a_client_sees_it_and_the_ledger_says_so(kind):
    see = globals()[f"see_{kind}"]
    async with (
        open_venue(ping_s=600.0, symbols=[SYMBOL]) as venue,
        connect(venue, DEPTH) as ws,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        await take(ws, 1)
        entry = await see(venue, ws, http)
        line = venue.ledger_json()["faults"][0]
        assert line["kind"] == kind
        assert line["hits"]
        assert line["at_ns"] <= line["hits"][0]["at_ns"]
        json.dumps(line)
        while not entry.done:
            venue.pump()


async def test_faults_of_one_symbol_leave_the_other_alone():
    async with open_venue() as venue:
        streams = "/stream?streams=ethusdt@depth@100ms/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@depth@100ms"
        async with connect(venue, streams) as ws:
            entry = venue.inject(Fault(K.DROP, SYMBOL, n=10_000))
            while len(entry.hits) < 5:
                await take(ws, 1)
            seen = await take(ws, 10)
            others = [each for each in seen if each["s"] != SYMBOL]
            assert others
            assert all(each["u"] < entry.hits[0]["first_id"] for each in seen if each["s"] == SYMBOL)
            assert {hit["symbol"] for hit in entry.hits} == {SYMBOL}


async def test_two_faults_on_one_stream_strike_in_turn():
    async with open_venue(symbols=[SYMBOL]) as venue, connect(venue, DEPTH) as ws:
        venue.inject(Fault(K.DROP, SYMBOL))
        twice = venue.inject(Fault(K.DUPLICATE, SYMBOL))
        one, _ = await through(ws, lambda last, now: now == last)
        assert hits(twice) == [one]
        assert venue.source.topic("ethusdt@depth@100ms").filter is None


async def test_trades_and_tickers_can_be_dropped_too():
    async with open_venue(symbols=[SYMBOL]) as venue, connect(venue, "/ws/ethusdt@trade") as ws:
        (last,) = await take(ws, 1, "trade")
        entry = venue.inject(Fault(K.DROP, SYMBOL, stream="trade"))
        (trade,) = await take(ws, 1, "trade")
        while trade["t"] == last["t"] + 1:
            last = trade
            (trade,) = await take(ws, 1, "trade")
        assert hits(entry) == [(trade["t"] - 1,) * 2]


async def test_a_fault_on_what_is_not_listed_is_refused():
    async with open_venue() as venue:
        with pytest.raises(BadInput, match="NOSUCH"):
            venue.inject(Fault(K.DROP, "NOSUCH"))
        assert not venue.ledger.entries
