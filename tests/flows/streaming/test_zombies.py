"""Runs that Prefect shows as alive and that cannot be, on a real server."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.flows.streaming.processes import may_live, process_name

pytestmark = pytest.mark.engine


@pytest.fixture
def dead() -> str:
    """The name of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = process_name(process.pid)
    assert may_live(name)
    process.communicate()
    assert not may_live(name)
    return name


@pytest.fixture
def others() -> Iterator[str]:
    """The name of a process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process_name(process.pid)
    process.communicate()


def test_names_tell_processes_apart() -> None:
    name = process_name()
    assert may_live(name)
    assert not may_live(name + "0")  # a later process with the same number
    assert not may_live("elsewhere" + name)
    assert not may_live("")


async def test_what_is_proven_dead_gets_its_final_state(
    prefect_server: str, tmp_path: Path, dead: str, others: str
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling, Pending, Running, State

    from leadline.flows.stream import stream_books
    from leadline.flows.streaming.zombies import DB, PROCESS, Sweep, labels_of

    db = tmp_path / "x.duckdb"
    ours, elsewhere = labels_of(db)[DB], labels_of(tmp_path / "y.duckdb")[DB]
    async with get_client() as client:

        async def run(state: State[None], labels: dict[str, str], **rest: object) -> uuid.UUID:
            made = await client.create_flow_run(stream_books, state=state)
            if labels:
                await client.update_flow_run_labels(made.id, labels)
            return made.id

        mine = await run(Running(), labels_of(db))
        found = {
            "crashed": await run(Running(), {DB: ours, PROCESS: dead}),
            "pending": await run(Pending(), {DB: ours, PROCESS: dead}),
            "cancelled": await run(Cancelling(), {DB: ours, PROCESS: dead}),
            "another's": await run(Running(), {DB: elsewhere, PROCESS: dead}),
            "requests": await run(Running(), {DB: ours, PROCESS: others}),
            "no word yet": await run(Running(), {}),
        }
        since = dt.datetime.now(dt.UTC)
        found["younger"] = await run(Running(), {DB: ours, PROCESS: dead})
        ended = await Sweep(mine, db, since=since).run(client)
        states = {name: (await client.read_flow_run(id_)).state for name, id_ in found.items()}
        own = (await client.read_flow_run(mine)).state
        assert await Sweep(mine, db, since=since, grace_s=0).run(client) == [found["younger"]]

    assert {name for name, id_ in found.items() if id_ in ended} == {"crashed", "pending", "cancelled"}
    types = {name: str(state.type.value) for name, state in states.items() if state is not None}
    assert types == {
        "crashed": "CRASHED",
        "pending": "CRASHED",
        "cancelled": "CANCELLED",
        "another's": "RUNNING",
        "requests": "RUNNING",
        "no word yet": "RUNNING",
        "younger": "RUNNING",
    }
    crashed = states["crashed"]
    assert crashed is not None
    assert "its process is gone" in str(crashed.message)
    assert own is not None
    assert own.is_running()


async def test_a_run_without_a_word_is_judged_by_its_deployment(
    prefect_server: str, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from leadline.flows.stream import stream_books
    from leadline.flows.streaming.zombies import Sweep

    async with get_client() as client:
        flow_id = await client.create_flow(stream_books)
        one, two = [await client.create_deployment(flow_id, name) for name in ("one", "two")]

        async def run(deployment: uuid.UUID, **parameters: object) -> uuid.UUID:
            made = await client.create_flow_run_from_deployment(
                deployment, parameters=parameters, state=Running()
            )
            return made.id

        mine, same = await run(one, venue="loopback"), await run(one, venue="loopback")
        other, another = await run(one, venue="binance-usdm"), await run(two, venue="loopback")
        since = dt.datetime.now(dt.UTC)
        assert await Sweep(mine, tmp_path / "x.duckdb", since=since).run(client) == []  # too soon
        ended = await Sweep(mine, tmp_path / "x.duckdb", since=since, silent_s=0).run(client)
        younger = await run(one, venue="loopback")  # a turn of the schedule, its worker killed
        sweep = Sweep(mine, tmp_path / "x.duckdb", since=since)
        assert await sweep.run(client) == []
        sweep = Sweep(mine, tmp_path / "x.duckdb", since=since, silent_s=0)
        assert await sweep.run(client) == [younger]
    assert ended == [same]
    assert other not in ended
    assert another not in ended


@pytest.mark.parametrize("state", ["Cancelling", "Cancelled", "Crashed", "Failed", "Running"])
async def test_a_run_learns_of_its_state(prefect_server: str, tmp_path: Path, state: str) -> None:
    import threading

    from prefect import states
    from prefect.client.orchestration import get_client

    from leadline.flows.stream import stream_books
    from leadline.flows.streaming.ending import EndRequests
    from leadline.flows.streaming.own_run import OwnRun

    requests = EndRequests(tmp_path / "x.duckdb", threading.Event())
    async with get_client() as client:
        made = await client.create_flow_run(stream_books, state=states.Running())
        wanted: states.State[None] = getattr(states, state)()
        await client.set_flow_run_state(made.id, wanted, force=True)
        end = await OwnRun(str(made.id), tmp_path / "x.duckdb", requests).end_reason()
        after = (await client.read_flow_run(made.id)).state
    kinds = {"Cancelling": "cancelled", "Cancelled": "cancelled", "Failed": "stopped"}
    assert (end and end.kind) == kinds.get(state)
    assert after is not None
    # Taken for dead: put right, since it obviously lives.
    assert after.name == ("Running" if state == "Crashed" else state)
