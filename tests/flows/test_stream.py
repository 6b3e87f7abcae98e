"""The long-lived flow: in the test engine, and as a program whose Prefect server goes away."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.demo.prefect_proof import ask, runs_of, send
from leadline.flows.local.prefect_server import PrefectServer
from leadline.storage.access.connect import connect
from leadline.storage.queries import invariants as audit
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.threaded import ThreadedVenue
from tests.flows.commands import finish, start
from tests.flows.waiting import until

PATIENCE_S = 90.0  # on a machine that has much else to do
T = TypeVar("T")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def settings(venue: ThreadedVenue, tmp_path: Path) -> Settings:
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue="loopback-spot",
        symbols=("BTCUSDT", "ETHUSDT"),
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        snapshot_every_s=0.5,
        rotate_s=90,
    )


def wait(get: Callable[[], T], what: str) -> T:
    return until(get, what, timeout_s=PATIENCE_S)


async def soon(get: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(wait, get, what)


@pytest.mark.engine
async def test_a_run_shows_its_work_and_ends_when_asked(
    settings: Settings, venue: ThreadedVenue, prefect_server: str
) -> None:
    from leadline.flows.stream import StreamSession, session_flow

    session = StreamSession(settings)
    run = asyncio.create_task(session_flow(session)(settings={"db": str(settings.db)}, return_state=True))
    host = await soon(lambda: session.host, "the database is open")
    await soon(lambda: host.status().feed.live == 2, "both books are live")
    venue.inject(Fault(kind=FaultKind.DROP, symbol="ETHUSDT"))
    await soon(lambda: host.status().feed.symbol("ETHUSDT").resyncs, "the gap is healed")
    await soon(lambda: session.reports >= 2, "sub-flows have reported")

    # A second run on the same database leaves at once.
    second = await session_flow(StreamSession(settings))(return_state=True)
    assert (second.name, second.is_completed()) == ("AlreadyRunning", True)
    assert str(second.message).startswith(f"nothing to do: process {os.getpid()} streams into")

    session.stop.set()
    state = await run
    assert state.is_completed(), state
    assert str(state.message).startswith("stopped: ")
    assert session.is_closed.is_set()

    def told() -> Any:
        runs = runs_of(prefect_server, session.flow_run_id)
        names = " ".join(name for _, name in runs.tasks)
        return runs if "resync ETHUSDT (gap: expected" in names and runs.is_final else None

    runs = await soon(told, "the API knows all runs")
    assert runs.flow == ("COMPLETED", "stream-books loopback-spot BTCUSDT ETHUSDT")
    assert {state for state, _ in runs.everything} == {"COMPLETED"}
    assert any(name.startswith("connect loopback-spot") for _, name in runs.tasks)
    assert "snapshot-depth loopback-spot: 2/2 trusted" in [name for _, name in runs.subflows]
    assert "AlreadyRunning" in settings.log_file.read_text()
    with connect(settings.db) as con:
        ended = con.execute("SELECT DISTINCT ended_by FROM coverage ORDER BY ALL").fetchall()
        samples = con.execute("SELECT count(*) FROM depth_snapshots WHERE trusted").fetchall()
    assert ended == [("gap",), ("stopped",)]
    assert samples[0][0] >= 4


@pytest.mark.engine
async def test_one_run_follows_another_without_losing_an_update(settings: Settings) -> None:
    from leadline.flows.stream import StreamSession, session_flow

    old, new = StreamSession(settings), StreamSession(settings)
    first = asyncio.create_task(session_flow(old)(return_state=True))
    await soon(lambda: old.host and old.host.status().feed.live == 2, "both books are live")
    second = asyncio.create_task(session_flow(new)(handover=True, return_state=True))
    state = await asyncio.wait_for(first, PATIENCE_S)
    assert (state.name, state.is_completed()) == ("HandedOver", True)
    assert str(state.message).startswith(f"handed over to process {os.getpid()}: it is warm")
    await soon(lambda: new.host and new.host.feed.status().live == 2, "both books are live")
    await soon(lambda: count(settings.db, "depth_snapshots") > 2, "it takes samples")
    await soon(lambda: new.reports, "and reports them")
    new.stop.set()
    state = await second
    assert state.name == "Completed", state
    with connect(settings.db) as con:
        assert audit.lost_ids(con).rows == audit.doubled_ids(con).rows == []
        ended = con.execute("SELECT ended_by, count(*) FROM coverage GROUP BY ALL ORDER BY ALL").fetchall()
        assert ended == [("handover", 2), ("stopped", 2)]
        holes = con.execute("SELECT cause, count(*) FROM coverage_holes GROUP BY ALL").fetchall()
        assert holes == [("stopped", 2)]  # those that are open now


@pytest.mark.engine
async def test_rotation_asks_the_deployment_for_a_successor(prefect_server: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    from leadline.flows.stream import stream_books
    from leadline.flows.streaming.handover import Rotation

    async with get_client() as client:
        flow_id = await client.create_flow(stream_books)
        deployment = await client.create_deployment(flow_id, "rotating")
        run = await client.create_flow_run_from_deployment(deployment, parameters={"venue": "loopback"})
        rotation = Rotation(60.0, run)
        assert not rotation.comes_due(59.9)
        assert rotation.comes_due(60.0)
        assert not rotation.comes_due(60.2)  # once, however late the asking begins
        await rotation.ask()
        assert not rotation.comes_due(61.0)  # it takes a while to come
        assert rotation.comes_due(61.0 + rotation.ASK_AGAIN_S)
        assert not rotation.is_over(61.0)
        assert rotation.is_over(60.0 + rotation.PATIENCE_S)
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        others = await client.read_flow_runs(deployment_filter=of_it)
    assert [one.parameters for one in others if one.id != run.id] == [
        {"venue": "loopback", "handover": True}
    ]
    alone = Rotation(60.0, None)
    assert not alone.comes_due(1e9)
    assert alone.is_over(60.0)


@pytest.mark.engine
async def test_a_cancelled_run_still_flushes_and_unlocks(settings: Settings) -> None:
    from leadline.flows.stream import StreamSession, session_flow

    session = StreamSession(settings)
    run = asyncio.create_task(session_flow(session)(return_state=True))
    host = await soon(lambda: session.host, "the database is open")
    await soon(lambda: host.status().feed.live == 2, "both books are live")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert session.is_closed.is_set()
    with connect(settings.db, write=True) as con:  # nobody holds the file
        assert con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall() == [("stopped",)]


@pytest.mark.engine
async def test_what_breaks_the_writer_fails_the_run(settings: Settings) -> None:
    from leadline.flows.stream import StreamSession, session_flow

    session = StreamSession(settings)
    run = asyncio.create_task(session_flow(session)(return_state=True))
    host = await soon(lambda: session.host, "the database is open")
    await soon(lambda: host.status().rows.get("diffs"), "rows are stored")
    owner = host._owner
    assert owner is not None
    owner.cursor().execute("DROP TABLE depth_diffs")  # the store is not what it was: no plan for that
    state = await asyncio.wait_for(run, 60)
    assert state.is_failed()
    assert "depth_diffs" in str(state.message)


# -- as a program ----------------------------------------------------------------------------------


def count(db: Path, table: str = "depth_diffs") -> int:
    with connect(db) as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def subflows(server: PrefectServer, state: str) -> Iterator[str]:
    for run in ask(server.api_url, "/flow_runs/filter", {"sort": "START_TIME_ASC"}, environ=server.environ):
        if run["name"].startswith("snapshot-depth") and run["state_type"] == state:
            yield run["start_time"]


def is_stream(run: dict[str, Any]) -> bool:
    return run["state_type"] == "RUNNING" and str(run["name"]).startswith("stream-books")


@pytest.mark.slow
def test_books_and_rows_go_on_while_the_prefect_server_is_away(
    server: PrefectServer, stream_env: dict[str, str], tmp_path: Path
) -> None:
    db = tmp_path / "x.duckdb"
    stream = start(tmp_path, "stream", "--json", env=stream_env)
    try:
        wait(db.exists, "the database is there")
        wait(lambda: count(db) > 10, "rows land")
        wait(lambda: list(subflows(server, "COMPLETED")), "a sub-flow has completed")

        server.stop()
        before, samples = count(db), count(db, "depth_snapshots")
        wait(lambda: count(db) > before + 80, "rows land without the server")
        wait(lambda: count(db, "depth_snapshots") > samples + 6, "samples land without the server")

        server.start()
        known = set(subflows(server, "COMPLETED"))
        wait(lambda: set(subflows(server, "COMPLETED")) - known, "sub-flows complete again")
        # Prefect's own observer of cancellations does not survive an outage.
        found = ask(server.api_url, "/flow_runs/filter", {}, environ=server.environ)
        (run,) = (run for run in found if is_stream(run))
        cancel = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        send(server.api_url, "POST", f"/flow_runs/{run['id']}/set_state", cancel, environ=server.environ)
        said = finish(stream)
        runs = runs_of(server.api_url, run["id"], environ=server.environ)
    finally:
        stream.kill()
    assert said.code == 0, said.err
    assert json.loads(said.out)["state"] == "Cancelled"
    assert runs.flow[0] == "CANCELLED"
    assert "Traceback" not in said.err
    with connect(db) as con:
        assert con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall() == [("cancelled",)]
    assert "could not be reported" in (tmp_path / "home" / "stream.log").read_text()


@pytest.mark.slow
def test_a_second_stream_on_the_same_database_is_told_so(
    stream_env: dict[str, str], tmp_path: Path
) -> None:
    first = start(tmp_path, "stream", env=stream_env)
    try:
        wait((tmp_path / "x.duckdb.quack.json").exists, "the first stream serves")
        said = finish(start(tmp_path, "stream", env=stream_env))
        assert said.code == 1
        assert "AlreadyRunning" in said.err
        assert "use another --db" in said.err
        # Asked to end by a note beside the file.
        asked = finish(start(tmp_path, "stop", "--why", "new disk", "--json", env=stream_env))
        assert json.loads(asked.out)["pid"] == first.pid
        said = finish(first)
        assert said.code == 0
        assert "(leadline stop): new disk" in said.err
    finally:
        first.kill()
    assert finish(start(tmp_path, "stop", env=stream_env)).code == 1  # nobody is left to ask


def test_wrong_settings_are_told_before_anything_starts(tmp_path: Path, stream_env: dict[str, str]) -> None:
    said = finish(start(tmp_path, "stream", "--symbols", "NO/SUCH", env=stream_env))
    assert said.code == 2
    assert "letters and digits" in said.err


async def test_an_api_that_is_away_is_asked_for_a_successor_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.client.schemas.objects import FlowRun

    from leadline.flows.streaming import handover

    def away() -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(handover, "get_client", away)
    rotation = handover.Rotation(60.0, FlowRun(flow_id=uuid4(), deployment_id=uuid4()))
    assert rotation.comes_due(60.0)
    await rotation.ask()
    assert not rotation.comes_due(59.0 + rotation.RETRY_S)
    assert rotation.comes_due(60.0 + rotation.RETRY_S)
    assert not rotation.comes_due(61.0 + rotation.RETRY_S)
