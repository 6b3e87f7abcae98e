"""
One WebSocket connection, on asyncio's protocol interface and websockets' sans-I/O layer.

The sans-I/O layer does the handshake, masks, control frames and the closing handshake; the transport
is ours, so frames can be written in bulk, cut, garbled or held back, and no connection needs a task.

    connection_made -> handshake -> open: commands in, frames out -> closing -> connection_lost
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import PING, Hub, Topic, frame
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.faults import drifts
from leadline.tasks.loopback.faults.desk import FaultDesk
from leadline.tasks.loopback.venues.common.protocol import Admission, NotServed, VenueProtocol

WRITE_HIGH = 1 << 20  # bytes in the transport at which the replayer waits


class Client(asyncio.Protocol):
    """A connection; see the head of this module."""

    def __init__(
        self,
        *,
        options: Options,
        protocol: VenueProtocol,
        hub: Hub,
        ledger: Ledger,
        timers: Timers,
        faults: FaultDesk,
        topic: Callable[[str], Topic | None],
        refusal: Callable[[], str | None],
    ) -> None:
        """``topic`` finds one by its stream's name; ``refusal`` counts an attempt and may say no."""
        self._options = options
        self._protocol = protocol
        self._messages_per_s = options.messages_per_s or protocol.messages_per_s
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
        self._kinds: frozenset[str] | None = None  # that this address carries; None for all
        self._greetings: list[bytes] = []  # of streams taken on, to go out behind the reply
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
            self._ledger.note("too_many_messages", limit=self._messages_per_s)
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
        return len(heard) <= self._messages_per_s

    def _shake_hands(self, request: Request) -> None:
        refusal = self._refusal()
        if refusal:
            self.ws.send_response(self.ws.reject(429, refusal))
            return
        url = urlsplit(request.path)
        try:
            admission = self._protocol.admit(unquote(url.path), parse_qs(url.query))
            for changes in self._faults.drifts_of(drifts.ADDRESS):
                admission = _drifted(admission, request.path, changes)
        except NotServed as exc:
            self.ws.send_response(self.ws.reject(exc.status, str(exc)))
            return
        response = self.ws.accept(request)
        self.ws.send_response(response)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._admit(admission)

    def _admit(self, admission: Admission) -> None:
        self._kinds = admission.kinds
        self.combined = admission.combined
        self.micros = admission.micros
        self.subscribe(admission.streams)

    def _answer(self, text: bytes) -> None:
        """Answer one command, and then say what its streams begin with."""
        reply = self._faults.drifted(drifts.REPLY, self._protocol.answer(text, self))
        greetings, self._greetings = self._greetings, []
        for payload in (reply, *greetings):
            self._hub.send_frame(self, frame(payload))
        self.flush()

    def knows(self, name: str) -> bool:
        """Whether anybody carries a stream of this name."""
        return self._topic(name) is not None

    def subscribe(self, names: Iterable[str]) -> None:
        """Take streams on; a name nobody carries is accepted too and stays silent."""
        for name in names:
            self.streams[name] = None
            topic = self._topic(name)
            if topic is not None and self._may_hear(topic):
                topic.clients[self] = None
                if topic.greet is not None:
                    self._greetings.append(topic.greet())

    def _may_hear(self, topic: Topic) -> bool:
        if self._kinds is not None and topic.kind not in self._kinds:
            return False
        return not self._faults.deafens(topic)

    def unsubscribe(self, name: str) -> None:
        """Give a stream up."""
        self.streams.pop(name, None)
        topic = self._topic(name)
        if topic is not None:
            topic.clients.pop(self, None)


def _drifted(admission: Admission, address: str, changes: drifts.Changes) -> Admission:
    """Let an address serve as drift has it; raises `NotServed`."""
    hit = {verb for verb, part in changes.items() if part in address}
    if "refuse" in hit:
        raise NotServed(404, "Not Found\n")
    if "silence" in hit:
        admission = admission._replace(kinds=frozenset())
    if hit & {"wrap", "bare"}:
        admission = admission._replace(combined="wrap" in hit)
    return admission._replace(micros=False) if "millis" in hit else admission
