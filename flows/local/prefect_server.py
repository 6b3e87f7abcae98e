"""
A private Prefect server for one machine: SQLite under the home folder, 127.0.0.1, a free port.

It says nothing to anybody outside (no telemetry, no promotional content) and ends with its parent.
It asks everybody for a log-in, which stands in a file only its user can read, and answers no page of
another site: whoever may use the API may run programs as this user. Where a Prefect API is configured and
answers, that one is used instead.
"""

from __future__ import annotations

import base64
import contextlib
import http
import http.client
import json
import os
import re
import secrets
import socket
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import without_credentials
from leadline.flows.local.child import Child
from leadline.storage.lifecycle.sqlite_file import prepare
from leadline.tasks.programs import python

START_S = 300.0  # 4 s on a quiet machine, 10 s the first time, minutes on a very busy one
HEALTH_S = 2.0
PAUSE_S = 0.1

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")  # the names under which a browser on this machine may ask for it

# Read by server and client alike: no telemetry, no promotions, no questions asked of a terminal.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
}


class ServerUnavailable(LeadlineError):
    """A Prefect server did not come up, or refuses us; the message says what to look at."""

    transient = True


def configured_url(environ: Mapping[str, str] | None = None) -> str | None:
    """
    Return the Prefect API a person configured: ``PREFECT_API_URL``, else their active profile's.

    Read without importing Prefect, which takes a second and fixes its settings for good.
    """
    return _configured("PREFECT_API_URL", environ)


def authorization(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the header by which Prefect's own client would log in with these settings; may be empty."""
    if login := _configured("PREFECT_API_AUTH_STRING", environ):
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    if key := _configured("PREFECT_API_KEY", environ):
        return {"Authorization": f"Bearer {key}"}
    return {}


def _configured(name: str, environ: Mapping[str, str] | None) -> str | None:
    environ = os.environ if environ is None else environ
    if value := environ.get(name):
        return value
    home = Path(environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    path = Path(environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    with contextlib.suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        active = environ.get("PREFECT_PROFILE") or file.get("active")
        value = file.get("profiles", {}).get(active, {}).get(name)
        return value if isinstance(value, str) and value else None
    return None


def is_healthy(api_url: str, *, timeout_s: float = HEALTH_S) -> bool:
    """Whether a Prefect API answers at ``api_url`` (which ends in ``/api``); needs no log-in."""
    return _status(api_url, "/health", {}, timeout_s) == http.HTTPStatus.OK


def _status(api_url: str, path: str, headers: Mapping[str, str], timeout_s: float) -> int:
    """Return the status of the answer to a GET; 0: none came."""
    parts = urlsplit(api_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with contextlib.closing(kind(parts.netloc, timeout=timeout_s)) as connection:
            connection.request("GET", parts.path.rstrip("/") + path, headers=dict(headers))
            return connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException):
        return 0


def free_port(host: str = HOST) -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_taken(port: int, host: str = HOST) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def database_file(home: Path) -> Path:
    """Return where the private server keeps its database."""
    return home / "prefect" / "prefect.db"


def login_file(home: Path) -> Path:
    """Return where the log-in of the private server stands, one line ``user:password``."""
    return home / "prefect" / "login.txt"


def login(home: Path) -> str:
    """
    Return the log-in of the private server, made at its first start and kept from then on.

    Raises `ServerUnavailable` for a file that holds something else than ``user:password``.
    """
    file = login_file(home)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"leadline:{secrets.token_urlsafe(24)}\n")
        try:
            with contextlib.suppress(FileExistsError):  # another command was first: its log-in holds
                os.link(draft, file)
        finally:
            draft.unlink()
    file.chmod(0o600)  # whatever a person or a copy made of it
    words = file.read_bytes().strip()
    if not re.fullmatch(rb"[!-9;-~]+:[!-~]+", words):
        raise ServerUnavailable(
            f"{file}: expected one line user:password in ASCII without spaces; delete it for a new one"
        )
    return words.decode()


def login_said(home: Path) -> str:
    """Say to a person how to log in to the private server's UI, and nothing that is secret."""
    return f"log in with the line in {login_file(home)}"


def environment(home: Path, api_url: str) -> dict[str, str]:
    """Return what a client or a server of the private Prefect needs in its environment, a secret in it."""
    folder = (home / "prefect").resolve()
    return {
        **QUIET,
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": api_url,
        "PREFECT_API_AUTH_STRING": login(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database_file(home).resolve()}",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_ROOT_LEVEL": "WARNING",  # at DEBUG, Prefect's websockets log the log-in
        # What Prefect lets go by itself; the flow tend-prefect does the rest. Events are most of its file,
        # 7 KB each, and what they say of books the store keeps for longer.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(7 * 86_400),
    }


def client_environment(home: Path, api_url: str) -> dict[str, str]:
    """
    Return what a client of ``api_url`` needs beside what a person configured.

    That is all of it for the private server of ``home``. Raises `ServerUnavailable` where an API wants
    another log-in than the one that is configured.
    """
    if api_url.rstrip("/") == running_private(home):
        return environment(home, api_url)
    found = {**QUIET, "PREFECT_API_URL": api_url}
    headers = authorization()
    is_key = headers.get("Authorization", "").startswith("Bearer")  # Cloud's; the path below is a server's
    if not is_key and _status(api_url, "/admin/version", headers, HEALTH_S) == http.HTTPStatus.UNAUTHORIZED:
        how = "with this log-in" if headers else "without a log-in"
        raise ServerUnavailable(
            f"the Prefect API at {without_credentials(api_url)} refuses us {how}: set"
            " PREFECT_API_AUTH_STRING to its user:password (that of a private server stands in"
            " prefect/login.txt of its home folder), or PREFECT_API_KEY for Prefect Cloud"
        )
    return found


class PrefectServer:
    """The server as a child process; ``api_url`` and ``ui_url`` are known before it answers."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home
        self.port = free_port() if port is None else port
        self.ui_url = f"http://{HOST}:{self.port}"
        self.api_url = f"{self.ui_url}/api"
        self._child: Child | None = None

    @cached_property
    def environ(self) -> dict[str, str]:
        """Environment for everything that talks to this server; the same after it was started again."""
        return environment(self.home, self.api_url)

    @property
    def _server_environ(self) -> dict[str, str]:
        """What only the server needs too; of each setting's names the one that wins over a person's own."""
        return {
            **self.environ,
            "PREFECT_SERVER_API_AUTH_STRING": self.environ["PREFECT_API_AUTH_STRING"],
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(
                f"http://{host}:{self.port}" for host in HOSTS
            ),
            "PREFECT_SERVER_UI_API_URL": self.api_url,  # the page sends the log-in there
        }

    @property
    def _address(self) -> Path:
        return self.home / "prefect" / "server.json"

    def start(self, *, tick: Callable[[], None] | None = None, timeout_s: float = START_S) -> None:
        """Start it and wait until it answers, calling ``tick`` meanwhile; raises `ServerUnavailable`."""
        self.launch()
        self.wait(tick=tick, timeout_s=timeout_s)

    def launch(self) -> Child:
        """Start it and do not wait."""
        prepare(database_file(self.home))
        log = self.home / "prefect-server.log"
        command = python("-m", "leadline.flows.local.prefect_app", str(self.port))
        environ = self._server_environ
        # Prefect's migrations put the working folder on the import path; this one is ours.
        folder = database_file(self.home).parent
        self._child = Child(
            command, name="the Prefect server", log=log, environ=environ, folder=folder, stdout_to_log=True
        )
        return self._child

    def wait(self, *, tick: Callable[[], None] | None = None, timeout_s: float = START_S) -> None:
        """Wait until it answers, calling ``tick``; raises `ServerUnavailable` and `ChildDied`."""
        assert self._child is not None
        try:
            self._wait(self._child, time.monotonic() + timeout_s, tick)
        except BaseException:
            self.stop()
            raise
        self._address.parent.mkdir(parents=True, exist_ok=True)
        self._address.write_text(json.dumps({"api_url": self.api_url, "pid": os.getpid()}))

    def _wait(self, child: Child, until: float, tick: Callable[[], None] | None) -> None:
        while not is_healthy(self.api_url):
            if not child.is_running():
                raise child.died()
            if time.monotonic() > until:
                raise ServerUnavailable(f"the Prefect server does not answer; its log: {child.log}")
            if tick is not None:
                tick()
            time.sleep(PAUSE_S)

    def stop(self) -> None:
        """Stop it; nothing happens if it is not running."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            self._address.unlink(missing_ok=True)


def running_private(home: Path) -> str | None:
    """Return the API of a private server another command of ours keeps in ``home``, if it answers."""
    try:
        found = json.loads((home / "prefect" / "server.json").read_text())["api_url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) and is_healthy(found) else None


@contextlib.contextmanager
def prefect_api(
    home: Path, *, say: Callable[[str], None], tick: Callable[[], None] | None = None, private: bool = False
) -> Iterator[str]:
    """
    Give a Prefect API that answers, and set this process's environment to use it.

    The configured one, else one that another command here keeps, else a new private one that ends
    with the context; ``private`` ignores the configured one. Enter before Prefect is imported.
    """
    wanted = None if private else configured_url()
    if wanted and is_healthy(wanted):
        os.environ.update(client_environment(home, wanted))
        yield wanted
        return
    because = f"the Prefect API at {wanted} does not answer" if wanted else "no Prefect API is configured"
    if shared := running_private(home):
        say(f"{because}; using the private server at {shared.removesuffix('/api')}")
        os.environ.update(environment(home, shared))
        yield shared
        return
    server = PrefectServer(home)
    if not private:
        say(f"{because}; starting a private server at {server.ui_url}; {login_said(home)}")
    server.start(tick=tick)
    try:
        os.environ.update(server.environ)
        yield server.api_url
    finally:
        server.stop()
