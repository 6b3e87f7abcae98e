"""
What the feed needs done, offered to a host (the Prefect flow) so that a person sees it, and done anyway.

A need is a connection to open or a book to seed. It is offered on a queue; a host that claims it calls
``Feed.perform`` until that succeeds, and may give it back with ``release``. Whatever the host does or
fails to do, the feed ends up doing the work itself:

    OFFERED ── claim() within host_grace_s ──> HOST ── perform() succeeded ──> over
       │                                        │
       └────── nobody claimed ──> FEED <────────┘ release(), or no attempt for host_patience_s
                                   └── again and again, with backoff ──> over

A need is also over when nothing is needed any more (the session ended, the symbol was removed).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["connect", "resync"]
QUEUE_LIMIT = 10_000  # needs that no host has looked at; beyond it the feed does them at once


class Need:
    """One piece of work; ``claim``, ``release`` and the properties may be used from any thread."""

    def __init__(
        self,
        kind: Kind,
        target: str,
        reason: str,
        loop: asyncio.AbstractEventLoop,
        *,
        symbol: str | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.target = target  # the symbol, or the name of the connection
        self.symbol = symbol
        self.reason = reason  # "first connection", "gap", "seed_too_old", …
        self.detail = reason  # … with the values: "gap: expected 101, got 105"
        self.min_last_id = -1  # of the seed; resync only
        self.attempt = 0  # attempts that failed
        self.last_error = ""
        self.lock = asyncio.Lock()  # one attempt at a time
        self._loop = loop
        self._changed = asyncio.Event()
        self._guard = threading.Lock()
        self._owner: Literal["", "host", "feed"] = ""
        self._is_over = False

    @property
    def title(self) -> str:
        """What a person reads: ``resync BTCUSDT (gap: expected 101, got 105)``."""
        return f"{self.kind} {self.target} ({self.detail})"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self._is_over

    def claim(self) -> bool:
        """Take the need on; True once, for the first host that asks while it is open."""
        return self._take("host")

    def release(self) -> None:
        """Give a claimed need back; the feed goes on with it at once."""
        with self._guard:
            self._owner = "feed"
        self._tell()

    # -- the feed's side, on its loop ------------------------------------------------------------

    def take_over(self) -> None:
        """Let the feed do it; no host can claim it any more."""
        with self._guard:
            self._owner = "feed"

    def touch(self) -> None:
        """Note that an attempt began or ended."""
        self._changed.set()

    def finish(self) -> None:
        """Nothing is left to do, whoever had it."""
        self._is_over = True
        self._changed.set()

    async def await_host(self, grace_s: float, patience_s: float) -> None:
        """Return when the feed must do the work itself, or the need is over."""
        await self._change(grace_s)
        while self._owner == "host" and not self._is_over:
            if not await self._change(patience_s) and not self.lock.locked():
                return

    async def _change(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def _take(self, owner: Literal["host", "feed"]) -> bool:
        with self._guard:
            if self._owner or self._is_over:
                return False
            self._owner = owner
        self._tell()
        return True

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._changed.set)
        except RuntimeError:  # the feed's loop is closed: nobody waits any more
            self._is_over = True


class NeedQueue:
    """Needs on offer; thread-safe. A host takes them with `get`."""

    def __init__(self) -> None:
        self._needs: queue.Queue[Need] = queue.Queue(QUEUE_LIMIT)

    def offer(self, need: Need) -> bool:
        """Put a need on offer; False when nobody has emptied the queue for too long."""
        try:
            self._needs.put_nowait(need)
        except queue.Full:
            return False
        return True

    def get(self, timeout_s: float = 0.0) -> Need | None:
        """Return the next need that is still open, waiting up to ``timeout_s``; None if there is none."""
        try:
            need = self._needs.get(timeout=timeout_s) if timeout_s > 0 else self._needs.get_nowait()
            while need.is_over:
                need = self._needs.get_nowait()
        except queue.Empty:
            return None
        return need
