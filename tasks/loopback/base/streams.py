"""
Who hears what: topics, the clients on them, and frames built once and written in bulk.

A topic is one stream name. Its payload is kept as most clients get it; where a venue can wrap its data,
that is the combined form ``{"stream":…,"data":…}``, and what a raw or a microsecond client gets is cut out
of it. A frame goes into the buffer of each client and all buffers are written at once by `Hub.flush`, so
that a burst of frames costs one system call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from leadline.tasks.loopback.base.ports import Connection

SHORT, MEDIUM = 126, 65_536  # RFC 6455 §5.2: lengths of 7, 16 and 64 bits
TEXT, BINARY, PING = 0x81, 0x82, 0x89  # with the FIN bit

_TIMES = re.compile(rb'"([ET])":(\d{13})(?=[,}])')


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Wrap a payload in an unmasked frame, as servers send them."""
    size = len(payload)
    if size < SHORT:
        return bytes((opcode, size)) + payload
    if size < MEDIUM:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + payload


def compact(value: object) -> bytes:
    """Write JSON as the venue does: no spaces, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(eq=False, slots=True)
class Topic:
    """One stream: its name, symbol, kind (``depth``, ``bookTicker``, ``trade``, …)."""

    name: str
    symbol: str
    kind: str
    id_pattern: re.Pattern[bytes]  # first and last id of a payload; a first that is no number is the last
    clients: dict[Connection, None] = field(default_factory=dict)
    filter: Callable[[Topic, bytes], None] | None = None  # set while a fault is on
    greet: Callable[[], bytes] | None = None  # what a new subscriber is told at once
    head: bytes = b""
    sent: int = 0
    first: bytes = b""  # payloads sent first and last, for the ledger
    last: bytes = b""

    def __post_init__(self) -> None:
        self.head = f'{{"stream":"{self.name}","data":'.encode()

    def wrap(self, data: str) -> bytes:
        """Make the combined payload of a raw one."""
        return self.head + data.encode() + b"}"

    def data(self, payload: bytes) -> bytes:
        """Cut the raw payload out of the combined one."""
        return payload[len(self.head) : -1]

    def ids(self, payload: bytes) -> tuple[int, int] | None:
        """Read first and last id off a payload; of one that bears a single id, it twice."""
        found = self.id_pattern.search(payload)
        if found is None:
            return None
        first, last = found.groups()
        return (int(first) if first.isdigit() else int(last), int(last))


class Hub:
    """All topics and connections of a venue; knows nothing of sockets."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.connections: dict[Connection, None] = {}  # oldest first
        self._dirty: dict[Connection, None] = {}
        self.frames = 0

    def add(self, name: str, symbol: str, kind: str, id_pattern: re.Pattern[bytes]) -> Topic:
        """Create a topic, or find it."""
        return self.topics.setdefault(name, Topic(name, symbol, kind, id_pattern))

    def of(self, symbol: str | None, kind: str) -> list[Topic]:
        """List the topics of a symbol, or of all, that carry ``kind``."""
        return [
            topic
            for topic in self.topics.values()
            if topic.kind == kind and (symbol is None or topic.symbol == symbol)
        ]

    def publish(self, topic: Topic, payload: bytes) -> None:
        """Send a combined payload to all who listen, by way of the topic's fault if it has one."""
        if topic.filter is not None:
            topic.filter(topic, payload)
        else:
            self.send(topic, payload)

    def send(self, topic: Topic, payload: bytes) -> None:
        """Send a combined payload to all who listen, whatever fault is on."""
        if not topic.clients:
            return
        topic.first = topic.first or payload
        topic.last = payload
        topic.sent += 1
        wrapped = frame(payload)
        for client in topic.clients:
            if client.combined and not client.micros:
                client.out.append(wrapped)
            else:
                client.out.append(frame(self._variant(topic, payload, client)))
            self._dirty[client] = None
        self.frames += len(topic.clients)

    def send_frame(self, client: Connection, whole_frame: bytes) -> None:
        """Queue a ready frame for one client."""
        client.out.append(whole_frame)
        self._dirty[client] = None

    def flush(self) -> None:
        """Write every buffer that holds something."""
        dirty, self._dirty = self._dirty, {}
        for client in dirty:
            client.flush()

    def forget(self, client: Connection) -> None:
        """Take a client that is gone off every topic."""
        self.connections.pop(client, None)
        self._dirty.pop(client, None)
        for topic in self.topics.values():
            topic.clients.pop(client, None)

    def _variant(self, topic: Topic, payload: bytes, client: Connection) -> bytes:
        """Make what this client asked for: raw, or times in microseconds (which end in 000 here)."""
        if client.micros:
            payload = _TIMES.sub(rb'"\1":\g<2>000', payload)
        return payload if client.combined else topic.data(payload)
