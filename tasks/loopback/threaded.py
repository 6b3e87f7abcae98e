"""A loopback venue with a thread and an event loop of its own, for code that has none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.market.digests import Digests
from leadline.tasks.loopback.venue import LoopbackVenue

T = TypeVar("T")
CALL_S = 30.0  # a call that takes longer means that the venue's loop is stuck


class ThreadedVenue:
    """The same as `LoopbackVenue`, callable from any thread."""

    def __init__(self, venue: LoopbackVenue, loop: asyncio.AbstractEventLoop) -> None:
        self._venue = venue
        self._loop = loop
        self.ws_url = venue.ws_url
        self.rest_url = venue.rest_url
        self.kind = venue.kind
        self.symbols = venue.symbols

    def inject(self, fault: Fault) -> dict[str, Any]:
        """Misbehave as told; return the entry of the ledger as it stands."""
        return self._call(lambda: self._venue.inject(fault).as_json())

    def clear(self) -> None:
        """Disarm what has not struck yet, and end what lasts."""
        self._call(self._venue.clear)

    def truth(self, symbol: str, at_id: int | None = None) -> Truth:
        """Give the whole book as it stood at ``at_id`` (None: now)."""
        return self._call(lambda: self._venue.truth(symbol, at_id))

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the true book at every id of the history kept."""
        return self._call(lambda: self._venue.digests(symbol))

    def ledger(self) -> dict[str, Any]:
        """Give faults, notes and what each stream sent."""
        return self._call(self._venue.ledger_json)

    def status(self) -> dict[str, Any]:
        """Give a short account of the present."""
        return self._call(self._venue.status_json)

    def _call(self, do: Callable[[], T]) -> T:
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(do())
            except BaseException as exc:  # noqa: BLE001 - handed to the caller, where it is raised
                done.set_exception(exc)

        self._loop.call_soon_threadsafe(run)
        return done.result(CALL_S)


@contextmanager
def run_in_thread(options: Options | None = None) -> Generator[ThreadedVenue]:
    """Run a venue in a thread until the block ends."""
    ready: Future[ThreadedVenue] = Future()
    stop: list[Callable[[], object]] = []
    ended: Future[None] = Future()

    async def live() -> None:
        async with LoopbackVenue(options) as venue:
            loop, stopping = asyncio.get_running_loop(), asyncio.Event()
            stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
            ready.set_result(ThreadedVenue(venue, loop))
            await stopping.wait()

    def run() -> None:
        try:
            asyncio.run(live())
            ended.set_result(None)
        except BaseException as exc:  # noqa: BLE001 - handed to the caller, where it is raised
            (ended if ready.done() else ready).set_exception(exc)

    thread = threading.Thread(target=run, name="loopback-venue", daemon=True)
    thread.start()
    venue = ready.result(CALL_S)
    try:
        yield venue
    finally:
        stop[0]()
        thread.join(CALL_S)
        ended.result(CALL_S)
