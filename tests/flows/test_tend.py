"""Old runs go and what still runs stays: on a real server, with hundreds of old runs."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.flows.commands import ROOT
from tests.flows.prefect_ui.test_publisher import post

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
RUNNING, DONE = {"type": "RUNNING", "name": "Running"}, {"type": "COMPLETED", "name": "Completed"}
TICK = {**DONE, "name": "AlreadyRunning"}
CRASHED, CANCELLED = {"type": "CRASHED", "name": "Crashed"}, {"type": "CANCELLED", "name": "Cancelled"}
HOUR = dt.timedelta(hours=1)


class Past:
    """Writes history into a server, with dates of its own."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url
        self.flows: dict[str, str] = {}
        self.keys = itertools.count()

    def flow(self, name: str) -> str:
        if name not in self.flows:
            self.flows[name] = post(self.api_url, "/flows/", {"name": name})["id"]
        return self.flows[name]

    def run(self, flow: str, *states: dict[str, str], under: str | None = None) -> str:
        """Make a flow run that went through ``states``; ``under`` is the task run that stands for it."""
        made = post(
            self.api_url,
            "/flow_runs/",
            {"flow_id": self.flow(flow), "name": f"{flow} of old", "parent_task_run_id": under},
        )
        self._set("flow_runs", made["id"], states)
        return str(made["id"])

    def task(self, flow_run: str, *states: dict[str, str]) -> str:
        made = post(
            self.api_url,
            "/task_runs/",
            {"flow_run_id": flow_run, "task_key": "t", "dynamic_key": str(next(self.keys))},
        )
        self._set("task_runs", made["id"], states)
        return str(made["id"])

    def _set(self, kind: str, row: str, states: Sequence[dict[str, str]]) -> None:
        for state in states:
            post(self.api_url, f"/{kind}/{row}/set_state", {"state": state, "force": True})

    def artifact(self, key: str | None, flow_run: str | None) -> str:
        body = {"key": key, "type": "markdown", "data": "x", "flow_run_id": flow_run}
        return str(post(self.api_url, "/artifacts/", body)["id"])

    def count(self, kind: str, wanted: dict[str, Any]) -> int:
        return int(post(self.api_url, f"/{kind}/count", wanted))

    def is_there(self, kind: str, row: str) -> bool:
        return httpx.get(f"{self.api_url}/{kind}/{row}", timeout=60).status_code == 200


async def tend(now: dt.datetime | None = None, **given: float) -> str:
    from prefect.client.orchestration import get_client

    from leadline.flows.tend import PrefectCleaner

    async with get_client() as client:
        cleaner = PrefectCleaner(client, **{"keep_days": 7, "keep_hours": 6, "max_seconds": 120, **given})
        await cleaner.clean(now)
        return cleaner.summary()


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_hundreds_of_old_runs_go_and_the_running_stream_stays(prefect_server: str) -> None:
    past = Past(prefect_server)
    await tend(now() + dt.timedelta(days=30))  # what other tests left there
    # The server stamps states itself, so the test moves the clock of the tending instead: what is made
    # before `old` is days ago, what is made before `recent` is hours ago.
    stream = past.run("stream-books", RUNNING)
    old = [past.run("certify-data", RUNNING, DONE) for _ in range(120)]
    dead, dropped = past.run("stream-books", RUNNING, CRASHED), past.run("track-costs", CANCELLED)
    foreign = past.run("somebody-else", RUNNING, DONE)
    page, own_page = past.artifact("leadline-old", old[0]), past.artifact("leadline-live", stream)
    versions = [past.artifact("leadline-loose", None) for _ in range(3)]
    days_ago = now()
    tasks = [past.task(stream, RUNNING, DONE) for _ in range(3)]
    open_task = past.task(stream, RUNNING)
    for task in tasks:
        past.run("snapshot-depth", RUNNING, DONE, under=task)
    under = {"flow_runs": {"parent_flow_run_id": {"any_": [stream]}}}
    assert past.count("flow_runs", under) == 3
    tick, recent = past.run("stream-books", RUNNING, TICK), past.run("certify-data", RUNNING, DONE)
    hours_ago = now()
    fresh_task = past.task(stream, RUNNING, DONE)
    fresh = past.run("snapshot-depth", RUNNING, DONE, under=fresh_task)

    then = hours_ago + HOUR
    kept = {"keep_hours": 1.0, "keep_days": (then - days_ago) / dt.timedelta(days=1)}
    said = await tend(then, **kept)
    assert "126 runs" in said  # 120, crashed, cancelled, tick, three sub-flows
    gone = {"flow_runs": {"id": {"any_": [*old, dead, dropped, tick]}}}
    assert past.count("flow_runs", gone) == 0
    assert past.count("flow_runs", under) == 1
    assert [past.is_there("task_runs", task) for task in tasks] == [False] * 3
    for kind, row in (
        ("flow_runs", stream), ("flow_runs", recent), ("flow_runs", foreign), ("flow_runs", fresh),
        ("task_runs", open_task), ("task_runs", fresh_task), ("artifacts", own_page),
    ):  # fmt: skip
        assert past.is_there(kind, row), (kind, row)
    assert not past.is_there("artifacts", page)
    assert [past.is_there("artifacts", version) for version in versions] == [False, False, True]
    assert await tend(then, **kept) == "deleted nothing"


async def test_time_is_kept_and_the_next_run_goes_on(prefect_server: str) -> None:
    past = Past(prefect_server)
    run = past.run("certify-data", RUNNING, DONE)
    then = now() + 24 * 30 * HOUR
    assert "the next run goes on" in await tend(then, max_seconds=0)
    assert past.is_there("flow_runs", run)
    await tend(then)
    assert not past.is_there("flow_runs", run)


@pytest.mark.parametrize("given", [{"keep_hours": 0.1}, {"keep_days": 0.1}, {"keep_hours": float("nan")}])
async def test_what_people_still_look_at_is_not_deleted(given: dict[str, float]) -> None:
    from leadline.book.errors import BadInput

    with pytest.raises(BadInput, match="expected hours"):
        await tend(**given)


async def test_the_flow_says_what_it_did(prefect_server: str, tmp_path: Path, monkeypatch: Any) -> None:
    from leadline.flows.tend import tend_prefect

    monkeypatch.setenv("LEADLINE_HOME", str(tmp_path))
    state = await tend_prefect(return_state=True)
    assert state.is_completed()
    assert str(state.message).startswith("deleted ")


def test_the_names_of_our_flows_are_those_deployed() -> None:
    from leadline.flows.config.names import FLOWS

    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert {each["name"] for each in project["deployments"]} <= set(FLOWS)
