"""
A second event loop in a thread of its own, for the sub-flows of a stream.

Prefect's engine puts its own SIGTERM handler in place for as long as a flow or sub-flow starts in the main
thread; a signal in that moment would break into the stream instead of asking it to end. Off the main
thread it leaves signals alone. It also keeps a slow Prefect API away from the loop that hosts the needs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

END_S = 5.0


class SideLoop:
    """The loop and its thread, from entering to leaving the context; what still runs then is cancelled."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` there, in the caller's context; cancelling the caller cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _live(self) -> None:
        self._loop.run_forever()
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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S + 1)
