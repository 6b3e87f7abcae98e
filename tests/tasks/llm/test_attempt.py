"""Exactly one outcome for every attempt, wherever it is cut off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.storage.errors import StoreOwned
from leadline.storage.spend.calls import Outcome, Plan
from leadline.tasks.llm.gate import Gate
from leadline.tasks.llm.limits import TurnRefused
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.tasks.llm.listed import Listed, a_client, a_request
from tests.tasks.llm.scripted import ScriptedServer, fails, says

LATE = replace(says(), delay_s=30)


@pytest.fixture
async def late() -> AsyncIterator[ScriptedServer]:
    """A server that answers far too late."""
    async with ScriptedServer(LATE) as server:
        yield server


async def seen(server: ScriptedServer, count: int) -> None:
    """Wait until requests have come."""
    async with asyncio.timeout(60):
        while server.calls < count:  # noqa: ASYNC110  the server keeps no event for it
            await asyncio.sleep(0.005)


async def cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_while_the_answer_is_awaited(late: ScriptedServer, tmp_path: Path) -> None:
    journal = Listed()
    async with a_client(late.base_url, journal, tmp_path) as client:
        task = asyncio.create_task(client.complete(a_request()))
        await seen(late, 1)
        await cancelled(task)
    journal.assert_paired()
    (outcome,) = journal.outcomes
    assert (outcome.status, outcome.was_sent, outcome.usage) == (None, True, None)
    assert outcome.error == "given up: the asking task was cancelled"


async def test_cancelled_while_the_journal_reserves(tmp_path: Path) -> None:
    """The reservation was made: it is given back, and nothing is sent."""
    entered, go = threading.Event(), threading.Event()

    def block(_plan: Plan) -> None:
        entered.set()
        assert go.wait(10)

    journal = Listed(on_before=block)
    async with ScriptedServer(says()) as server, a_client(server.base_url, journal, tmp_path) as client:
        task = asyncio.create_task(client.complete(a_request()))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # impatience changes nothing
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.calls == 0
    journal.assert_paired()
    assert not journal.outcomes[0].was_sent


async def test_cancelled_while_the_journal_books(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def block(_outcome: Outcome) -> None:
        entered.set()
        assert go.wait(10)

    journal = Listed(on_after=block)
    async with ScriptedServer(says()) as server, a_client(server.base_url, journal, tmp_path) as client:
        task = asyncio.create_task(client.complete(a_request()))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    journal.assert_paired()
    assert journal.outcomes[0].usage is not None


async def test_a_loop_that_ends_leaves_nothing_open(tmp_path: Path) -> None:
    """The tasks of many questions are cut off at once, as by Ctrl-C."""
    journal = Listed()

    async def run() -> None:
        async with ScriptedServer(LATE) as server:
            client = a_client(server.base_url, journal, tmp_path)
            kept = [asyncio.create_task(client.complete(a_request(signal_id=f"s{n}"))) for n in range(20)]
            await seen(server, 20)
            assert len(kept) == 20  # and go, without waiting for them

    await asyncio.to_thread(asyncio.run, run())
    assert len(journal.plans) == 20
    journal.assert_paired()


async def test_without_a_ledger_nothing_is_sent(tmp_path: Path) -> None:
    def refuse(_plan: Plan) -> None:
        raise StoreOwned(tmp_path / "a.duckdb", 1, None)

    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, Listed(on_before=refuse), tmp_path) as client:
            with pytest.raises(StoreOwned):
                await client.complete(a_request())
        assert server.calls == 0


async def test_a_ledger_that_fails_to_book_is_heard_of(tmp_path: Path) -> None:
    def refuse(_outcome: Outcome) -> None:
        raise StoreOwned(tmp_path / "a.duckdb", 1, None)

    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, Listed(on_after=refuse), tmp_path) as client:
            with pytest.raises(StoreOwned):
                await client.complete(a_request())
        assert server.calls == 1


async def test_plans_say_what_is_about_to_happen(tmp_path: Path) -> None:
    journal = Listed()
    async with ScriptedServer(fails(503), says("no"), says()) as server:
        async with a_client(server.base_url, journal, tmp_path) as client:
            reply = await client.complete(a_request())
        sent = [request.body for request in server.seen]
    assert (reply.outcome, reply.repaired) == ("ok", True)
    assert [(plan.attempt, plan.purpose) for plan in journal.plans] == [
        (1, "answer"), (2, "answer"), (3, "repair"),
    ]  # fmt: skip
    assert {plan.provider for plan in journal.plans} == {"holysheep"}
    for plan, body in zip(journal.plans, sent, strict=True):
        assert plan.completion_tokens_max == body["max_tokens"] == 100
        assert 3 < (plan.expires_at - plan.ts).total_seconds() <= 8 + 5
    bounds = [plan.prompt_tokens_max for plan in journal.plans]
    assert bounds[0] == bounds[1] < bounds[2]
    assert [outcome.error for outcome in journal.outcomes][2] is None
    assert reply.totals.attempts == 3
    assert reply.totals.prompt_tokens == 600


async def test_a_slow_journal_costs_another_turn_not_the_limit(tmp_path: Path) -> None:
    """Two a second: both turns of the first second pass in the journal, so both requests take new ones."""
    journal = Listed(on_before=lambda _plan: time.sleep(0.2))
    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, journal, tmp_path, requests_per_s=2) as client:
            await asyncio.gather(*(client.complete(a_request(signal_id=f"s{n}")) for n in range(2)))
        times = sorted(request.at_s for request in server.seen)
        gate = Gate(tmp_path, "holysheep", limit=2, clock=SYSTEM_CLOCK)
        nobody = gate.admit("gpt-4.1", patience_s=0.5)
    assert isinstance(nobody, TurnRefused), "the second window is full"
    assert len(times) == 2
    journal.assert_paired()
