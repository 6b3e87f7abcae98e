"""
``leadline up`` as a program, and with it every deployment on a real server and worker, scheduled and run.

Only scheduled runs show that the scheduler works; ad-hoc runs do even where it is broken. One house
serves all of it: starting one takes half a minute.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_report import PrefectUnreachable, ask
from flows.server import free_port, is_healthy
from flows.up import deploying
from storage.connect import connect
from storage.requests import stop_stream
from tests.flows.commands import ROOT, environ, finish, start
from tests.flows.waiting import is_alive, until

PATIENCE_S = 240.0  # the machine may have much else to do
NAMES = [
    "analyze-signals",
    "certify-data",
    "maintain-store",
    "score-signals",
    "snapshot-depth",
    "stream-books",
    "tend-prefect",
    "track-costs",
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def hasty(folder: Path) -> Path:
    """Write a project file in which every job runs every half minute, at seconds of its own."""
    project = deploying.read_project(ROOT / "prefect.yaml")
    for n, each in enumerate(project["deployments"]):
        anchor = f"2026-01-01T00:00:{5 * n:02}Z"
        each["schedules"] = [{"interval": 30, "anchor_date": anchor, "slug": "hasty", "active": True}]
    return deploying.write_project(project, folder / "hasty.yaml", Path("prefect.yaml"))


class Up:
    """One house, started as a person would, and its API."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = folder / "x.duckdb"
        self.env = environ(LEADLINE_HOME=str(folder / "home"), LEADLINE_SNAPSHOT_EVERY_S="2")
        self.argv = ["up", "--venue", "loopback", "--db", "x.duckdb", "--json"]
        self.argv += ["--port", str(free_port()), "--project", str(hasty(folder)), "--schedules", "file"]
        with (folder / "up.err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows", *self.argv],
                cwd=folder, env=self.env, stdout=subprocess.PIPE, stderr=err, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.words()
        self.where = json.loads(line)
        self.api = self.where["api_url"]

    def words(self) -> str:
        return (self.folder / "up.err").read_text(encoding="utf-8")

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Return the deployment's runs; none while the server is too busy to answer."""
        where = {"deployments": {"name": {"any_": [deployment]}}, "sort": "START_TIME_ASC"}
        try:
            return ask(self.api, "/flow_runs/filter", where)
        except PrefectUnreachable:
            return []

    def completed(self, deployment: str) -> list[dict[str, Any]]:
        runs = self.runs(deployment)
        return [run for run in runs if run["state_type"] == "COMPLETED" and run["auto_scheduled"]]

    def stream_pid(self) -> int | None:
        try:
            return int(json.loads((self.folder / "x.duckdb.quack.json").read_text())["pid"])
        except (OSError, ValueError):
            return None

    def parts(self) -> dict[int, str]:
        """Every process of this house: its environment names the home folder."""
        home = f"LEADLINE_HOME={self.folder / 'home'}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and home in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if is_alive(pid)}


def test_up_runs_every_deployment_mends_itself_and_closes_in_order(tmp_path: Path) -> None:
    house = Up(tmp_path)
    try:
        deployed = {each["name"]: each for each in ask(house.api, "/deployments/filter", {})}
        assert sorted(deployed) == NAMES
        for each in deployed.values():
            assert "When it fails:" in each["description"]
            assert "leadline" in each["tags"]
            assert [schedule["active"] for schedule in each["schedules"]] == [True]
            parameters = each["parameter_openapi_schema"]["properties"]
            assert all(parameter["description"] for parameter in parameters.values())
        limits = {name: each["concurrency_limit"] for name, each in deployed.items()}
        # A deployment with a limit shows it as a global limit; the stream has none.
        assert limits["stream-books"] is None
        assert deployed["stream-books"]["concurrency_options"] is None
        assert deployed["track-costs"]["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"

        # A second one finds the first.
        second = finish(start(tmp_path, *house.argv, env=house.env))
        assert second.code == 0, second.err
        found = json.loads(second.out)
        assert (found["found"], found["pid"], found["ui_url"]) == (
            True,
            house.process.pid,
            house.where["ui_url"],
        )

        # The worker dies while the stream streams: it goes on, and the worker comes back.
        first = until(house.stream_pid, "a stream serves the database", timeout_s=PATIENCE_S)
        (worker,) = [
            pid
            for pid, line in house.parts().items()
            if " -m prefect worker " in line and "guard" not in line
        ]
        os.kill(worker, signal.SIGKILL)
        until(lambda: "worker was started again" in house.words(), "a new worker", timeout_s=PATIENCE_S)
        assert is_alive(first)

        # A stream that ends is replaced by the schedule.
        stop_stream(house.db, who="a test", why="to see the next one")
        until(
            lambda: (pid := house.stream_pid()) is not None and pid != first,
            "the schedule has started a new stream",
            timeout_s=PATIENCE_S,
        )
        for name in NAMES:
            until(lambda name=name: house.completed(name), f"{name} has completed", timeout_s=PATIENCE_S)
        certificates = ask(
            house.api, "/artifacts/filter", {"artifacts": {"key": {"any_": ["data-certificate"]}}}
        )
        assert certificates

        house.process.send_signal(signal.SIGINT)
        house.process.wait(120)
    finally:
        house.process.kill()
        time.sleep(0)
    assert house.process.returncode == 0, house.words()
    assert "everything is stopped, the database is closed" in house.words()
    assert "Traceback" not in house.words()
    until(lambda: not house.parts(), "no part is left")
    assert not is_healthy(house.api)
    assert not (tmp_path / "x.duckdb.quack.json").exists()
    with connect(house.db, write=True) as con:  # nobody holds the file
        assert con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall() == [("stopped",)]
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0] > 50


def test_the_file_deploys_from_a_clone_by_prefects_own_command(
    stream_env: dict[str, str], server: Any
) -> None:
    def prefect(*argv: str) -> None:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *argv]
        ran = subprocess.run(command, cwd=ROOT, env=stream_env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    prefect("work-pool", "create", "leadline", "--type", "process", "--overwrite")
    prefect("deploy", "--all")
    deployed = {each["name"]: each for each in ask(server.api_url, "/deployments/filter", {})}
    assert sorted(deployed) == NAMES
    (schedule,) = deployed["stream-books"]["schedules"]
    assert 60 <= schedule["schedule"]["interval"] <= 300
    (schedule,) = deployed["maintain-store"]["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("41 3 * * *", "UTC")


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (["--server", "localhost:4200"], 2, "expected a URL such as"),
        (["--symbols", "NO/SUCH"], 2, "letters and digits"),
        (["--project", "nope.yaml"], 1, "nope.yaml: not a readable project file"),
        (["--server", "http://h", "--port", "1"], 2, "not allowed with"),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(
    tmp_path: Path, argv: list[str], code: int, expected: str
) -> None:
    said = finish(start(tmp_path, "up", *argv, env=environ()))
    assert said.code == code, said.err
    assert expected in said.err


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    said = finish(start(tmp_path, "down", env=environ()))
    assert said.code == 1
    assert "nothing runs in .leadline" in said.err
