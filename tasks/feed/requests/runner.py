"""
Sees to it that every need is met: by the host if there is one and it acts, by the feed otherwise.

One small task watches each need until it is over (`tasks.feed.requests.needs` draws the way). An attempt is
the same whoever makes it; attempts of one need never overlap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from random import Random

from leadline.book.errors import LeadlineError
from leadline.tasks.feed.requests.needs import Need, NeedQueue
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.net.backoff import delays
from leadline.tasks.net.errors import FeedStopped

log = logging.getLogger("leadline.feed")

# A seed is asked for again sooner than a connection: the book is blind meanwhile.
SEED_FIRST_S = 0.2


class Desk:
    """Keeps the open needs; everything but the queue runs on the feed's loop."""

    def __init__(
        self,
        work: Callable[[Need], Awaitable[None]],
        queue: NeedQueue,
        *,
        config: FeedConfig,
        rng: Random,
        host_grace_s: float,
    ) -> None:
        self.last_error = ""
        self._work = work
        self._queue = queue
        self._config = config
        self._rng = rng
        self._host_grace_s = host_grace_s
        self._watches: dict[asyncio.Task[None], Need] = {}

    @property
    def open_needs(self) -> int:
        """How many needs are not over yet."""
        return sum(not need.is_over for need in self._watches.values())

    def open(self, need: Need) -> None:
        """Take a new need; returns at once."""
        task = asyncio.get_running_loop().create_task(self._see_to(need), name=need.title)
        self._watches[task] = need
        task.add_done_callback(self._close)

    async def perform(self, need: Need) -> None:
        """Make one attempt; returns when the need is over, raises what went wrong."""
        async with need.lock:
            if need.is_over:
                return
            need.touch()
            try:
                await self._work(need)
            except LeadlineError as exc:
                need.attempt += 1
                need.last_error = self.last_error = f"{need.title}: {exc}"
                log.warning("%s, attempt %d: %s", need.title, need.attempt, exc)
                raise
            finally:
                need.touch()
            need.finish()

    async def stop(self) -> None:
        """End all work."""
        for task, need in self._watches.items():
            need.finish()
            task.cancel()
        if self._watches:
            await asyncio.wait(list(self._watches))

    def _close(self, task: asyncio.Task[None]) -> None:
        need = self._watches.pop(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: the feed's own work failed", need.title, exc_info=task.exception())

    async def _see_to(self, need: Need) -> None:
        if self._host_grace_s > 0 and self._queue.offer(need):
            await need.await_host(self._host_grace_s, self._config.host_patience_s)
        need.take_over()
        waits = self._waits(need)
        while not need.is_over:
            try:
                await self.perform(need)
            except FeedStopped:
                return
            except LeadlineError as exc:
                # Permanent errors are tried again as well, slowly: places, listings and clocks change.
                wait_s = next(waits) if exc.transient else self._config.backoff_cap_s
                await asyncio.sleep(max(wait_s, getattr(exc, "retry_after_s", 0.0)))

    def _waits(self, need: Need) -> Iterator[float]:
        config = self._config
        first_s = config.backoff_first_s if need.kind == "connect" else SEED_FIRST_S
        return delays(self._rng, first_s=min(first_s, config.backoff_first_s), cap_s=config.backoff_cap_s)
