"""
Everything on one machine: server, work pool, worker, deployments, and with them the stream.

    up ──┬─ built-in venue       (child; only for venue loopback)
         ├─ Prefect server       (child; unless another one is used)
         ├─ Prefect worker       (child) ── runs ──> stream-books, snapshot-depth, …
         └─ watches all of it, and restarts what died, with growing delays

The stream belongs to the worker's run, not to this process: server and worker may die and come back
while it streams. Stopping goes the other way round: no new runs, then the stream closes its file, then
worker and server end. A worker that is stopped before its runs kills them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import CONFIG_FILE, BadSetting, Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.local import deploy as deploying
from leadline.flows.local import instance
from leadline.flows.local.api import Api, ApiAway
from leadline.flows.local.child import Child
from leadline.flows.local.loopback import venue_command
from leadline.flows.local.prefect_server import (
    PrefectServer,
    ServerUnavailable,
    client_environment,
    free_port,
    is_healthy,
    is_taken,
)
from leadline.flows.local.restarting import RestartingChild, compiling
from leadline.flows.local.watcher import UpStatus, Watcher
from leadline.flows.terminal.interrupts import taken
from leadline.storage.access.address import read_address
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreOwned
from leadline.storage.handover.requests import stop_stream
from leadline.tasks.programs import python

T = TypeVar("T")

TURN_S = 0.1
STREAM_STOP_S = 60.0  # a flush on a slow disk; the worker is not stopped before
JOBS_STOP_S = 30.0  # short runs may end by themselves
API_S = 20.0  # a busy SQLite refuses for seconds
WORKER_LOG_BYTES = 5_000_000


class Stopped(LeadlineError):
    """A person asked to stop, or to stop sooner; the message says what was left undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """The options of ``leadline up``; ``given`` are the settings given as flags, as text."""

    settings: Settings
    given: Mapping[str, str]
    server: str | None = None  # an API to use instead of a private server
    port: int = 4200
    pool: str = deploying.POOL
    is_quick: bool = False  # schedules for trying things out
    project: Path | None = None  # a project file instead of our own


@dataclass(slots=True)
class Supervisor:
    """One run of ``leadline up``; call `run` once, in the main thread."""

    options: UpOptions
    say: Callable[[str], None]
    step: str = "starting"
    ui_url: str = ""
    api_url: str = ""
    children: list[RestartingChild] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _signals: int = 0
    _watcher: Watcher | None = None
    _api: Api | None = None
    _server: PrefectServer | None = None
    _worker: RestartingChild | None = None
    _tick: Callable[[], None] = lambda: None

    @property
    def seen(self) -> UpStatus:
        """Return the newest look at everything."""
        return UpStatus() if self._watcher is None else self._watcher.seen

    @property
    def instance(self) -> instance.Instance:
        """Return where this one runs."""
        settings = self.options.settings
        return instance.Instance(
            os.getpid(), self.ui_url, self.api_url, str(settings.db.resolve()), settings.venue,
            list(settings.symbols), self.options.pool, self.step == "up",
        )  # fmt: skip

    def run(self, tick: Callable[[], None], when_up: Callable[[], None]) -> None:
        """Start everything, keep it running until a signal, stop it; the caller holds the home's lock."""
        self._tick = tick
        with self._signals_stop_it():
            try:
                self._start()
                self._enter("up")
                when_up()
                while not self._stop.is_set():
                    for child in self.children:
                        child.look()
                    self._turn()
            except Stopped as exc:
                self.say(str(exc))
            finally:
                self._end()

    def _enter(self, step: str) -> None:
        self.step = step
        instance.write(self.options.settings.home, self.instance)

    def _turn(self) -> None:
        self._tick()
        time.sleep(TURN_S)

    def _tick_or_stop(self) -> None:
        self._tick()
        if self._stop.is_set():
            raise Stopped("stopped before everything was up")

    def _signals_stop_it(self) -> contextlib.AbstractContextManager[None]:
        def heard(_number: int, _frame: object) -> None:
            self._signals += 1
            self._stop.set()

        return taken((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), heard)

    # -- starting ----------------------------------------------------------------------------------

    def _start(self) -> None:
        settings = self._with_venue()
        profile_of(settings)  # an unknown venue is refused before anything starts
        if self.options.project is not None:
            deploying.read_project(self.options.project)  # and so is a file that cannot be read
        prepare(settings.db)
        with compiling(settings.venue, settings.engine, settings.home) as books:
            self.step = "starting the Prefect server"
            self._reach_api()
            self._enter("compiling the books")
            while books.is_running():
                self._tick_or_stop()
                time.sleep(TURN_S)
        self.environ = {**self.environ, **run_environ(self.options, settings)}
        os.environ.update(self.environ)
        self._api = Api(self.options.pool)
        runs = deploying.runs_folder(settings.home)
        self.step = "making the work pool"
        if not self._retry(self._api.has_pool, self._tick_or_stop):
            deploying.make_pool(self.options.pool, runs, self._for_commands(), self._tick_or_stop)
        api = self._api
        self._retry(lambda: api.pause_pool(paused=False), self._tick_or_stop)
        self._worker = self._keep("worker", self._start_worker)
        self.step = "deploying"
        source = self.options.project or deploying.project_file()
        project = deploying.in_pool(deploying.read_project(source), self.options.pool)
        project = deploying.in_folder(project, runs)
        if self.options.is_quick:
            project = deploying.with_quick_schedules(project)
        file = deploying.write_project(project, settings.home / "prefect.yaml", source)
        deploying.deploy_all(file, runs, self._for_commands(), self._tick_or_stop)
        self._ensure_automations()
        with contextlib.suppress(ApiAway):  # its schedule starts it a little later
            self._api.run_now("stream-books/stream-books")
        names = deploying.names(project)
        self._watcher = Watcher(Api(self.options.pool), self.api_url, settings.db, names)
        self._watcher.start()

    def _ensure_automations(self) -> None:
        """Have Prefect restart what crashed and report stale books; the schedules work without."""
        alerts = importlib.import_module(
            "leadline.flows.prefect_ui.alerts"
        )  # Prefect reads its settings when imported
        try:
            alerts.ensure()
        except LeadlineError as exc:
            self.say(f"no automations yet: {exc}; later: leadline automations")

    def _with_venue(self) -> Settings:
        settings = self.options.settings
        if not settings.is_loopback or settings.ws_url is not None:
            return settings
        # The ports are chosen here, so that the stream finds a venue that had to be restarted.
        ports = free_port(), free_port()
        command = [*venue_command(settings), "--port", str(ports[0]), "--rest-port", str(ports[1])]

        def start() -> Child:
            child = Child(command, name="the built-in venue", log=settings.home / "venue.log")
            if not child.stdout.readline():
                child.stop()
                raise child.died()
            return child

        self._keep("venue", start)
        return replace(
            settings, ws_url=f"ws://127.0.0.1:{ports[0]}", rest_url=f"http://127.0.0.1:{ports[1]}"
        )

    def _keep(self, name: str, start: Callable[[], Child]) -> RestartingChild:
        child = RestartingChild(name, start, self.say)
        child.start()
        self.children.append(child)
        return child

    def _reach_api(self) -> None:
        """Use the API that was named, or start a private server."""
        if self.options.server is not None:
            self.api_url = self.options.server
            self.ui_url = ui_of(self.api_url)
            self.environ = client_environment(self.options.settings.home, self.api_url)
            return
        home, port = self.options.settings.home, self.options.port
        if is_taken(port):
            raise ServerUnavailable(port_taken_message(port))
        server = PrefectServer(home, port=port)
        self.api_url, self.ui_url, self.environ = server.api_url, server.ui_url, server.environ
        self._server = server
        self._keep("server", server.launch)
        server.wait(tick=self._tick_or_stop)

    def _retry(self, ask: Callable[[], T], tick: Callable[[], None]) -> T:
        """Call ``ask`` until the API answers; raises `ApiAway` if it does not within `API_S`."""
        until = time.monotonic() + API_S
        while True:
            try:
                return ask()
            except ApiAway:
                if time.monotonic() > until:
                    raise
                tick()
                time.sleep(TURN_S)

    def _for_commands(self) -> dict[str, str]:
        return {**os.environ, **self.environ}

    def _start_worker(self) -> Child:
        log = self.options.settings.home / "worker.log"
        if log.exists() and log.stat().st_size > WORKER_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        command = python("-m", "prefect", "worker", "start", "--type", "process")
        command += ["--pool", self.options.pool, "--name", f"leadline-{socket.gethostname()}"]
        environ = {**self.environ, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING"}
        # Without written bytecode every run would pay seconds of compiling.
        environ["PYTHONDONTWRITEBYTECODE"] = ""
        folder = deploying.runs_folder(self.options.settings.home)
        return Child(
            command, name="the worker", log=log, environ=environ, folder=folder, stdout_to_log=True
        )

    # -- stopping ----------------------------------------------------------------------------------

    def _end(self) -> None:
        """Stop what was started, the stream before the worker."""
        self.step = "stopping: no new runs"
        if self._watcher is not None:
            self._watcher.stop()
        api = self._api if self._api is not None and is_healthy(self.api_url) else None
        if api is not None and self._worker is not None:
            with self._logged("no new runs"):
                self._retry(lambda: api.pause_pool(paused=True), self._hurry)
        if self._worker is not None:
            self.step = "stopping: the stream closes its file"
            with self._logged("the stream"):
                self._end_runs(api)
            self.step = "stopping: the worker"
            self._worker.stop()
        if api is not None and self._worker is not None:
            with self._logged("the work pool"):
                self._retry(lambda: api.pause_pool(paused=False), self._hurry)
        self.step = "stopping: the server"
        for child in reversed(self.children):
            self._tick()
            child.stop()
        if self._server is not None:
            self._server.stop()

    @contextlib.contextmanager
    def _logged(self, what: str) -> Iterator[None]:
        """Report a step that failed, and go on stopping."""
        try:
            yield
        except (LeadlineError, OSError) as exc:
            self.say(f"{what}: {exc}")

    def _end_runs(self, api: Api | None) -> None:
        """Ask the stream to end; wait for it and all other runs. A second Ctrl-C ends the wait."""
        db = self.options.settings.db.resolve()
        until = time.monotonic() + JOBS_STOP_S
        while True:
            address = read_address(db)
            if address is not None and address.is_alive():
                stop_stream(
                    db,
                    who="leadline up",
                    why="everything is stopped",
                    timeout_s=STREAM_STOP_S,
                    tick=self._hurry,
                )
            try:
                if api is None or not (names := api.under_way()):
                    return
            except ApiAway as exc:
                names = [str(exc)]
            if time.monotonic() > until:
                raise Stopped(f"runs that did not end in time are ended hard: {', '.join(names[:5])}")
            self._hurry()
            time.sleep(TURN_S)

    def _hurry(self) -> None:
        self._tick()
        if self._signals > 1:
            raise Stopped("not waited for; rows up to the last commit are stored")


def prepare(db: Path) -> None:
    """Create or migrate the database, so that the first runs find one."""
    db.absolute().parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(StoreOwned):  # its owner has done it
        Owner(db).close()


def run_environ(options: UpOptions, settings: Settings) -> dict[str, str]:
    """
    Return the environment in which runs find the settings of this command.

    Paths are made absolute, as runs work in another folder. Only what was chosen here is fixed; the rest
    stays open for Prefect Variables.
    """
    found = {f"LEADLINE_{key.upper()}": value for key, value in options.given.items()}
    config = os.environ.get("LEADLINE_CONFIG", CONFIG_FILE)
    if Path(config).exists():
        found["LEADLINE_CONFIG"] = str(Path(config).resolve())
    paths = {each.name: getattr(settings, each.name) for each in fields(settings)}
    for name, path in paths.items():
        if isinstance(path, Path) and (name in ("db", "home") or not path.is_absolute()):
            found[f"LEADLINE_{name.upper()}"] = str(path.resolve())
    if settings.is_loopback:
        found["LEADLINE_VENUE"] = settings.venue
        found["LEADLINE_SYMBOLS"] = ",".join(settings.symbols)
        found["LEADLINE_WS_URL"] = settings.ws_url or ""
        found["LEADLINE_REST_URL"] = settings.rest_url or ""
    return found


def api_of(url: str) -> str:
    """Return the API address of a server given by its UI or its API; raises `BadSetting`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadSetting(f"--server: expected a URL such as http://127.0.0.1:4200/api, got {url!r}")
    return url.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/api"


def ui_of(api_url: str) -> str:
    """Return the address of the UI that belongs to ``api_url``."""
    cloud = api_url.replace("//api.prefect.cloud/api/accounts/", "//app.prefect.cloud/account/")
    return (
        cloud.replace("/workspaces/", "/workspace/") if cloud != api_url else api_url.removesuffix("/api")
    )


def port_taken_message(port: int) -> str:
    """Return what to do about a port that is taken."""
    url = f"http://127.0.0.1:{port}/api"
    if is_healthy(url):
        return (
            f"a Prefect server answers on port {port} already: leadline up --server {url} uses it (with "
            "its log-in in PREFECT_API_AUTH_STRING, if it wants one), "
            "--port N starts one of our own elsewhere"
        )
    return f"port {port} is taken by another program; choose another one with --port N"
