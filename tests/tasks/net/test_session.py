from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from leadline.book.messages import CommandReply
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.net.errors import AccessRefused, ConnectFailed, RateLimited, StreamLost, VenueError
from leadline.tasks.net.limits import CommandPacer
from leadline.tasks.net.session import Heartbeat, Session, shortened

WITHIN_S = 40.0


def write_command(command: str, streams: Sequence[str], request_id: int) -> bytes:
    return json.dumps({"method": command, "params": list(streams), "id": request_id}).encode()


class Listener:
    """A session and what it told."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.frames: list[bytes] = []
        self.reads: list[int] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.heard = asyncio.Event()
        self.session = Session(
            url,
            deliver=self._deliver,
            ended=self.ended.set_result,
            pacer=CommandPacer(SYSTEM_CLOCK.mono_s, per_second=1000),
            clock=SYSTEM_CLOCK,
            write_command=write_command,
            streams_per_command=100,
            **settings,
        )

    def _deliver(self, frames: list[bytes], wall_ns: int, mono_ns: int) -> None:
        assert 0 <= SYSTEM_CLOCK.wall_ns() - wall_ns < 1e9
        assert 0 <= SYSTEM_CLOCK.mono_ns() - mono_ns < 1e9
        self.frames += frames
        self.reads.append(len(frames))
        for frame in frames:
            if frame.startswith((b'{"result"', b'{"error"')):
                reply = json.loads(frame)
                error = json.dumps(reply["error"]) if "error" in reply else None
                self.session.hear(CommandReply(reply["id"], error))
        self.heard.set()

    async def hear(self, n: int) -> list[bytes]:
        """Wait for ``n`` frames."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.frames) < n:
                self.heard.clear()
                await self.heard.wait()
        return self.frames


@asynccontextmanager
async def serving(
    handler: Callable[[ServerConnection], Awaitable[None]], **settings: Any
) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **settings) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def until_closed(wire: ServerConnection) -> None:
    await wire.wait_closed()


@pytest.mark.parametrize("compression", [False, True])
async def test_frames_come_as_bytes_in_order_many_to_a_read(compression: bool) -> None:
    async def handler(wire: ServerConnection) -> None:
        for n in range(500):
            await wire.send(f'{{"n":{n},"币":1}}')
        await wire.wait_closed()

    async with serving(handler) as url:
        listener = Listener(url, compression=compression)
        await listener.session.open()
        frames = await listener.hear(500)
        assert frames == [f'{{"n":{n},"币":1}}'.encode() for n in range(500)]
        assert max(listener.reads) > 1, "not a task switch each"
        await listener.session.close()
        assert not listener.ended.done(), "we know ourselves that we closed"


async def test_a_message_in_fragments_is_one_frame() -> None:
    async def handler(wire: ServerConnection) -> None:
        await wire.send(["{", '"a":', "1}"])
        await wire.send("next")
        await wire.wait_closed()

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        assert await listener.hear(2) == [b'{"a":1}', b"next"]
        await listener.session.close()


async def test_pings_are_answered_with_their_payload() -> None:
    answered = asyncio.Event()

    async def handler(wire: ServerConnection) -> None:
        async with asyncio.timeout(WITHIN_S):
            await (await wire.ping(b"1700000000123"))
        answered.set()
        await wire.wait_closed()

    async with serving(handler, ping_interval=None) as url:
        listener = Listener(url)
        await listener.session.open()
        async with asyncio.timeout(WITHIN_S):
            await answered.wait()
        await listener.session.close()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("close", "closed by the venue: 1008 too fast"),
        ("abort", "connection aborted without a close frame"),
    ],
)
async def test_the_end_is_told_once_with_its_reason(how: str, why: str) -> None:
    is_open = asyncio.Event()

    async def handler(wire: ServerConnection) -> None:
        await is_open.wait()
        await wire.send("last words")
        if how == "close":
            await wire.close(1008, "too fast")
        else:
            wire.transport.abort()

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        is_open.set()
        async with asyncio.timeout(WITHIN_S):
            assert await listener.ended == why
        if how == "close":
            assert listener.frames == [b"last words"]
        with pytest.raises(StreamLost, match=why):
            listener.session.ensure_open()
        with pytest.raises(StreamLost, match=why):
            await listener.session.subscribe(["x"])
        await listener.session.close()  # set_result twice would have raised


async def test_a_paused_session_reads_no_more() -> None:
    async def handler(wire: ServerConnection) -> None:
        async for _ in wire:
            await wire.send("answer")

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        listener.session.pause()
        with pytest.raises(ConnectFailed, match=r"no answer within 0\.2 s"):
            await _with_patience(listener.session, 0.2).subscribe(["a"])
        assert listener.frames == []
        listener.session.resume()
        assert await listener.hear(1) == [b"answer"]
        await listener.session.close()


async def test_commands_are_answered_and_refused() -> None:
    asked: list[Any] = []

    async def handler(wire: ServerConnection) -> None:
        async for text in wire:
            asked.append(json.loads(text))
            number = asked[-1]["id"]
            if asked[-1]["method"] == "SUBSCRIBE":
                await wire.send(f'{{"result":null,"id":{number}}}')
            else:
                await wire.send(f'{{"error":{{"code":2,"msg":"no such"}},"id":{number}}}')

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        await listener.session.subscribe([f"s{n}@trade" for n in range(250)])
        assert [len(command["params"]) for command in asked] == [100, 100, 50]
        assert [command["id"] for command in asked] == [1, 2, 3]
        with pytest.raises(ConnectFailed, match=r"UNSUBSCRIBE of 1 streams refused.*no such"):
            await listener.session.unsubscribe(["s1@trade"])
        await listener.session.close()


async def test_a_session_that_ends_while_it_asks() -> None:
    async def handler(wire: ServerConnection) -> None:
        await wire.recv()
        await wire.close(1001, "going away")

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        with pytest.raises(StreamLost, match="1001 going away"):
            await listener.session.subscribe(["x"])
        await listener.session.close()


@pytest.mark.parametrize(
    ("status", "headers", "error", "says"),
    [
        (403, {}, AccessRefused, "403"),
        (451, {}, AccessRefused, "does not serve this place"),
        (429, {"Retry-After": "7"}, RateLimited, "waiting 7 s"),
        (418, {}, RateLimited, "waiting 60 s"),
        (503, {}, ConnectFailed, "503"),
    ],
)
async def test_a_refused_handshake(
    status: int, headers: dict[str, str], error: type[VenueError], says: str
) -> None:
    def refuse(wire: ServerConnection, request: Request) -> Response:
        response = wire.respond(status, "no\n")
        response.headers.update(headers)
        return response

    async with serving(until_closed, process_request=refuse) as url:
        listener = Listener(url)
        with pytest.raises(error, match=says):
            await listener.session.open()
        await listener.session.close()
        assert not listener.ended.done()


async def test_nobody_listens() -> None:
    listener = Listener("ws://127.0.0.1:9/stream?streams=a/b/c")
    with pytest.raises(ConnectFailed, match=r"/stream \(3 streams\): ConnectionRefused"):
        await listener.session.open()
    await listener.session.close()


async def test_a_server_that_never_answers_the_handshake() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        listener = Listener(f"ws://127.0.0.1:{port}", open_timeout_s=0.2)
        with pytest.raises(ConnectFailed, match="Timeout"):
            await listener.session.open()
        await listener.session.close()


def test_addresses_are_shortened_for_people() -> None:
    assert shortened("wss://h/stream?streams=a@b/c@d") == "wss://h/stream (2 streams)"
    assert shortened("wss://h/stream") == "wss://h/stream"


def _with_patience(session: Session, seconds: float) -> Session:
    session._reply_timeout_s = seconds
    return session


async def test_what_the_venue_wants_to_hear_is_sent_when_it_is_due() -> None:
    heard: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def handler(wire: ServerConnection) -> None:
        async for message in wire:
            await heard.put(message)

    async with serving(handler) as url:
        listener = Listener(url, heartbeat=Heartbeat(b'{"op":"ping"}', every_s=0.2))
        await listener.session.beat()  # not open: nothing happens
        await listener.session.open()
        async with asyncio.timeout(WITHIN_S):
            while heard.qsize() < 3:
                await listener.session.beat()
                await asyncio.sleep(0.01)
        took_s = (SYSTEM_CLOCK.mono_ns() - listener.session.opened_ns) / 1e9
        assert took_s >= 0.6, "no sooner than it is due"
        assert {heard.get_nowait() for _ in range(3)} == {'{"op":"ping"}'}
        await listener.session.close()
        await listener.session.beat()  # closed: nothing happens


async def test_a_venue_that_wants_nothing_hears_nothing() -> None:
    heard: list[str | bytes] = []

    async def handler(wire: ServerConnection) -> None:
        async for message in wire:
            heard.append(message)
            await wire.send('{"result":null,"id":1}')

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        await listener.session.beat()
        await listener.session.subscribe(["a"])
        assert [json.loads(message)["method"] for message in heard] == ["SUBSCRIBE"]
        await listener.session.close()


async def test_a_refusal_that_names_no_command_is_of_those_under_way() -> None:
    async def handler(wire: ServerConnection) -> None:
        async for _ in wire:
            await wire.send("no")

    async with serving(handler) as url:
        listener = Listener(url)
        await listener.session.open()
        listener.session.hear(CommandReply(None, "nobody asked"))
        asked = asyncio.ensure_future(listener.session.subscribe(["a"]))
        await listener.hear(1)
        listener.session.hear(CommandReply(None, None))  # such as a pong: it answers no command
        assert not asked.done()
        listener.session.hear(CommandReply(None, "handler not found"))
        with pytest.raises(ConnectFailed, match="SUBSCRIBE of 1 streams refused: handler not found"):
            await asked
        await listener.session.close()
