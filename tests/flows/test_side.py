"""The second loop: work goes there and comes back, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest

from flows.side import SideLoop


async def test_work_runs_in_its_own_thread_and_answers() -> None:
    async def where() -> str:
        return threading.current_thread().name

    with SideLoop("beside") as side:
        assert await side.run(where()) == "beside"


async def test_endless_work_is_cancelled_in_order_when_the_loop_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    has_begun, ended = threading.Event(), []

    async def endless() -> None:
        try:
            has_begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # such as a client that says goodbye
            ended.append(threading.current_thread().name)

    with caplog.at_level(logging.WARNING, "asyncio"):
        with SideLoop("beside") as side:
            job = asyncio.create_task(side.run(endless()))
            assert await asyncio.to_thread(has_begun.wait, 60)
            job.cancel()  # heard by this loop in its next turn, which is after the other one is gone
        assert ended == ["beside"]
        with pytest.raises(asyncio.CancelledError):
            await job
        del side
        gc.collect()
    assert not caplog.records  # "Task was destroyed but it is pending!" comes from the collector
