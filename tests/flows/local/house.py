"""One ``leadline up``, started as a person would, and what its API says of its runs."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leadline.flows.demo.prefect_proof import PrefectUnreachable, ask
from leadline.flows.local import deploy as deploying
from leadline.flows.local.prefect_server import environment
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError
from tests.flows.commands import ROOT, Said, environ, finish, started
from tests.flows.waiting import is_alive, until

PATIENCE_S = 240.0  # the machine may have much else to do
PROGRAM = (sys.executable, "-m", "leadline")
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

    def __init__(
        self, folder: Path, *flags: str, program: Sequence[str] = PROGRAM, **variables: str
    ) -> None:
        self.folder = folder
        self.program = program
        self.home = folder / "home"
        self.db = folder / "x.duckdb"
        # Whom analyze-signals asks is tested elsewhere; here a model would only make the runs late.
        self.env = environ(
            LEADLINE_HOME=str(self.home),
            LEADLINE_SNAPSHOT_EVERY_S="2",
            LEADLINE_LLM_PROVIDER="none",
            **variables,
        )
        self.argv = ["up", "--venue", "loopback", "--db", "x.duckdb", "--json", *flags]
        self.api = self.ui = ""
        self.pid = 0

    def start(self, *flags: str) -> None:
        """Start it in the background."""
        said = self.command(*self.argv, *flags, "--detach")
        assert said.code == 0, said.err + self.words()
        self._look(said.out)
        assert f"it runs as process {self.pid}" in said.err

    def start_here(self) -> subprocess.Popen[str]:
        """Start it as a child of ours; it is up when this returns, and its words go to a log."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "up.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.program, *self.argv], cwd=self.folder, env=self.env, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, self.words()
        self._look(line)
        return process

    def _look(self, said: str) -> None:
        where = json.loads(said)
        self.api, self.ui, self.pid = where["api_url"], where["ui_url"], where["pid"]

    @property
    def client(self) -> dict[str, str]:
        """The environment of a client of its server."""
        return {**environment(self.home, self.api), **self.env}

    def command(self, *argv: str) -> Said:
        process = started(self.folder, *self.program, *argv, env=self.env)
        return finish(process, timeout_s=PATIENCE_S)

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
            if " -m prefect worker " in line and ".local.child " not in line
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
