"""
``leadline up`` as a program, and with it every deployment on a real server and worker, scheduled and run.

Only scheduled runs show that the scheduler works; ad-hoc runs do even where it is broken. One house
serves all of it: starting one takes half a minute.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.demo.prefect_proof import PrefectUnreachable, ask
from leadline.flows.local import deploy as deploying
from leadline.flows.local.prefect_server import (
    PrefectServer,
    environment,
    free_port,
    is_healthy,
    login_file,
)
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError
from leadline.storage.handover.requests import stop_stream
from tests.flows.commands import ROOT, Said, environ, finish, start
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
    """
    Write a project file in which every job runs soon, one after the other.

    Two cores carry a run in some seconds. Where more are due than that, all are late, and later with each
    minute; so each job is due once or twice while the test lasts, and only the stream's more often.
    """
    project = deploying.read_project(ROOT / "prefect.yaml")
    first = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)  # when it is up
    for n, each in enumerate(project["deployments"]):
        every_s = 30 if each["name"] == "stream-books" else 150
        anchor = (first + n * dt.timedelta(seconds=5)).isoformat()
        each["schedules"] = [{"interval": every_s, "anchor_date": anchor, "slug": "hasty", "active": True}]
    return deploying.write_project(project, folder / "hasty.yaml", Path("prefect.yaml"))


class Up:
    """One house, started as a person would, and its API."""

    def __init__(self, folder: Path, *flags: str, login: str | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.db = folder / "x.duckdb"
        # Whom analyze-signals asks is tested elsewhere; here a model would only make the runs late.
        self.env = environ(
            LEADLINE_HOME=str(self.home),
            LEADLINE_SNAPSHOT_EVERY_S="2",
            LEADLINE_LLM_PROVIDER="none",
            **({} if login is None else {"PREFECT_API_AUTH_STRING": login}),
        )
        self.argv = [
            "up",
            "--venue",
            "loopback",
            "--db",
            "x.duckdb",
            "--json",
            "--schedules",
            "file",
            *flags,
        ]
        self.api = self.ui = ""
        self.pid = 0

    def start(self, *flags: str) -> None:
        """Start it in the background."""
        said = finish(
            start(self.folder, *self.argv, *flags, "--detach", env=self.env), timeout_s=PATIENCE_S
        )
        assert said.code == 0, said.err + self.words()
        where = json.loads(said.out)
        self.api, self.ui, self.pid = where["api_url"], where["ui_url"], where["pid"]
        assert f"it runs as process {self.pid}" in said.err

    @property
    def client(self) -> dict[str, str]:
        """The environment of a client of its server."""
        return {**environment(self.home, self.api), **self.env}

    def command(self, *argv: str) -> Said:
        return finish(start(self.folder, *argv, env=self.env), timeout_s=PATIENCE_S)

    def end_hard(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        for pid in self.parts():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def words(self) -> str:
        log = self.home / "up.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Return the deployment's runs; none while the server is too busy to answer."""
        where = {"deployments": {"name": {"any_": [deployment]}}, "sort": "START_TIME_ASC"}
        try:
            return ask(self.api, "/flow_runs/filter", where, environ=self.client)
        except PrefectUnreachable:
            return []

    def lacking(self) -> list[str]:
        """Name the deployments of which no scheduled run has completed so far."""
        return [name for name in NAMES if not any(map(_is_done, self.runs(name)))]

    def states(self) -> dict[str, list[str]]:
        """Say of every run that began how it is, for a failure's message."""
        return {name: [run["state_name"] for run in self.runs(name) if run["start_time"]] for name in NAMES}

    def rows(self) -> int:
        """Count the updates stored; 0 while nobody serves them."""
        try:
            with connect(self.db) as con:
                return int(con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0])
        except StoreError:
            return 0

    def stream_pid(self) -> int | None:
        try:
            return int(json.loads((self.folder / "x.duckdb.quack.json").read_text())["pid"])
        except (OSError, ValueError):
            return None

    def worker_pid(self) -> int:
        (found,) = [
            pid
            for pid, line in self.parts().items()
            if " -m prefect worker " in line and "guard" not in line
        ]
        return found

    def parts(self) -> dict[int, str]:
        """Every process of this house: its environment names the home folder."""
        home = f"LEADLINE_HOME={self.home}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and home in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if is_alive(pid)}


def _is_done(run: dict[str, Any]) -> bool:
    return run["state_type"] == "COMPLETED" and bool(run["auto_scheduled"])


def patiently(api: str, path: str, body: dict[str, Any], client: dict[str, str]) -> list[dict[str, Any]]:
    """Ask a server that may be too busy to answer at once."""

    def answers() -> list[list[dict[str, Any]]]:
        with contextlib.suppress(PrefectUnreachable):
            return [ask(api, path, body, environ=client)]
        return []

    return until(answers, f"an answer of {path}", timeout_s=PATIENCE_S)[0]


def check_deployed(api: str, client: dict[str, str]) -> None:
    """Every deployment is there, says what it does, and has the limits it should have."""
    deployed = {each["name"]: each for each in patiently(api, "/deployments/filter", {}, client)}
    assert sorted(deployed) == NAMES
    for each in deployed.values():
        assert "When it fails:" in each["description"]
        assert "leadline" in each["tags"]
        assert [schedule["active"] for schedule in each["schedules"]] == [True]
        parameters = each["parameter_openapi_schema"]["properties"]
        assert all(parameter["description"] for parameter in parameters.values())
    # A deployment with a limit shows it as a global limit; the stream has none.
    assert deployed["stream-books"]["concurrency_limit"] is None
    assert deployed["stream-books"]["concurrency_options"] is None
    assert deployed["track-costs"]["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def check_login_is_hidden(house: Up) -> None:
    """The log-in is in its file and in the environment of who needs it, and nowhere else."""
    file = login_file(house.home)
    secret = file.read_bytes().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(secret) > 30
    forms = secret, secret.partition(b":")[2], base64.b64encode(secret)
    commands = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert b"leadline.flows.local.prefect_app" in commands
    assert not any(form in commands for form in forms)
    files = [path for path in house.folder.rglob("*") if path.is_file() and path != file]
    assert {"up.log", "worker.log", "prefect.db", "prefect.yaml"} <= {path.name for path in files}
    assert not [path for path in files if any(form in path.read_bytes() for form in forms)]
    assert house.words().count(f"log in with the line in {file}") == 1


def check_closed(house: Up) -> None:
    """Nothing is left of a house but a database that was closed in order."""
    until(lambda: not house.parts(), "no part is left", timeout_s=PATIENCE_S)
    assert "everything is stopped, the database is closed" in house.words()
    assert "Traceback" not in house.words()
    assert not (house.folder / "x.duckdb.quack.json").exists()
    with connect(house.db, write=True) as con:  # nobody holds the file
        assert con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall() == [("stopped",)]
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall()[0][0] > 50


def test_up_runs_every_deployment_mends_itself_and_closes_in_order(tmp_path: Path) -> None:
    house = Up(tmp_path, "--port", str(free_port()), "--project", str(hasty(tmp_path)))
    try:
        house.start()
        check_deployed(house.api, house.client)

        # A second one finds the first.
        second = house.command(*house.argv)
        assert second.code == 0, second.err
        found = json.loads(second.out)
        assert (found["found"], found["pid"], found["ui_url"]) == (True, house.pid, house.ui)

        # The worker dies while the stream streams: it goes on, and the worker comes back.
        until(lambda: house.rows() > 50, "rows are stored", timeout_s=PATIENCE_S)
        first = house.stream_pid()
        assert first is not None
        os.kill(house.worker_pid(), signal.SIGKILL)
        until(lambda: "worker was started again" in house.words(), "a new worker", timeout_s=PATIENCE_S)
        assert is_alive(first)

        # A stream that ends is replaced by the schedule, and its run is over though its worker is gone.
        stop_stream(house.db, who="a test", why="to see the next one", timeout_s=PATIENCE_S)
        until(
            lambda: (pid := house.stream_pid()) is not None and pid != first,
            "the schedule has started a new stream",
            timeout_s=PATIENCE_S,
        )
        until(
            lambda: (
                [
                    run["state_type"]
                    for run in house.runs("stream-books")
                    if "to see the next one" in (run["state"]["message"] or "")
                ]
                == ["COMPLETED"]
            ),
            "the run that was asked to end is completed",
            timeout_s=PATIENCE_S,
        )
        until(
            lambda: not house.lacking(),
            lambda: f"all have completed: {house.states()}",
            timeout_s=PATIENCE_S,
        )
        check_login_is_hidden(house)
        certificates = patiently(
            house.api,
            "/artifacts/filter",
            {"artifacts": {"key": {"any_": ["data-certificate"]}}},
            house.client,
        )
        assert certificates

        down = house.command("down", "--json")
        assert down.code == 0, down.err + house.words()
        assert json.loads(down.out)["pid"] == house.pid
        check_closed(house)
        assert not is_healthy(house.api)
    finally:
        house.end_hard()


def test_the_file_deploys_from_a_clone_and_up_uses_a_server_that_runs(
    tmp_path: Path, server: PrefectServer
) -> None:
    def prefect(*argv: str) -> None:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *argv]
        ran = subprocess.run(
            command, cwd=ROOT, env=environ(**server.environ), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    prefect("work-pool", "create", "leadline", "--type", "process", "--overwrite")
    prefect("deploy", "--all")
    check_deployed(server.api_url, server.environ)
    found = patiently(server.api_url, "/deployments/filter", {}, server.environ)
    deployed = {each["name"]: each for each in found}
    (schedule,) = deployed["stream-books"]["schedules"]
    assert 60 <= schedule["schedule"]["interval"] <= 300
    (schedule,) = deployed["maintain-store"]["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("41 3 * * *", "UTC")

    house = Up(tmp_path, "--server", server.ui_url, login=server.environ["PREFECT_API_AUTH_STRING"])
    try:
        house.start()
        assert (house.api, house.ui) == (server.api_url, server.ui_url)
        check_deployed(house.api, house.client)
        until(lambda: house.rows() > 50, "rows are stored", timeout_s=PATIENCE_S)
        assert not any("leadline.flows.local.prefect_app" in line for line in house.parts().values())
        os.kill(house.pid, signal.SIGINT)
        check_closed(house)
        assert is_healthy(server.api_url)
        (pool,) = ask(server.api_url, "/work_pools/filter", {}, environ=server.environ)
        assert not pool["is_paused"]
    finally:
        house.end_hard()


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
