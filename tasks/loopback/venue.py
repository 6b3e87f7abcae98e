"""
The loopback venue: a real WebSocket and HTTP server on this machine that speaks a venue's protocol.

    market or tape ──records──> lines ──payloads──> hub ──frames──> clients
                                          faults ─┘ (on topics, connections, REST, the market)

One task (`_run`) moves time, publishes, lets faults and pings fall due and writes all buffers; the
connections themselves need no tasks. Everything runs on one event loop; `tasks.loopback.run_in_thread`
gives it a thread of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette

from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.loopback.base.http import HttpServer
from leadline.tasks.loopback.base.ledger import Entry, Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.client import Client
from leadline.tasks.loopback.control import control_routes
from leadline.tasks.loopback.door import Door
from leadline.tasks.loopback.faults.desk import FaultDesk
from leadline.tasks.loopback.faults.random_faults import RandomFaults
from leadline.tasks.loopback.market.digests import Digests
from leadline.tasks.loopback.market.source import Source
from leadline.tasks.loopback.market.synthetic import Synthetic
from leadline.tasks.loopback.venues.common.protocol import RestParts
from leadline.tasks.loopback.venues.registry import protocol_of

STOP_S = 1.0  # given to clients to end the closing handshake


class LoopbackVenue:
    """See the head of this module; ``LoopbackVenue(Options(kind="spot", symbols=[…], seed=1))``."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options = options or Options()
        self.kind = options.kind
        self.protocol = protocol_of(options.kind)
        self.clock = options.clock
        self.failed: BaseException | None = None
        self.hub, self.ledger = Hub(), Ledger(options.clock)
        self._timers = Timers(options.clock.mono_s)
        self.source: Source = self._make_source(options)
        self.door = Door(options, self.ledger, self._make_client)
        self.faults = FaultDesk(
            hub=self.hub,
            ledger=self.ledger,
            timers=self._timers,
            source=self.source,
            refuse_for=self.door.refuse_for,
            farewell=lambda now_ns, combined: self.protocol.farewell(now_ns, combined=combined),
            pong_s=options.pong_s,
        )
        self.random_faults = self._make_random_faults()
        self._http = HttpServer(options.host, options.rest_port)
        self._rest = self.protocol.make_rest(
            RestParts(
                options=options,
                source=self.source,
                faults=self.faults,
                pump=self.pump,
                cut=self._http.cut,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def _make_source(self, options: Options) -> Source:
        if options.recording:
            return self.protocol.make_tape(options, self.hub, self.ledger)
        kind, make_lines = self.protocol.market, self.protocol.make_lines
        return Synthetic(kind, make_lines, options, self.hub, self.ledger, self._timers)

    def _make_client(self) -> Client:
        return Client(
            options=self.options,
            protocol=self.protocol,
            hub=self.hub,
            ledger=self.ledger,
            timers=self._timers,
            faults=self.faults,
            topic=self.source.topic,
            refusal=self.door.refusal,
        )

    def _make_random_faults(self) -> RandomFaults | None:
        if self.options.random_faults is None:
            return None
        seed, per_minute = self.options.random_faults
        is_recording = bool(self.options.recording)
        return RandomFaults(
            self.inject,
            self.symbols,
            now_s=self.clock.mono_s(),
            seed=seed,
            per_minute=per_minute,
            is_recording=is_recording,
        )

    # -- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> LoopbackVenue:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and let time run; ``ws_url`` and ``rest_url`` are known afterwards."""
        await self.door.open()
        await self._http.start(Starlette(routes=[*self._rest.routes, *control_routes(self)]))
        self._task = asyncio.create_task(self._run(), name="loopback-venue")

    async def stop(self) -> None:
        """Close every connection and end all tasks, within two seconds; raises what broke the venue."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.door.close()
        clients = list(self.hub.connections)
        for client in clients:
            client.close(1001, "venue stops")
        await asyncio.gather(
            self._http.stop(), _wait_all([client.lost.wait() for client in clients], STOP_S)
        )
        for client in list(self.hub.connections):
            client.cut()
        if self.failed is not None:
            raise self.failed

    @property
    def ws_url(self) -> str:
        """Base address of all streams."""
        return f"ws://{self.options.host}:{self.door.port}"

    @property
    def rest_url(self) -> str:
        """Base address of the venue's REST paths, and of ``/loopback``."""
        return f"http://{self.options.host}:{self._http.port}"

    async def _run(self) -> None:
        """Let time pass until cancelled; a failure ends the venue loudly at `stop`."""
        try:
            while True:
                self.pump()
                await self.door.tend()
                await self.source.rest(self.options.tick_s)
        except BaseException as exc:
            if not isinstance(exc, asyncio.CancelledError):
                self.failed = exc
            raise

    def pump(self) -> None:
        """Bring everything up to now: market, faults, pings, buffers."""
        now = self.clock.mono_s()
        self.source.pump()
        self._timers.tick(now)
        if self.random_faults is not None:
            self.random_faults.tick(now)
        for client in list(self.hub.connections):
            client.check(now)
        self.hub.flush()

    # -- what tests and the demo ask -------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols listed here."""
        return self.source.symbols

    def inject(self, fault: Fault) -> Entry:
        """Misbehave as told; the entry of the ledger fills as the fault strikes."""
        return self.faults.inject(fault)

    def clear(self) -> None:
        """Disarm what has not struck yet."""
        self.faults.clear()

    def truth(self, symbol: str, at_id: int | None = None) -> Truth:
        """Give the whole book at ``at_id`` (None: now); raises `BadInput` outside the history."""
        self.faults.require(symbol)
        return self.source.truth(symbol, at_id)

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the true book at every id kept; raises `BadInput` for a recording."""
        self.faults.require(symbol)
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
            "clients": len(self.hub.connections),
            "streams": sum(len(client.streams) for client in self.hub.connections),
            "frames": self.hub.frames,
            "now_ns": self.source.now_ns(),
            "used_weight": self._rest.used_weight,
        }


async def _wait_all(waits: list[Any], seconds: float) -> None:
    """Wait for all of them, but no longer than ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*waits)
