"""
One WebSocket connection to the venue: opened, subscribed, read, ended.

Frames are handed over from within the read callback, all of one read at once, dated as they came off
the socket: no queue and no task switch stands between the socket and the book. That is why the
library's connection class is extended here (its ``create_connection`` argument is made for it).

The library answers the venue's pings, copying the payload as the venue asks. We send none of our own while
frames come: they would count towards the few messages a second it accepts. A dead line shows as silence
(`tasks.feed.routing.liveness`), and then as a ping without an answer.

Where streams do not stand in the address, they are asked for in commands, paced
(`tasks.net.limits.CommandPacer`), which the venue's adapter writes. Some venues want a message from us now
and then (`Heartbeat`), which the owner of a session sends by calling `beat`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

from leadline.book.messages import CommandReply
from leadline.tasks.net.clock import Clock
from leadline.tasks.net.cutter import FrameCutter
from leadline.tasks.net.errors import AccessRefused, ConnectFailed, RateLimited, StreamLost, VenueError
from leadline.tasks.net.limits import CommandPacer
from leadline.tasks.net.proxies import proxy_for

# A diff of every level of a deep book is some 500 kB; more than this is not what we asked for.
MAX_FRAME_BYTES = 16 * 2**20
CLOSE_TIMEOUT_S = 1.0
TOO_MANY, TEAPOT, SERVER_ERROR, BAD_REQUEST = 429, 418, 500, 400
BLIND_WAIT_S = 60.0

Deliver: TypeAlias = Callable[[list[bytes], int, int], None]
"""Takes the frames of one read, and our wall and monotonic clock when they were read, in ns."""
Command: TypeAlias = Literal["SUBSCRIBE", "UNSUBSCRIBE"]
WriteCommand: TypeAlias = Callable[[Command, Sequence[str], int], bytes]
"""Writes a command about streams, with the id that its reply will bear."""


class Heartbeat(NamedTuple):
    """What a venue wants to hear from us so often."""

    payload: bytes
    every_s: float


class Wire(ClientConnection):
    """The library's connection, handing frames over within the read callback."""

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        deliver: Deliver,
        ended: Callable[[str], None],
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(protocol, **kwargs)
        self._deliver = deliver
        self._ended = ended
        self._clock = clock
        self._cutter = FrameCutter(MAX_FRAME_BYTES)
        self._frames: list[bytes] = []
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Hand over every frame that this read completed; the time is taken before they are parsed."""
        wall_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        cutter = self._cutter
        cutter.feed(data)
        while piece := cutter.cut(self._frames):
            super().data_received(piece)
            if self.protocol.state is not State.OPEN or self.protocol.extensions:
                cutter.stop()
        if self._frames:
            frames, self._frames = self._frames, []
            self._deliver(frames, wall_ns, mono_ns)
        if self.protocol.state in {State.CLOSING, State.CLOSED} and self.protocol.close_rcvd is not None:
            self._ended(self.why)  # a close frame is the end; do not wait for the line to drop

    def process_event(self, event: Any) -> None:
        """Keep data frames for the handing over; leave the rest to the library."""
        if self.response is None or not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode is Opcode.TEXT or event.opcode is Opcode.BINARY or event.opcode is Opcode.CONT:
            self._assemble(event)
        else:
            super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the line is gone."""
        super().connection_lost(exc)
        self._ended(self.why if exc is None else f"{self.why} ({exc})")

    @property
    def why(self) -> str:
        """What ended the connection, for a person."""
        close = self.protocol.close_rcvd
        if close is None:
            return "connection aborted without a close frame"
        return f"closed by the venue: {int(close.code)} {close.reason}".rstrip()

    def _assemble(self, frame: Frame) -> None:
        data = bytes(frame.data)
        if frame.fin and not self._parts:
            self._frames.append(data)
            return
        self._parts.append(data)
        if frame.fin:
            self._frames.append(b"".join(self._parts))
            self._parts = []


class Session:
    """
    One connection's life. ``deliver`` gets the frames; ``ended`` is called once, with the reason.

    Neither is called after `close`.
    """

    def __init__(
        self,
        url: str,
        *,
        deliver: Deliver,
        ended: Callable[[str], None],
        pacer: CommandPacer,
        clock: Clock,
        write_command: WriteCommand,
        streams_per_command: int,
        heartbeat: Heartbeat | None = None,
        compression: bool = False,
        open_timeout_s: float = 10.0,
        reply_timeout_s: float = 10.0,
    ) -> None:
        self.url = url
        self.opened_ns = 0  # monotonic; 0 until open
        self.is_paused = False
        self._deliver = deliver
        self._tell_ended = ended
        self._pacer = pacer
        self._clock = clock
        self._write_command = write_command
        self._streams_per_command = streams_per_command
        self._heartbeat = heartbeat
        self._beat_ns = 0
        self._compression = compression
        self._open_timeout_s = open_timeout_s
        self._reply_timeout_s = reply_timeout_s
        self._wire: ClientConnection | None = None
        self._is_over = False
        self._why = ""
        self._ids: Iterator[int] = itertools.count(1)
        self._replies: dict[int | str, asyncio.Future[str | None]] = {}

    def ensure_open(self) -> None:
        """Raise `StreamLost` if the connection has ended."""
        if self._is_over:
            raise StreamLost(self._why)

    async def open(self) -> None:
        """Connect; raises a `VenueError` that says whether trying again can help."""
        proxy = proxy_for(self.url)
        try:
            self._wire = await connect(
                self.url,
                create_connection=cast("type[ClientConnection]", self._make_wire),
                compression="deflate" if self._compression else None,
                open_timeout=self._open_timeout_s,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                max_queue=None,
                proxy=None if proxy is None else proxy.for_websockets,
            )
        except InvalidStatus as exc:
            raise _refused(self.url, exc.response) from exc
        except (OSError, TimeoutError, EOFError, InvalidHandshake, InvalidURI, WebSocketException) as exc:
            by_way = "" if proxy is None else f" by way of {proxy}"
            said = f"{type(exc).__name__} {exc}".rstrip()
            raise ConnectFailed(f"{shortened(self.url)}{by_way}: {said}") from exc
        self.opened_ns = self._clock.mono_ns()
        self.ensure_open()

    async def subscribe(self, streams: Sequence[str]) -> None:
        """Ask for streams; returns when the venue has accepted all of them."""
        await self._command("SUBSCRIBE", streams)

    async def unsubscribe(self, streams: Sequence[str]) -> None:
        """Ask for no more of these streams; returns when the venue has accepted."""
        await self._command("UNSUBSCRIBE", streams)

    def hear(self, reply: CommandReply) -> None:
        """Take the venue's answer to a command, which comes among the frames."""
        known = self._replies.get(reply.request_id) if reply.request_id is not None else None
        # A refusal that names no command is of one of those under way, and none of them can be relied on.
        nameless = list(self._replies.values()) if reply.request_id is None and reply.error else []
        for waiting in nameless if known is None else [known]:
            if not waiting.done():
                waiting.set_result(reply.error)

    async def beat(self) -> None:
        """Send the venue what it wants to hear from us, if it is time; a dead line shows elsewhere."""
        beat, now_ns = self._heartbeat, self._clock.mono_ns()
        if beat is None or self._wire is None or self._is_over:
            return
        if now_ns - max(self._beat_ns, self.opened_ns) >= beat.every_s * 1e9:
            self._beat_ns = now_ns
            self._pacer.spend()
            with contextlib.suppress(OSError, WebSocketException):
                await self._wire.send(beat.payload, text=True)

    async def answers_ping(self, within_s: float) -> bool:
        """Send a ping of ours, and tell whether its pong came in time."""
        if self._wire is None or self._is_over:
            return False
        self._pacer.spend()
        try:
            async with asyncio.timeout(within_s):
                await (await self._wire.ping())
        except (TimeoutError, OSError, WebSocketException):
            return False
        return True

    def pause(self) -> None:
        """Stop reading; the kernel's buffers fill and the venue's sending slows."""
        if not self.is_paused and self._wire is not None and not self._is_over:
            self.is_paused = True
            self._wire.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.is_paused and self._wire is not None and not self._is_over:
            self._wire.transport.resume_reading()
        self.is_paused = False

    def silence(self) -> None:
        """Call neither callback any more; `close` follows."""
        self._is_over = True
        self._fail_replies("closed by us")

    async def close(self) -> None:
        """Close in order, within about a second; neither callback is called any more."""
        self.silence()
        if self._wire is None:
            return
        self.resume()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._wire.close()
        except (TimeoutError, OSError, WebSocketException):
            self._wire.transport.abort()

    def _make_wire(self, protocol: ClientProtocol, **kwargs: Any) -> Wire:
        return Wire(protocol, deliver=self._pass_on, ended=self._end, clock=self._clock, **kwargs)

    def _pass_on(self, frames: list[bytes], wall_ns: int, mono_ns: int) -> None:
        if not self._is_over:
            self._deliver(frames, wall_ns, mono_ns)

    def _end(self, why: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._why = why
        self._fail_replies(why)
        if self._wire is not None:  # else `open` is still under way and raises
            self._wire.transport.abort()
            self._tell_ended(why)

    def _fail_replies(self, why: str) -> None:
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(StreamLost(why))

    async def _command(self, method: Command, streams: Sequence[str]) -> None:
        for start in range(0, len(streams), self._streams_per_command):
            await self._send(method, streams[start : start + self._streams_per_command])

    async def _take_turn(self) -> None:
        while True:
            wait_s = self._pacer.delay_s()
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    async def _send(self, method: Command, streams: Sequence[str]) -> None:
        await self._take_turn()
        if self._wire is None or self._is_over:
            raise StreamLost(self._why or "not connected")
        self._pacer.spend()
        request_id = next(self._ids)
        self._replies[request_id] = reply = asyncio.get_running_loop().create_future()
        command = self._write_command(method, streams, request_id)
        try:
            async with asyncio.timeout(self._reply_timeout_s):
                await self._wire.send(command, text=True)
                error = await reply
        except TimeoutError as exc:
            raise ConnectFailed(f"{method}: no answer within {self._reply_timeout_s} s") from exc
        except (OSError, WebSocketException) as exc:
            raise StreamLost(f"{method}: {exc}") from exc
        finally:
            del self._replies[request_id]
        if error is not None:
            raise ConnectFailed(f"{method} of {len(streams)} streams refused: {error}")


def shortened(url: str) -> str:
    """Return an address without its long query, for messages."""
    head, _, query = url.partition("?")
    return f"{head} ({query.count('/') + 1} streams)" if query else head


def _refused(url: str, response: Response) -> VenueError:
    """Say what an HTTP status in answer to the handshake means."""
    status = response.status_code
    said = f"{shortened(url)}: the handshake was answered {status} {response.reason_phrase}".rstrip()
    if status in {TOO_MANY, TEAPOT}:
        text = response.headers.get("Retry-After", "")
        wait_s = float(text) if text.isascii() and text.isdigit() else BLIND_WAIT_S
        return RateLimited(f"{said}; waiting {wait_s:.0f} s", retry_after_s=wait_s)
    if BAD_REQUEST <= status < SERVER_ERROR:
        return AccessRefused(f"{said}; the venue does not serve this place or this address")
    return ConnectFailed(said)
