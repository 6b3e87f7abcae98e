"""
A second event loop in a thread of its own, for the sub-flows of a stream.

While a flow or sub-flow starts in the main thread, Prefect's engine installs its own SIGTERM handler; a
signal in that moment would break into the stream instead of asking it to end. Off the main thread it leaves
signals alone. The second loop also keeps a slow Prefect API away from the loop that hosts the needs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger("leadline.stream")

END_S = 5.0
AGAIN_S = 0.5


async def keep_running(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """
    Do ``work``; start it again after a cancellation that nobody requested of this task.

    A client that a time-out cuts off can leave such a cancellation behind for whatever waits next, and it
    would end the stream. A requested cancellation is passed on.
    """
    while True:
        try:
            return await work()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("%s: cancelled without a request; it starts again", name, exc_info=True)
            await asyncio.sleep(AGAIN_S)


class ExitAttempted(Exception):
    """Work beside the stream raised SystemExit or KeyboardInterrupt; it must not end the stream."""


async def _held(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as exc:
        raise ExitAttempted(repr(exc)) from exc


class SideLoop:
    """The loop and its thread, as a context manager; on leaving, what still runs is cancelled."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._name = name
        self._is_over = False

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Run ``work`` on this loop, in the caller's context; cancelling the caller cancels it.

        Raises what it raises; a SystemExit or KeyboardInterrupt becomes an `ExitAttempted`.
        """
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_held(work), self._loop))

    def _serve(self) -> None:
        while not self._is_over:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these two out of a task and out of the loop; here they end the task alone.
                log.warning(
                    "%s: a task tried to end the process; the rest goes on", self._name, exc_info=True
                )
        # The caller cannot cancel them: its own loop is waiting for this thread now.
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            _, left = self._loop.run_until_complete(asyncio.wait(left, timeout=END_S))
        if not left:  # a task that ignores its cancellation keeps the loop
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S + 1)
