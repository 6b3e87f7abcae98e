"""
Everything on one machine: server, work pool, worker, deployments, and with them the stream.

    up ──┬─ built-in venue       (child; only for venue loopback)
         ├─ Prefect server       (child; unless another one is used)
         ├─ Prefect worker       (child) ── runs ──> stream-books, snapshot-depth, …
         └─ looks at all of it, and starts again what died, later and later

The stream belongs to the worker's run, not to this process: server and worker may die and come back
while it streams. Stopping goes the other way round: no new runs, then the stream closes its file, then
worker and server end. A worker that is ended before its runs kills them.
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
from leadline.flows.local import lockfile as note
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
from leadline.flows.local.restarting import Kept, compiling
from leadline.flows.local.watcher import Look, Watcher
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
    """Somebody asked to stop, or to stop sooner; the message says what was left undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose; ``given`` are the settings typed as flags, as text."""

    settings: Settings
    given: Mapping[str, str]
    server: str | None = None  # an API to use instead of a private server
    port: int = 4200
    pool: str = deploying.POOL
    is_quick: bool = False  # schedules for trying things out
    project: Path | None = None  # a project file instead of our own


@dataclass(slots=True)
class House:
    """One run of ``leadline up``; call `run` once, in the main thread."""

    choice: Choice
    say: Callable[[str], None]
    step: str = "starting"
    ui_url: str = ""
    api_url: str = ""
    kept: list[Kept] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _signals: int = 0
    _watcher: Watcher | None = None
    _api: Api | None = None
    _server: PrefectServer | None = None
    _worker: Kept | None = None
    _tick: Callable[[], None] = lambda: None

    @property
    def seen(self) -> Look:
        """What was seen last."""
        return Look() if self._watcher is None else self._watcher.seen

    @property
    def note(self) -> note.Note:
        """Where this house is."""
        settings = self.choice.settings
        return note.Note(
            os.getpid(), self.ui_url, self.api_url, str(settings.db.resolve()), settings.venue,
            list(settings.symbols), self.choice.pool, self.step == "up",
        )  # fmt: skip

    def run(self, tick: Callable[[], None], when_up: Callable[[], None]) -> None:
        """Start everything, keep it going until somebody asks to stop, stop it. Holds the home's lock."""
        self._tick = tick
        with self._signals_stop_it():
            try:
                self._start()
                self._enter("up")
                when_up()
                while not self._stop.is_set():
                    for kept in self.kept:
                        kept.look()
                    self._turn()
            except Stopped as exc:
                self.say(str(exc))
            finally:
                self._end()

    def _enter(self, step: str) -> None:
        self.step = step
        note.write(self.choice.settings.home, self.note)

    def _turn(self) -> None:
        self._tick()
        time.sleep(TURN_S)

    def _tick_or_stop(self) -> None:
        self._tick()
        if self._stop.is_set():
            raise Stopped("stopped before everything was up")

    @contextlib.contextmanager
    def _signals_stop_it(self) -> Iterator[None]:
        def heard(_number: int, _frame: object) -> None:
            self._signals += 1
            self._stop.set()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, heard) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # -- starting ----------------------------------------------------------------------------------

    def _start(self) -> None:
        settings = self._with_venue()
        profile_of(settings)  # a venue that cannot be is told before anything starts
        if self.choice.project is not None:
            deploying.read_project(self.choice.project)  # likewise one that cannot be read
        prepare(settings.db)
        with compiling(settings.venue, settings.engine, settings.home) as books:
            self.step = "starting the Prefect server"
            self._reach_api()
            self._enter("compiling the books")
            while books.is_running():
                self._tick_or_stop()
                time.sleep(TURN_S)
        self.environ = {**self.environ, **run_environ(self.choice, settings)}
        os.environ.update(self.environ)
        self._api = Api(self.choice.pool)
        runs = deploying.runs_folder(settings.home)
        self.step = "making the work pool"
        if not self._patiently(self._api.has_pool, self._tick_or_stop):
            deploying.make_pool(self.choice.pool, runs, self._for_commands(), self._tick_or_stop)
        api = self._api
        self._patiently(lambda: api.pause_pool(paused=False), self._tick_or_stop)
        self._worker = self._keep("worker", self._start_worker)
        self.step = "deploying"
        source = self.choice.project or deploying.project_file()
        project = deploying.in_pool(deploying.read_project(source), self.choice.pool)
        project = deploying.in_folder(project, runs)
        if self.choice.is_quick:
            project = deploying.with_quick_schedules(project)
        file = deploying.write_project(project, settings.home / "prefect.yaml", source)
        deploying.deploy_all(file, runs, self._for_commands(), self._tick_or_stop)
        self._put_automations()
        with contextlib.suppress(ApiAway):  # its schedule starts it a little later
            self._api.run_now("stream-books/stream-books")
        names = deploying.names(project)
        self._watcher = Watcher(Api(self.choice.pool), self.api_url, settings.db, names)
        self._watcher.start()

    def _put_automations(self) -> None:
        """Have Prefect restart what crashed and tell of stale books; the schedules work without."""
        alerts = importlib.import_module(
            "leadline.flows.prefect_ui.alerts"
        )  # Prefect reads its settings when imported
        try:
            alerts.ensure()
        except LeadlineError as exc:
            self.say(f"no automations yet: {exc}; later: leadline automations")

    def _with_venue(self) -> Settings:
        settings = self.choice.settings
        if not settings.is_loopback or settings.ws_url is not None:
            return settings
        # The ports are chosen here, so that a venue that had to be started again is found by the stream.
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

    def _keep(self, name: str, start: Callable[[], Child]) -> Kept:
        kept = Kept(name, start, self.say)
        kept.start()
        self.kept.append(kept)
        return kept

    def _reach_api(self) -> None:
        """Use the API that was named, or start a private server."""
        if self.choice.server is not None:
            self.api_url = self.choice.server
            self.ui_url = ui_of(self.api_url)
            self.environ = client_environment(self.choice.settings.home, self.api_url)
            return
        home, port = self.choice.settings.home, self.choice.port
        if is_taken(port):
            raise ServerUnavailable(taken_said(port))
        server = PrefectServer(home, port=port)
        self.api_url, self.ui_url, self.environ = server.api_url, server.ui_url, server.environ
        self._server = server
        self._keep("server", server.launch)
        server.wait(tick=self._tick_or_stop)

    def _patiently(self, ask: Callable[[], T], tick: Callable[[], None]) -> T:
        """Ask until the API answers; raises `ApiAway` when it still has not after a while."""
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
        log = self.choice.settings.home / "worker.log"
        if log.exists() and log.stat().st_size > WORKER_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        command = python("-m", "prefect", "worker", "start", "--type", "process")
        command += ["--pool", self.choice.pool, "--name", f"leadline-{socket.gethostname()}"]
        environ = {**self.environ, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING"}
        # Without written bytecode every run would pay seconds of compiling.
        environ["PYTHONDONTWRITEBYTECODE"] = ""
        folder = deploying.runs_folder(self.choice.settings.home)
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
            with self._told("no new runs"):
                self._patiently(lambda: api.pause_pool(paused=True), self._hurry)
        if self._worker is not None:
            self.step = "stopping: the stream closes its file"
            with self._told("the stream"):
                self._end_runs(api)
            self.step = "stopping: the worker"
            self._worker.stop()
        if api is not None and self._worker is not None:
            with self._told("the work pool"):
                self._patiently(lambda: api.pause_pool(paused=False), self._hurry)
        self.step = "stopping: the server"
        for kept in reversed(self.kept):
            self._tick()
            kept.stop()
        if self._server is not None:
            self._server.stop()

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say what could not be done in order, and go on stopping."""
        try:
            yield
        except (LeadlineError, OSError) as exc:
            self.say(f"{what}: {exc}")

    def _end_runs(self, api: Api | None) -> None:
        """Ask the stream to end, and wait for it and for what else runs; a second Ctrl-C waits no more."""
        db = self.choice.settings.db.resolve()
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
    """Make the database, or bring an old one up to date, so that the first runs find one."""
    db.absolute().parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(StoreOwned):  # whoever has it open has done it
        Owner(db).close()


def run_environ(choice: Choice, settings: Settings) -> dict[str, str]:
    """
    Return the environment in which runs find the settings of this command.

    Paths are made absolute, as runs work in another folder. Only what was chosen here is fixed; the rest
    stays open for Prefect Variables.
    """
    found = {f"LEADLINE_{key.upper()}": value for key, value in choice.given.items()}
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
    """Return the API of a server a person named, by its UI or by its API; raises `BadSetting`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadSetting(f"--server: expected a URL such as http://127.0.0.1:4200/api, got {url!r}")
    return url.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/api"


def ui_of(api_url: str) -> str:
    """Return where people look at what ``api_url`` serves."""
    cloud = api_url.replace("//api.prefect.cloud/api/accounts/", "//app.prefect.cloud/account/")
    return (
        cloud.replace("/workspaces/", "/workspace/") if cloud != api_url else api_url.removesuffix("/api")
    )


def taken_said(port: int) -> str:
    """Say what to do about a port that is taken."""
    url = f"http://127.0.0.1:{port}/api"
    if is_healthy(url):
        return (
            f"a Prefect server answers on port {port} already: leadline up --server {url} uses it (with "
            "its log-in in PREFECT_API_AUTH_STRING, if it wants one), "
            "--port N starts one of our own elsewhere"
        )
    return f"port {port} is taken by another program; choose another one with --port N"
