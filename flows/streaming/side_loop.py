"""
A second event loop in a thread of its own, for the sub-flows of a stream.

Prefect's engine puts its own SIGTERM handler in place for as long as a flow or sub-flow starts in the main
thread; a signal in that moment would break into the stream instead of asking it to end. Off the main
thread it leaves signals alone. It also keeps a slow Prefect API away from the loop that hosts the needs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger("leadline.stream")

END_S = 5.0
AGAIN_S = 0.5


async def lasting(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """
    Do ``work``; begin it anew after a cancellation that nobody asked this task for.

    A client that a time-out cuts off can leave such a cancellation behind for whoever waits next, and the
    stream would end by it, as by an error that nobody may catch. One that is asked for is passed on.
    """
    while True:
        try:
            return await work()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("%s: cancelled by nobody; it begins anew", name, exc_info=True)
            await asyncio.sleep(AGAIN_S)


class WishedToExit(Exception):
    """Work beside the stream raised SystemExit or KeyboardInterrupt; the stream is none of its business."""


async def _held(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as exc:
        raise WishedToExit(repr(exc)) from exc


class SideLoop:
    """The loop and its thread, from entering to leaving the context; what still runs then is cancelled."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._name = name
        self._is_over = False

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Run ``work`` there, in the caller's context; cancelling the caller cancels it.

        Raises what it raises; a SystemExit or KeyboardInterrupt comes as a `WishedToExit`.
        """
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_held(work), self._loop))

    def _live(self) -> None:
        while not self._is_over:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these two out of a task and out of the loop; here they end no more than it.
                log.warning(
                    "%s: a task wished to end the process; the rest goes on", self._name, exc_info=True
                )
        # A caller that is cancelled says so through its own loop, which is waiting for this thread now.
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            _, left = self._loop.run_until_complete(asyncio.wait(left, timeout=END_S))
        if not left:  # one that hears no cancellation keeps its loop
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S + 1)
