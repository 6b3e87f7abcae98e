"""
The loopback venue: a real WebSocket and HTTP server on this machine that speaks Binance's protocol.

    market or tape ──records──> lines ──payloads──> hub ──frames──> clients
                                          faults ─┘ (on topics, connections, REST, the market)

One task (`_run`) moves time, publishes, lets faults and pings fall due and writes all buffers; the
connections themselves need no tasks. Everything runs on one event loop; `tasks.loopback.run_in_thread`
gives it a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.loopback.base.http import HttpServer
from leadline.tasks.loopback.base.ledger import Entry, Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.client import Client
from leadline.tasks.loopback.faults.desk import FaultDesk
from leadline.tasks.loopback.faults.random_faults import Weather
from leadline.tasks.loopback.market.digests import Digests
from leadline.tasks.loopback.market.synthetic import Synthetic
from leadline.tasks.loopback.market.tape import Tape
from leadline.tasks.loopback.rest import Rest

STOP_S = 1.0  # given to clients to end the closing handshake
RATE_WINDOW = 100_000


class Source(Protocol):
    """Where the venue's messages come from: the synthetic market or a recording."""

    symbols: tuple[str, ...]
    status: dict[str, str]

    def now_ns(self) -> int:
        """Market time, ns since 1970."""

    def pump(self) -> None:
        """Publish what is due."""

    async def rest(self, tick_s: float) -> None:
        """Wait until there may be more to publish, about ``tick_s``."""

    def topic(self, name: str) -> Topic | None:
        """Find the topic of a stream name, None when nobody carries it."""

    def snapshot(self, symbol: str, limit: int, age_s: float) -> str:
        """Write the REST depth answer, or the one of ``age_s`` ago."""

    def sizes(self, symbol: str) -> tuple[str, str]:
        """Tick and step size as texts."""

    def truth(self, symbol: str, at_id: int | None) -> Truth:
        """Give the book exactly as it stood at ``at_id``."""

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the book at every id of the history kept."""

    def change_market(self, entry: Entry) -> None:
        """Carry out a fault that changes the market itself."""


class LoopbackVenue:
    """See the head of this module; ``LoopbackVenue(kind="spot", symbols=[…], seed=1, …)``."""

    def __init__(self, options: Options | None = None, **settings: Any) -> None:
        self.options = options or Options(**settings)
        self.kind = self.options.kind
        self.clock = self.options.clock
        self.hub = Hub()
        self.clients: dict[Client, None] = {}
        self.ledger = Ledger(self.clock)
        self.faults = FaultDesk(self)
        self.subscribed = asyncio.Event()
        self.failed: BaseException | None = None
        self.source: Source = Tape(self) if self.options.recording else Synthetic(self)
        weather = self.options.weather
        self.weather = Weather(self, *weather) if weather else None
        self.rest = Rest(self)
        self.http = HttpServer(self.rest.app, self.options.host, self.options.rest_port)
        self._attempts: deque[float] = deque(maxlen=RATE_WINDOW)
        self._refused_until = 0.0
        self._server: asyncio.Server | None = None
        self._port = self.options.port
        self._task: asyncio.Task[None] | None = None

    # -- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> LoopbackVenue:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and let time run; ``ws_url`` and ``rest_url`` are known afterwards."""
        await self._listen()
        await self.http.start()
        self._task = asyncio.create_task(self._run(), name="loopback-venue")

    async def stop(self) -> None:
        """Close every connection and end all tasks, within two seconds; raises what broke the venue."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        clients = list(self.clients)
        for client in clients:
            client.close(1001, "venue stops")
        await asyncio.gather(
            self.http.stop(), _wait_all([client.lost.wait() for client in clients], STOP_S)
        )
        for client in list(self.clients):
            client.cut()
        if self.failed is not None:
            raise self.failed

    @property
    def ws_url(self) -> str:
        """Base address for ``/stream`` and ``/ws``."""
        return f"ws://{self.options.host}:{self._port}"

    @property
    def rest_url(self) -> str:
        """Base address for ``/api/v3`` and its like, and for ``/loopback``."""
        return f"http://{self.options.host}:{self.http.port}"

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Client(self), self.options.host, self._port, backlog=1024
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _run(self) -> None:
        """Let time pass until cancelled; a failure ends the venue loudly at `stop`."""
        try:
            while True:
                self.pump()
                await self._refuse_or_listen()
                await self.source.rest(self.options.tick_s)
        except BaseException as exc:
            if not isinstance(exc, asyncio.CancelledError):
                self.failed = exc
            raise

    def pump(self) -> None:
        """Bring everything up to now: market, faults, pings, buffers."""
        now = self.clock.mono_s()
        self.source.pump()
        self.faults.tick(now)
        if self.weather is not None:
            self.weather.tick(now)
        for client in list(self.clients):
            client.check(now)
        self.hub.flush()

    async def _refuse_or_listen(self) -> None:
        refusing = self.clock.mono_s() < self._refused_until
        if refusing and self._server is not None:
            self._server.close()
            self._server = None
        elif not refusing and self._server is None:
            await self._listen()

    # -- what clients and faults ask -------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols listed here."""
        return self.source.symbols

    @property
    def status(self) -> dict[str, str]:
        """Trading status by symbol."""
        return self.source.status

    def now_ns(self) -> int:
        """Market time, ns since 1970."""
        return self.source.now_ns()

    def topic(self, name: str) -> Topic | None:
        """Find the topic of a stream name, None when nobody carries it."""
        return self.source.topic(name)

    def sizes(self, symbol: str) -> tuple[str, str]:
        """Tick and step size of a symbol, as texts."""
        return self.source.sizes(symbol)

    def snapshot(self, symbol: str, limit: int, age_s: float) -> str:
        """Write the REST depth answer at this instant (or of ``age_s`` ago), after what went before it."""
        self.pump()
        return self.source.snapshot(symbol, limit, age_s)

    def require(self, symbol: str) -> None:
        """Raise `BadInput` unless the symbol is listed."""
        if symbol not in self.symbols:
            raise BadInput(f"symbol {symbol!r} is not listed; there are {', '.join(self.symbols)}")

    def refuse_attempt(self) -> str | None:
        """Count a connection attempt; return why it is refused, if it is."""
        now, attempts, options = self.clock.mono_s(), self._attempts, self.options
        while attempts and attempts[0] < now - options.attempts_window_s:
            attempts.popleft()
        attempts.append(now)
        if len(attempts) <= options.attempts:
            return None
        self.ledger.note("too_many_attempts", attempts=len(attempts))
        return f"more than {options.attempts} connections in {options.attempts_window_s:g} s\n"

    def refuse_for(self, seconds: float) -> None:
        """Stop listening for a while; those connected stay."""
        self._refused_until = self.clock.mono_s() + seconds
        if self._server is not None:
            self._server.close()
            self._server = None

    def change_market(self, entry: Entry) -> None:
        """Carry out a fault that changes the market itself."""
        self.source.change_market(entry)

    # -- what tests and the demo ask -------------------------------------------------------------

    def inject(self, fault: Fault) -> Entry:
        """Misbehave as told; the entry of the ledger fills as the fault strikes."""
        return self.faults.inject(fault)

    def truth(self, symbol: str, at_id: int | None = None) -> Truth:
        """Give the whole book at ``at_id`` (None: now); raises `BadInput` outside the history."""
        self.require(symbol)
        return self.source.truth(symbol, at_id)

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the true book at every id kept; raises `BadInput` for a recording."""
        self.require(symbol)
        return self.source.digests(symbol)

    def ledger_json(self) -> dict[str, Any]:
        """Give faults, notes and what each stream sent, as plain values."""
        sent = {
            topic.name: {
                "symbol": topic.symbol,
                "kind": topic.kind,
                "sent": topic.sent,
                "first": topic.ids(topic.first),
                "last": topic.ids(topic.last),
            }
            for topic in self.hub.topics.values()
            if topic.sent
        }
        return {
            "faults": [entry.as_json() for entry in self.ledger.entries],
            "notes": list(self.ledger.notes),
            "sent": sent,
        }

    def status_json(self) -> dict[str, Any]:
        """Give a short account of the present, as plain values."""
        return {
            "kind": self.kind,
            "symbols": list(self.symbols),
            "clients": len(self.clients),
            "streams": sum(len(client.streams) for client in self.clients),
            "frames": self.hub.frames,
            "now_ns": self.now_ns(),
            "used_weight": self.rest.budget.used,
        }


async def _wait_all(waits: list[Any], seconds: float) -> None:
    """Wait for all of them, but no longer than ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*waits)
