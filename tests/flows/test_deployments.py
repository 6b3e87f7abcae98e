"""
The deployments of prefect.yaml on a real server and worker: deployed, scheduled, run.

Only a scheduled run shows that the scheduler works; ad-hoc runs do even where it is broken.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.guard import Child
from flows.prefect_report import PrefectUnreachable, ask
from flows.server import PrefectServer
from storage.connect import connect
from tests.flows.commands import ROOT
from tests.flows.waiting import until

PATIENCE_S = 180.0
NAMES = [
    "analyze-signals",
    "certify-data",
    "maintain-store",
    "snapshot-depth",
    "stream-books",
    "track-costs",
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def prefect(env: dict[str, str], *argv: str) -> str:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *argv]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def runs(server: PrefectServer, deployment: str) -> list[dict[str, object]]:
    """Return the deployment's runs; none while the server is too busy to answer."""
    where = {"deployments": {"name": {"any_": [deployment]}}, "sort": "START_TIME_ASC"}
    try:
        return ask(server.api_url, "/flow_runs/filter", where)
    except PrefectUnreachable:
        return []


def test_a_scheduled_run_streams_and_the_next_one_finds_it_running(
    server: PrefectServer, stream_env: dict[str, str], tmp_path: Path
) -> None:
    env = {**stream_env, "LEADLINE_ROTATE_S": "15"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    prefect(env, "work-pool", "create", "leadline", "--type", "process", "--overwrite")
    prefect(env, "deploy", "--all")
    deployed = ask(server.api_url, "/deployments/filter", {})
    assert sorted(each["name"] for each in deployed) == NAMES
    assert {each["concurrency_limit"] for each in deployed if each["name"] == "stream-books"} == {None}
    # The schedule of prefect.yaml is two minutes; here the same deployment gets a quicker one.
    stream = next(each for each in deployed if each["name"] == "stream-books")
    assert [each["schedule"]["interval"] for each in stream["schedules"]] == [120]
    schedules = f"{server.api_url}/deployments/{stream['id']}/schedules"
    httpx.delete(f"{schedules}/{stream['schedules'][0]['id']}").raise_for_status()
    quick = [{"active": True, "schedule": {"interval": 8}}]
    httpx.post(schedules, json=quick).raise_for_status()
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "leadline"]
    with Child(command, name="the worker", log=tmp_path / "worker.log", environ=env):

        def ended(state_name: str) -> list[dict[str, object]]:
            return [run for run in runs(server, "stream-books") if run["state_name"] == state_name]

        refused = until(
            lambda: ended("AlreadyRunning"), "a run found the stream running", timeout_s=PATIENCE_S
        )
        streamed = until(lambda: ended("Completed"), "the stream has rotated", timeout_s=PATIENCE_S)
    assert streamed[0]["auto_scheduled"] is True
    assert refused[0]["auto_scheduled"] is True
    assert str(streamed[0]["name"]).startswith("stream-books loopback-spot BTCUSDT ETHUSDT")
    with connect(tmp_path / "x.duckdb") as con:
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0] > 50


def test_nothing_of_this_machine_is_in_the_file() -> None:
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    assert json.dumps(str(ROOT)) not in text
    assert not [line for line in text.splitlines() if line.strip().startswith(("directory:", "pull:"))]
