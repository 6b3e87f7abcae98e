"""
The stage of the drills: loopback venue, Prefect server, worker and the deployment, each a real process.

Everything is under one folder and on 127.0.0.1, and ends with the stage.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from leadline.flows.config.settings import Settings, load
from leadline.flows.demo.prefect_proof import FINAL, PrefectUnreachable, ask
from leadline.flows.local.child import Child
from leadline.flows.local.loopback import LoopbackProcess, running_loopback
from leadline.flows.local.prefect_server import PrefectServer, authorization
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError
from leadline.storage.handover.requests import holder_pid

ROOT = Path(__file__).parents[2]
POOL = "leadline"
STREAM = "stream-books"
PATIENCE_S = 180.0  # a busy machine starts a run within half a minute, sometimes a minute
PAUSE_S = 0.1
T = TypeVar("T")

_OPEN = """
SELECT count(DISTINCT symbol) FROM coverage
WHERE ended_by IS NULL AND ts_to >= CAST($since AS TIMESTAMP)
"""


class DrillFailed(Exception):
    """The drill itself could not go on; the message says why."""


def until(get: Callable[[], T], what: str, *, timeout_s: float = PATIENCE_S) -> T:
    """Return the first truthy value of ``get``; raises `DrillFailed`."""
    deadline = time.monotonic() + timeout_s
    while not (value := get()):
        if time.monotonic() > deadline:
            raise DrillFailed(f"not within {timeout_s:g} s: {what}")
        time.sleep(PAUSE_S)
    return value


def now() -> dt.datetime:
    """Return the moment in UTC without a zone, as the store keeps times."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] not in "ZX":
                found.append(int(folder.name))
    return found


class Stage:
    """One database on one machine, and everything around it; see `stage`."""

    def __init__(self, settings: Settings, venue: LoopbackProcess, server: PrefectServer) -> None:
        self.settings = settings
        self.venue = venue
        self.server = server
        self.more_env: dict[str, str] = {}  # of a drill's own, for what starts from now on
        self._deployments: dict[str, str] = {}
        self._worker: Child | None = None

    @property
    def db(self) -> Path:
        return self.settings.db

    @property
    def env(self) -> dict[str, str]:
        """The environment of every process on the stage."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LEADLINE_", "PREFECT_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **kept,
            **self.server.environ,
            "PYTHONPATH": str(ROOT),
            "LEADLINE_DB": str(self.db),
            "LEADLINE_HOME": str(self.settings.home),
            "LEADLINE_VENUE": self.settings.venue,
            "LEADLINE_SYMBOLS": ",".join(self.settings.symbols),
            "LEADLINE_WS_URL": self.venue.ws_url,
            "LEADLINE_REST_URL": self.venue.rest_url,
            "LEADLINE_SNAPSHOT_EVERY_S": str(self.settings.snapshot_every_s),
            "LEADLINE_SNAPSHOT_TIMEOUT_S": "5",
            **self.more_env,
        }

    # -- processes ---------------------------------------------------------------------------------

    def prefect(self, *argv: str) -> str:
        """Run Prefect's command line; raises `DrillFailed`."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *argv]
        ran = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=120
        )
        if ran.returncode:
            raise DrillFailed(f"prefect {' '.join(argv)}: {ran.stdout[-800:]}{ran.stderr[-800:]}")
        return ran.stdout

    def deploy(self, *, every_s: float | None, names: tuple[str, ...] = (STREAM,)) -> None:
        """Make the pool and the deployments; the stream's schedule becomes ``every_s`` (None: none)."""
        self.prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")
        for name in names:
            self.prefect("deploy", "--name", name)
        for found in self.ask("/deployments/filter"):
            self._deployments[found["name"]] = found["id"]
            for schedule in found["schedules"]:
                self._api("DELETE", f"/deployments/{found['id']}/schedules/{schedule['id']}")
        self.schedule(every_s)

    @property
    def deployment(self) -> str:
        """The stream's deployment."""
        return self.other(STREAM)

    def other(self, name: str) -> str:
        """Return the id of a deployment by name."""
        return self._deployments[name]

    def schedule(self, every_s: float | None) -> None:
        """Let the stream's schedule be one run every so many seconds, or none."""
        path = f"/deployments/{self.deployment}/schedules"
        for schedule in self._api("GET", path):
            self._api("DELETE", f"{path}/{schedule['id']}")
        if every_s is not None:
            self._api("POST", path, [{"active": True, "schedule": {"interval": every_s}}])

    def start_worker(self) -> None:
        """Start a worker; it asks for work every few seconds."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
        env = {**self.env, "PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_WORKER_HEARTBEAT_SECONDS": "3"}
        self._worker = Child(command, name="the worker", log=self.settings.home / "worker.log", environ=env)

    def stop_worker(self) -> None:
        """End the worker and what it started."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def restart_worker(self) -> None:
        """Start another worker after the old one died; wait until it asks for work."""
        since = dt.datetime.now(dt.UTC)
        self.stop_worker()
        self.start_worker()
        self.wait_worker(since)

    def restart_server(self) -> None:
        """Start the server again after it died, as it was; wait until the worker has found it."""
        self.server.stop()
        self.server.start()
        self.wait_worker(dt.datetime.now(dt.UTC))

    def wait_worker(self, since: dt.datetime) -> None:
        """Wait for a sign of life of the worker after a moment."""

        def beats() -> bool:
            if self._worker is not None and not self._worker.is_running():
                raise self._worker.died()
            found = self.ask(f"/work_pools/{POOL}/workers/filter")
            return any(dt.datetime.fromisoformat(each["last_heartbeat_time"]) > since for each in found)

        until(beats, "the worker beats")

    def leadline(self, *argv: str) -> str:
        """Run one of our commands to its end and return what it printed; raises `DrillFailed`."""
        ran = subprocess.run(
            [sys.executable, "-m", "leadline", *argv],
            cwd=self.settings.home, env=self.env, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if ran.returncode:
            raise DrillFailed(f"leadline {' '.join(argv)}: {ran.stdout[-800:]}{ran.stderr[-800:]}")
        return ran.stdout

    @property
    def worker_pid(self) -> int:
        """The worker's own process (its parent here is a guard)."""
        assert self._worker is not None
        return until(lambda: children_of(self._worker._process.pid), "the worker runs")[0]

    @property
    def server_pid(self) -> int:
        """The Prefect server's own process."""
        child = self.server._child
        assert child is not None
        return until(lambda: children_of(child._process.pid), "the server runs")[0]

    @property
    def stream_pid(self) -> int:
        """The process that holds the database; 0 while there is none."""
        return holder_pid(self.db) or 0

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process of the stage."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    # -- Prefect -----------------------------------------------------------------------------------

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        for _ in range(20):  # a busy SQLite answers 503 and has done nothing
            answer = httpx.request(
                method,
                self.server.api_url + path,
                json=body,
                headers=authorization(self.server.environ),
                timeout=30,
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, path: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Ask a filter path; nothing while the server does not answer."""
        try:
            return ask(self.server.api_url, path, body or {}, environ=self.server.environ)
        except PrefectUnreachable:
            return []

    def run_now(self, deployment: str | None = None, **parameters: object) -> str:
        """Start a run of a deployment (the stream's); return its id."""
        body = {"parameters": parameters}
        made = self._api("POST", f"/deployments/{deployment or self.deployment}/create_flow_run", body)
        return str(made["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run as the API tells it; empty while the server does not answer."""
        found = self.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return found[0] if found else {}

    def process_of(self, run_id: str) -> int:
        """Wait until a worker has started a run; return its process."""
        return int(until(lambda: self.run(run_id).get("infrastructure_pid"), f"run {run_id} has a process"))

    def final(self, run_id: str, *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a run is over; return it."""
        return until(
            lambda: (run := self.run(run_id)) and run["state_type"] in FINAL and run,
            f"run {run_id} is over",
            timeout_s=timeout_s,
        )

    def stream_runs(self) -> list[dict[str, Any]]:
        """Return the runs of the stream's deployment, oldest first."""
        where = {"deployments": {"name": {"any_": [STREAM]}}, "sort": "START_TIME_ASC"}
        return self.ask("/flow_runs/filter", where)

    # -- the store ---------------------------------------------------------------------------------

    def sql(self, statement: str, parameters: dict[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Ask the store, whoever holds it."""
        with connect(self.db) as con:
            return [tuple(row) for row in con.execute(statement, parameters or {}).fetchall()]

    def live_since(self, since: dt.datetime) -> int:
        """Count the symbols with an open interval that has grown since a moment; 0 while nobody can say."""
        if not self.db.exists():
            return 0
        try:
            return int(self.sql(_OPEN, {"since": since})[0][0])
        except StoreError:
            return 0

    def wait_live(self, *, timeout_s: float = PATIENCE_S) -> float:
        """Wait until every symbol is live anew; return the seconds it took."""
        began, since = time.monotonic(), now()
        n = len(self.settings.symbols)
        until(lambda: self.live_since(since) == n, f"all {n} books are live", timeout_s=timeout_s)
        return time.monotonic() - began


@contextlib.contextmanager
def stage(
    folder: Path, *, symbols: tuple[str, ...], market: tuple[str, ...] = (), snapshot_every_s: float = 2.0
) -> Iterator[Stage]:
    """Set the stage in ``folder``: venue and server run; deploy and start the worker yourself."""
    settings = replace(
        load({}),
        db=folder / "drill.duckdb",
        home=folder,
        venue="loopback-spot",
        symbols=symbols,
        snapshot_every_s=snapshot_every_s,
    )
    server = PrefectServer(folder)
    os.environ.setdefault("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "3")
    with running_loopback(settings, *market) as venue:
        server.start()
        here = Stage(settings, venue, server)
        try:
            yield here
        finally:
            pid = here.stream_pid
            here.stop_worker()
            if pid:
                here.kill(pid)  # a stream may outlive its worker
            server.stop()
