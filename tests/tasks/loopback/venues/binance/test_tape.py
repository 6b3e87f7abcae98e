"""Recordings played by the loopback venue, small ones written here and the real ones where they are."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from leadline.book.errors import BadInput
from leadline.tasks.loopback import Fault, LoopbackVenue, Options
from tests.recordings import COINM_BTC, SPOT_BTC, USDM_BTC, recording
from tests.tasks.loopback.conftest import PREFIX, apply, connect, open_venue, take


def diff(n: int, bids: list[list[str]], asks: list[list[str]]) -> dict:
    data = {"e": "depthUpdate", "E": 1000 + n, "s": "ABCUSDT", "U": n, "u": n, "b": bids, "a": asks}
    return {"stream": "abcusdt@depth@100ms", "data": data}


def trade(n: int) -> dict:
    data = {
        "e": "trade",
        "E": 1,
        "s": "ABCUSDT",
        "t": n,
        "p": "10.0",
        "q": "1.00",
        "T": 1,
        "m": True,
        "M": True,
    }
    return {"stream": "abcusdt@trade", "data": data}


SNAPSHOT = {"lastUpdateId": 2, "bids": [["10.0", "1.00"], ["9.9", "2.00"]], "asks": [["10.1", "3.00"]]}
# The diff of id 3 stands before the snapshot it follows, as on real tapes.
TAPE = [
    diff(1, [["9.0", "1.00"]], []),
    diff(2, [["10.0", "1.00"]], []),
    diff(3, [["9.9", "0.00"]], []),
    SNAPSHOT,
    trade(1),
    diff(4, [], [["10.2", "4.00"]]),
    trade(2),
]


def write(path, lines, *, step_ns=1_000_000):
    text = "".join(f"{10**18 + n * step_ns} {json.dumps(line)}\n" for n, line in enumerate(lines))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["tape.gz", "tape.txt"])
async def test_frames_come_as_recorded_and_the_book_is_rebuilt(tmp_path, name):
    path = write(tmp_path / name, TAPE)
    async with (
        open_venue(recording=[path], symbols=None, speed=0) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        assert venue.symbols == ("ABCUSDT",)
        before = (await http.get("/api/v3/depth", params={"symbol": "ABCUSDT"})).json()
        assert before == SNAPSHOT, "the recorded one, while the tape has not passed it"
        async with connect(venue, "/stream?streams=abcusdt@depth@100ms/abcusdt@trade") as ws:
            seen = [json.loads(await ws.recv()) for _ in range(6)]
        assert seen == [line for line in TAPE if "stream" in line]
        after = (await http.get("/api/v3/depth", params={"symbol": "ABCUSDT"})).json()
        assert after == {
            "lastUpdateId": 4,
            "bids": [["10.0", "1.00"]],
            "asks": [["10.1", "3.00"], ["10.2", "4.00"]],
        }
        assert venue.truth("ABCUSDT", 3).asks == ((101, 300),)
        assert venue.truth("ABCUSDT", 2).bids == ((100, 100), (99, 200))
        with pytest.raises(BadInput, match="no book at id 9"):
            venue.truth("ABCUSDT", 9)
        info = (await http.get("/api/v3/exchangeInfo")).json()["symbols"][0]
        assert [each["tickSize"] for each in info["filters"] if "tickSize" in each] == ["0.1"]
        assert venue.ledger.notes[-1]["what"] == "tape_end"


async def test_raw_payloads_and_other_lines(tmp_path):
    ticker = {"u": 3, "s": "ABCUSDT", "b": "9.9", "B": "1.00", "a": "10.1", "A": "1.00"}
    lines = [
        {"symbols": []},
        diff(1, [["9.0", "1.00"]], [])["data"],
        trade(7)["data"],
        ticker,
        {"result": None, "id": 1},
        {"e": "kline"},
    ]
    path = write(tmp_path / "tape.txt", lines)
    async with open_venue(recording=[path], symbols=None, speed=0) as venue:
        streams = "abcusdt@depth@100ms/abcusdt@trade/abcusdt@bookTicker"
        async with connect(venue, f"/stream?streams={streams}") as ws:
            seen = [json.loads(await ws.recv()) for _ in range(3)]
        assert [each["data"] for each in seen] == lines[1:4]
        assert [each["stream"] for each in seen] == streams.split("/")


async def test_several_files_are_one_tape_and_a_pace_is_kept(tmp_path):
    one = write(tmp_path / "1.gz", TAPE[:4])
    two = write(tmp_path / "2.txt", TAPE[4:])
    async with open_venue(recording=[one, two], symbols=None, speed=0.1) as venue:
        assert venue.hub.frames == 0, "the tape waits for somebody to listen"
        async with connect(venue, "/ws/abcusdt@depth@100ms") as ws:
            assert [each["u"] for each in await take(ws, 4)] == [1, 2, 3, 4]


async def test_another_pace_is_an_alias(tmp_path):
    path = write(tmp_path / "tape.txt", TAPE)
    async with (
        open_venue(recording=[path], symbols=None, speed=0) as venue,
        connect(venue, "/stream?streams=abcusdt@depth@0ms") as ws,
    ):
        message = json.loads(await ws.recv())
        assert message == TAPE[0] | {"stream": "abcusdt@depth@0ms"}


async def test_faults_strike_recordings_too(tmp_path):
    path = write(tmp_path / "tape.txt", [diff(n, [["9.0", f"{n}.00"]], []) for n in range(1, 50)])
    async with open_venue(recording=[path], symbols=None, speed=0) as venue:
        entry = venue.inject(Fault("drop", "ABCUSDT", n=3))
        with pytest.raises(BadInput, match="cannot be changed"):
            venue.inject(Fault("status", "ABCUSDT"))
        async with connect(venue, "/ws/abcusdt@depth@100ms") as ws:
            assert (await take(ws, 1))[0]["u"] == 4
        assert [hit["first_id"] for hit in entry.hits] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "no stream with a symbol", id="empty"),
        pytest.param(b"one {}\n", "tape.txt:1: expected '<ns> <json>'", id="no-time"),
        pytest.param(
            gzip.compress(b"1000000000000000000 {}\n" * 1000)[:-20], "tape.gz:.* cut short", id="cut-short"
        ),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, content, message):
    path = tmp_path / ("tape.gz" if content[:2] == b"\x1f\x8b" else "tape.txt")
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        LoopbackVenue(Options(recording=[path]))


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nosuch\.gz: No such file"):
        LoopbackVenue(Options(recording=[tmp_path / "nosuch.gz"]))


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "kind", "symbol"),
    [(SPOT_BTC, "spot", "BTCUSDT"), (USDM_BTC, "usdm", "BTCUSDT"), (COINM_BTC, "coinm", "BTCUSD_PERP")],
)
async def test_a_real_recording_is_rebuilt_exactly_while_it_plays(name, kind, symbol):
    path = recording(name)
    stream = f"/stream?streams={symbol.lower()}@depth@100ms"
    async with (
        open_venue(kind=kind, recording=[path], symbols=None, speed=0) as venue,
        connect(venue, stream) as ws,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        diffs = await take(ws, 300)
        answer = await http.get(PREFIX[kind] + "/depth", params={"symbol": symbol, "limit": 1000})
        seed = answer.json()
        book = dict(seed["bids"]), dict(seed["asks"])
        target = seed["lastUpdateId"] + 1
        while diffs[-1]["u"] < target:
            diffs += await take(ws, 1)
        diffs += await take(ws, 50)
        for each in diffs:
            if each["u"] > seed["lastUpdateId"]:
                apply(book, each)
        truth = venue.truth(symbol, diffs[-1]["u"]).as_json()
        for mine, theirs, best in ((book[0], truth["bids"], max), (book[1], truth["asks"], min)):
            assert best(map(float, mine)) == float(theirs[0][0])
            have = {float(price): float(qty) for price, qty in mine.items()}
            near = [(float(price), float(qty)) for price, qty in theirs[:500]]
            assert all(have[price] == qty for price, qty in near)


async def test_the_client_sets_the_pace_at_speed_0(tmp_path):
    rows = [[f"{n}.0", "1.00"] for n in range(1, 5000)]
    form = json.dumps(diff(7777, rows, []), separators=(",", ":")).replace("7777", "%d")
    path = tmp_path / "tape.txt"
    path.write_text("".join(f"{10**18 + n} {form % (n, n)}\n" for n in range(1, 301)))  # 27 MB
    async with open_venue(recording=[path], symbols=None, speed=0, buffer_bytes=4 << 20) as venue:
        streams = "/stream?streams=abcusdt@depth@100ms"
        async with connect(venue, streams, max_queue=4, max_size=None) as ws:
            await ws.recv(decode=False)
            assert venue.hub.frames < 300, "the venue waits for its reader"
            while b'"u":300,' not in await ws.recv(decode=False):
                pass
        assert [note["what"] for note in venue.ledger.notes] == ["tape_end"]
