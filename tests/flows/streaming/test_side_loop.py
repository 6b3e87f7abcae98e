"""The second loop: work goes there and comes back, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading

import pytest

from leadline.flows.streaming.side_loop import ExitAttempted, SideLoop, keep_running


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


async def test_a_stray_cancellation_begins_the_work_anew_and_one_that_was_asked_for_ends_it() -> None:
    rounds, is_at_work = [], asyncio.Event()

    async def cut_short() -> None:
        raise asyncio.CancelledError  # as a client leaves it behind

    with SideLoop("beside") as side:

        async def work() -> None:
            rounds.append(len(rounds))
            if len(rounds) < 3:
                await side.run(cut_short())
            is_at_work.set()
            await asyncio.Event().wait()

        job = asyncio.create_task(keep_running("work", work))
        async with asyncio.timeout(60):
            await is_at_work.wait()
        assert rounds == [0, 1, 2]
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job


async def test_an_error_ends_the_work() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await keep_running("work", broken)


async def test_work_that_tries_to_exit_ends_neither_the_loop_nor_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave() -> None:
        sys.exit(1)

    async def leave_apart() -> None:
        await asyncio.wait({asyncio.create_task(leave())})

    async def answer() -> int:
        return 7

    with SideLoop("beside") as side:
        with pytest.raises(ExitAttempted, match="SystemExit"):
            await side.run(leave())
        assert await side.run(answer()) == 7
        with caplog.at_level(logging.WARNING, "leadline.stream"):
            await asyncio.wait_for(side.run(leave_apart()), 60)
        assert "tried to end the process" in caplog.text
        assert await asyncio.wait_for(side.run(answer()), 60) == 7
