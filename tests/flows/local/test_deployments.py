"""
``leadline up`` as a program, and with it every deployment on a real server and worker, scheduled and run.

Only scheduled runs show that the scheduler works; ad-hoc runs do even where it is broken. One house
serves all of it: starting one takes half a minute.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.flows.demo.prefect_proof import ask
from leadline.flows.local.prefect_server import (
    PrefectServer,
    free_port,
    is_healthy,
    login_file,
)
from leadline.storage.access.connect import connect
from leadline.storage.handover.requests import stop_stream
from tests.flows.commands import ROOT, environ, finish, start
from tests.flows.local.house import NAMES, PATIENCE_S, Up, hasty, patiently
from tests.flows.waiting import is_alive, until
from tests.imports.hostile import make_hostile
from tests.imports.told import copies, telling, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


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


def check_modules(folder: Path) -> None:
    """No process holds a module twice or looks into the working folder, and none is from elsewhere."""
    loaded = told(folder)
    assert not copies(loaded)
    runs = [each for each in loaded if "prefect.engine" in each.command]
    assert {f"leadline.flows.{name}" for name in ("stream", "certify", "tend")} <= {
        each.name for each in runs
    }
    assert not [each for each in loaded if not Path(each.file).is_relative_to(ROOT)]
    children = [each for each in loaded if each.command[1] == "-P"]
    assert {each.pid for each in children} >= {each.pid for each in runs}
    assert not [each for each in children if each.folder == str(folder.parent) and each.folder_on_path]


def test_up_runs_every_deployment_mends_itself_and_closes_in_order(tmp_path: Path) -> None:
    make_hostile(tmp_path)
    modules = telling(tmp_path / "modules", python_path=str(ROOT))
    flags = ["--port", str(free_port()), "--project", str(hasty(tmp_path)), "--schedules", "file"]
    house = Up(tmp_path, *flags, **modules)
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
        check_modules(tmp_path / "modules")
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

    login = {"PREFECT_API_AUTH_STRING": server.environ["PREFECT_API_AUTH_STRING"]}
    house = Up(tmp_path, "--server", server.ui_url, "--schedules", "file", **login)
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
        (["--server", "localhost:4200"], 2, "expected a URL that begins with"),
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
