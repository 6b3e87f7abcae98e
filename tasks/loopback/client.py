"""
One WebSocket connection, on asyncio's protocol interface and websockets' sans-I/O layer.

The sans-I/O layer does the handshake, masks, control frames and the closing handshake; the transport
is ours, so frames can be written in bulk, cut, garbled or held back, and no connection needs a task.

    connection_made -> handshake -> open: commands in, frames out -> closing -> connection_lost
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import PING, Hub, Topic, compact, frame
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.faults.desk import FaultDesk

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
STREAMS_MAX = 1024  # of one connection, web-socket-streams.md
# Where the derivatives venues carry what, since 2026-03-06; a stream on the wrong path stays silent.
PUBLIC = {"depth", "depth20", "bookTicker"}
ROUTES = {"": None, "public": PUBLIC, "market": {"aggTrade"}, "private": set[str]()}
WRITE_HIGH = 1 << 20  # bytes in the transport at which the replayer waits


class Refused(Exception):
    """A command that is answered with an error; carries code and message of the documents."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client(asyncio.Protocol):
    """A connection; see the head of this module."""

    def __init__(
        self,
        *,
        options: Options,
        hub: Hub,
        ledger: Ledger,
        timers: Timers,
        faults: FaultDesk,
        topic: Callable[[str], Topic | None],
        refusal: Callable[[], str | None],
    ) -> None:
        """``topic`` finds one by its stream's name; ``refusal`` counts an attempt and may say no."""
        self._options = options
        self._clock = options.clock
        self._hub = hub
        self._ledger = ledger
        self._timers = timers
        self._faults = faults
        self._topic = topic
        self._refusal = refusal
        self.ws = ServerProtocol(max_size=1 << 20)
        self.out: list[bytes] = []
        self.lag_s = 0.0  # everything is so late
        self.combined = False
        self.micros = False
        self.streams: dict[str, None] = {}  # as asked for, also those that never send
        self.route: set[str] | None = None  # kinds this path carries; None for all
        self.born = self._clock.mono_s()
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost = asyncio.Event()
        self.pings: dict[bytes, float] = {}  # payload -> the time by which its pong must be here
        self.next_ping = self.born + options.ping_s
        self._heard: deque[float] = deque()
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []

    # -- asyncio's side --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the handshake is still to come."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        self._hub.connections[self] = None

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the sans-I/O layer and act on what it makes of them."""
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            self._handle(event)
        self._push()

    def eof_received(self) -> None:
        """Take note that the peer closed its side."""
        self.ws.receive_eof()
        self._push()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget everything about this client."""
        self._transport = None
        self._hub.forget(self)
        self.writable.set()
        self.lost.set()

    def pause_writing(self) -> None:
        """Take note that the socket is full."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """Take note that the socket has room again."""
        self.writable.set()

    # -- the venue's side ------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self._transport is not None and self.ws.state is OPEN

    def flush(self) -> None:
        """Write all queued frames at once, or later if the connection lags."""
        frames, self.out = self.out, []
        if self.lag_s:
            self._timers.after(self.lag_s, partial(self._write, frames))
        else:
            self._write(frames)

    def _write(self, frames: list[bytes]) -> None:
        """Write frames; a client that lets too much pile up is cut."""
        if not self.is_open or self._transport is None:
            return
        self._transport.write(b"".join(frames))
        waiting = self._transport.get_write_buffer_size()
        if waiting > self._options.buffer_bytes:
            self._ledger.note("slow_consumer", bytes=waiting, streams=len(self.streams))
            self.cut()

    def cut(self) -> None:
        """Drop the TCP connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Send what is queued, then a close frame; the peer ends the handshake."""
        if self.is_open:
            self.flush()
            self.ws.send_close(code, reason)
            self._push()

    def ping(self, pong_within_s: float) -> None:
        """Send a ping with the time as payload; `check` cuts the line when its pong does not come."""
        payload = str(self._clock.wall_ns() // 1_000_000).encode()
        self.pings.setdefault(payload, self._clock.mono_s() + pong_within_s)
        self._hub.send_frame(self, frame(payload, PING))

    def check(self, now: float) -> None:
        """Do what is due at the monotonic time ``now``: pings, overdue pongs, the end of the day."""
        options = self._options
        if not self.is_open:
            return
        if now - self.born >= options.day_s:
            self._ledger.note("day_cut", age_s=round(now - self.born, 3))
            self.cut()
        elif self.pings and min(self.pings.values()) < now:
            self._ledger.note("pong_missing", pings=len(self.pings))
            self.cut()
        elif now >= self.next_ping:
            self.next_ping = now + options.ping_s
            self.ping(options.pong_s)

    # -- what the peer says ----------------------------------------------------------------------

    def _push(self) -> None:
        """Move the sans-I/O layer's bytes to the transport."""
        if self._transport is None:
            return
        for data in self.ws.data_to_send():
            if not data:
                self._transport.close()  # all is written, then the line ends
            elif data[0] == 0x80 | Opcode.PONG and self._faults.pongs_muted:
                self._faults.swallowed_pong()
            else:
                self._transport.write(data)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Request):
            self._shake_hands(event)
            return
        assert isinstance(event, Frame)
        if event.opcode is Opcode.CLOSE:
            return
        if event.opcode is Opcode.PONG:
            self.pings.pop(bytes(event.data), None)
        if not self._within_rate():
            self._ledger.note("too_many_messages", limit=self._options.commands_per_s)
            self.close(1008, "Too many requests")
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(event.data))
            if event.fin:
                text, self._fragments = b"".join(self._fragments), []
                self._answer(text)

    def _within_rate(self) -> bool:
        """Count a message (ping, pong or command) against the limit per second."""
        now, heard = self._clock.mono_s(), self._heard
        heard.append(now)
        while heard[0] < now - 1.0:
            heard.popleft()
        return len(heard) <= self._options.commands_per_s

    def _shake_hands(self, request: Request) -> None:
        refusal = self._refusal()
        url = urlsplit(request.path)
        prefix, door, path = _split(unquote(url.path))
        if refusal:
            self.ws.send_response(self.ws.reject(429, refusal))
            return
        if door not in ("ws", "stream"):
            self.ws.send_response(self.ws.reject(404, "Not Found\n"))
            return
        query = parse_qs(url.query)
        names = path if door == "ws" else "/".join(query.get("streams", []))
        streams = [name for name in names.split("/") if name]
        if len(streams) > STREAMS_MAX:
            self.ws.send_response(self.ws.reject(400, f"more than {STREAMS_MAX} streams\n"))
            return
        response = self.ws.accept(request)
        self.ws.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return
        self.route = ROUTES[prefix]
        self.combined = door == "stream"
        self.micros = query.get("timeUnit", [""])[0].upper() == "MICROSECOND"
        self._subscribe(streams)

    def _answer(self, text: bytes) -> None:
        """Answer one command."""
        request_id: Any = None
        try:
            asked = _parse(text)
            request_id = asked.get("id")
            reply: dict[str, Any] = {"result": self._obey(asked), "id": request_id}
        except Refused as exc:
            reply = {"error": {"code": exc.code, "msg": str(exc)}, "id": request_id}
        self._hub.send_frame(self, frame(compact(reply)))
        self.flush()

    def _obey(self, asked: dict[str, Any]) -> Any:
        """Do what a command asks; return its ``result``."""
        method, params = asked["method"], asked.get("params", [])
        if not isinstance(asked.get("id"), int | str | None) or isinstance(asked.get("id"), bool):
            raise Refused(2, "Invalid request: request ID must be an unsigned integer")
        if not isinstance(params, list):
            raise Refused(2, "Invalid request: invalid type for `params`, expected a sequence")
        if method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        if method.endswith("_PROPERTY"):
            return self._property(params, is_set=method == "SET_PROPERTY")
        if not all(isinstance(name, str) for name in params):
            raise Refused(2, "Invalid request: stream names must be strings")
        if method == "UNSUBSCRIBE":
            for name in params:
                self._unsubscribe(name)
        elif len({*self.streams, *params}) > STREAMS_MAX:
            raise Refused(2, "Invalid request: too many parameters")
        else:
            self._subscribe(params)
        return None

    def _property(self, params: list[Any], *, is_set: bool) -> bool | None:
        """Set or get ``combined``, the only property there is."""
        if not params or not isinstance(params[0], str):
            raise Refused(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise Refused(0, "Unknown property")
        if not is_set:
            return self.combined
        if len(params) != 2 or not isinstance(params[1], bool):  # noqa: PLR2004 - name and value
            raise Refused(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return None

    def _subscribe(self, names: list[str]) -> None:
        """Take streams on; a name nobody carries is accepted too and stays silent, as at the venue."""
        for name in names:
            self.streams[name] = None
            topic = self._topic(name)
            if topic is not None and self._may_hear(topic):
                topic.clients[self] = None

    def _may_hear(self, topic: Topic) -> bool:
        if self.route is not None and topic.kind not in self.route:
            return False
        return not self._faults.deafens(topic)

    def _unsubscribe(self, name: str) -> None:
        self.streams.pop(name, None)
        topic = self._topic(name)
        if topic is not None:
            topic.clients.pop(self, None)


def _parse(text: bytes) -> dict[str, Any]:
    """Read a command as far as its method; raises `Refused`."""
    try:
        asked = json.loads(text)
    except ValueError as exc:
        raise Refused(3, "Invalid JSON: expected value at line 1 column 1") from exc
    if not isinstance(asked, dict) or "method" not in asked:
        raise Refused(2, "Invalid request: missing field `method` at line 1 column 1")
    if asked["method"] not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise Refused(2, f"Invalid request: unknown variant `{asked['method']}`, expected one of {known}")
    return asked


def _split(path: str) -> tuple[str, str, str]:
    """Split a path into route, door and the rest: ``/public/ws/a/b`` is ("public", "ws", "a/b")."""
    head, _, tail = path.strip("/").partition("/")
    if head not in ROUTES:
        return "", head, tail
    door, _, rest = tail.partition("/")
    return head, door, rest
