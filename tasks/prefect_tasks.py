"""
The feed's work as Prefect tasks, so that a person watching the UI sees which symbol and why.

A task is one need: short, finite, tried again while the error is transient. It has no tags and no
result: both would make it wait for the Prefect API. What its retries could not do goes back to the
feed, which goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from leadline.tasks.feed.thread import Feed, Need

# Capped by hand: Prefect's exponential_backoff has no cap.
RETRY_DELAYS_S = [0.5, 1, 2, 4, 8]
RETRY_JITTER = 0.5
# Waiting for request weight may take a minute, and then the request its ten seconds.
LONGEST_ATTEMPT_S = 120


async def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """
    Tell whether trying again can help: the error says so itself.

    Async, because Prefect passes over a plain function's answer in async tasks and never retries.
    """
    error = await state.aresult(raise_on_failure=False)
    return bool(getattr(error, "transient", isinstance(error, TimeoutError | OSError)))


@task(
    task_run_name="{need.title}",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
    timeout_seconds=LONGEST_ATTEMPT_S,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def connect(feed: Feed, need: Need) -> None:
    """Open the connection a need is about."""
    await asyncio.wrap_future(feed.perform(need))


resync = connect.with_options(name="resync", description="Fetch a seed for the book a need is about.")


async def see_to(feed: Feed, need: Need) -> bool:
    """
    Claim a need and run its task; True if it is met. Never raises what the venue did.

    Returns False at once when somebody else has claimed it; what the task could not do is given back.
    """
    if not need.claim():
        return False
    work: Callable[..., Any] = connect if need.kind == "connect" else resync
    try:
        await work(feed, need, return_state=True)
    finally:
        if not need.is_over:
            need.release()
    return need.is_over
