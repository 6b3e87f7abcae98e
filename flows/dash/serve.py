"""
The page served over HTTP to this machine: read-only, nothing from elsewhere, and bounded in what it costs.

    browsers ──GET /, /body, /look.json──▶ Watch ──once in every_s, if anybody asks──▶ the store, through
    its owner where a stream has it. A closed file that has not changed is not opened again.

A page of another site must not read this one through a browser: the Host header has to be one of ours (a
name made to point here is refused), and no answer may be framed or loaded by another origin.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import json
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import duckdb
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import Settings
from leadline.flows.dash import render, sections
from leadline.flows.dash.data import Look, as_json, look
from leadline.flows.dash.skin import empty, policy
from leadline.flows.render.elements import Html, code, join, tag
from leadline.flows.terminal.interrupts import taken
from leadline.storage.access.address import beside, read_address
from leadline.storage.access.connect import connect

PATIENCE_S = 3.0  # for an owner that does not serve (yet)
LOCAL = ("127.0.0.1", "localhost", "[::1]")

SCRIPT = """
(() => {
  const every = Number(document.documentElement.dataset.everyMs) || 5000;
  const main = document.querySelector("main");
  let last = "", silent = 0;
  const open = () => new Set([...document.querySelectorAll("details[open]")].map((one) => one.id));
  const show = (text, title) => {
    if (text === last) return;
    last = text;
    const kept = open();
    main.innerHTML = text;
    for (const one of document.querySelectorAll("details")) if (kept.has(one.id)) one.open = true;
    if (title) document.title = title;
  };
  const warn = () => {
    silent += 1;
    if (silent < 2 || document.getElementById("silent")) return;
    const said = document.createElement("p");
    said.id = "silent"; said.className = "notice";
    said.textContent = "leadline dash does not answer: this page stands still until it runs again.";
    main.prepend(said); last = "";
  };
  const turn = async () => {
    try {
      if (!document.hidden) {
        const answer = await fetch("body", { cache: "no-store" });
        show(await answer.text(), decodeURIComponent(answer.headers.get("x-title") || ""));
        silent = 0;
      }
    } catch { warn(); }
    setTimeout(turn, every);
  };
  setTimeout(turn, every);
})();
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is served, and to whom; ``names`` are further hosts under which it may be asked for."""

    settings: Settings  # its db is the one served
    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    every_s: float = 5.0
    back: dt.timedelta = dt.timedelta(hours=1)
    symbols: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Shown:
    """What browsers get until the next look: the newest that was found, or why there is none."""

    found: Look | None = None
    trouble: str = ""

    @property
    def title(self) -> str:
        """Name the page."""
        return render.title(self.found) if self.found is not None else "Leadline"

    def body(self) -> Html:
        """Write it; with trouble, the last look below the word."""
        said = tag("p", self.trouble, class_="notice") if self.trouble else None
        if self.found is not None:
            return join(said, sections.body(self.found))
        nothing = empty(code("leadline stream"), " or ", code("leadline demo"), " makes a database.")
        return join(tag("header", tag("h1", "Leadline")), said, nothing)


class Watch:
    """Looks at the store at most once in ``every_s``, when somebody asks; who asks meanwhile shares it."""

    def __init__(self, take: Callable[[], Look], every_s: float, unchanged: Callable[[], bool]) -> None:
        self.looks = 0  # how often the store was asked
        self._take = take
        self._every_s = every_s
        self._unchanged = unchanged
        self._shown = Shown()
        self._due = 0.0
        self._under_way: asyncio.Task[Shown] | None = None
        # One thread: connections to the store are not for two at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dash")

    async def shown(self) -> Shown:
        """Return the newest, waiting for it where a look is due."""
        if time.monotonic() < self._due:
            return self._shown
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._turn())
        # Whoever asked first may go away; the others still wait for the answer.
        return await asyncio.shield(self._under_way)

    async def _turn(self) -> Shown:
        try:
            loop = asyncio.get_running_loop()
            self._shown = await loop.run_in_executor(self._thread, self._look)
        finally:
            self._due = time.monotonic() + self._every_s
            self._under_way = None
        return self._shown

    def _look(self) -> Shown:
        if self._shown.found is not None and not self._shown.trouble and self._unchanged():
            return self._shown
        self.looks += 1
        try:
            return Shown(self._take())
        except (LeadlineError, OSError, duckdb.Error) as exc:
            words = str(exc).partition("\n")[0] or type(exc).__name__
            return replace(self._shown, trouble=f"the database cannot be read now: {words}")

    def close(self) -> None:
        """Let no further look begin."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Eye:
    """Takes looks at one database, and knows whether a closed file has changed since the last."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._seen: tuple[Any, ...] | None = None

    def take(self) -> Look:
        """Look; raises what the store raises."""
        chosen = self._choice
        self._seen = None
        with connect(chosen.settings.db, patience_s=PATIENCE_S) as con:
            found = look(
                con, chosen.settings, dt.datetime.now(dt.UTC), back=chosen.back, symbols=chosen.symbols
            )
        self._seen = None if found.is_served else self._stamp()
        return found

    def unchanged(self) -> bool:
        """Whether the file is closed and as it was: then it need not be opened, which keeps others out."""
        return self._seen is not None and self._seen == self._stamp()

    def _stamp(self) -> tuple[Any, ...]:
        db = self._choice.settings.db
        parts: list[Any] = [read_address(db) is not None]
        for file in (db, beside(db, ".wal")):
            try:
                seen = file.stat()
            except FileNotFoundError:
                parts.append(None)
            else:
                parts.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        return tuple(parts)


def app(watch: Watch, hosts: frozenset[str], every_s: float) -> Callable[..., Awaitable[None]]:
    """Make the application: three addresses that answer GET, and a door that checks who is asked for."""
    headers = {
        "Content-Security-Policy": policy(SCRIPT),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    async def whole(_: Request) -> Response:
        shown = await watch.shown()
        text = render.live(shown.body(), name=shown.title, script=SCRIPT, every_s=every_s)
        return HTMLResponse(text, headers=headers)

    async def body(_: Request) -> Response:
        shown = await watch.shown()
        named = {"X-Title": quote(shown.title)}
        return HTMLResponse(shown.body(), headers={**headers, **named})

    async def figures(_: Request) -> Response:
        shown = await watch.shown()
        if shown.found is None or shown.trouble:
            return JSONResponse({"trouble": shown.trouble}, status_code=503, headers=headers)
        return Response(
            json.dumps(as_json(shown.found), ensure_ascii=False), media_type="application/json",
            headers=headers,
        )  # fmt: skip

    routes = [
        Route(path, made, methods=["GET"])
        for path, made in (("/", whole), ("/body", body), ("/look.json", figures))
    ]
    inner = Starlette(routes=routes)

    async def door(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not _is_ours(scope, hosts):
            refused = PlainTextResponse(
                "this host is not served here; leadline dash --allow-host NAME allows one\n", 421
            )
            await refused(scope, receive, send)
            return
        await inner(scope, receive, send)

    return door


def _is_ours(scope: Any, hosts: frozenset[str]) -> bool:
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return len(named) == 1 and _without_port(named[0]).lower() in hosts


def _without_port(host: str) -> str:
    """Leave the port out: ``127.0.0.1:80`` and ``[::1]:80`` alike."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def serve(choice: Choice, said: Callable[[str], None]) -> None:
    """
    Serve until SIGINT or SIGTERM; ``said`` is told the address once it answers.

    Raises `OSError` with the address where the port is taken.
    """
    eye = Eye(choice)
    watch = Watch(eye.take, choice.every_s, eye.unchanged)
    hosts = frozenset(name.lower() for name in (*LOCAL, *choice.names))
    with _listening(choice) as listener, _quiet_signals():
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app(watch, hosts, choice.every_s), log_level="error", access_log=False, lifespan="off",
            timeout_graceful_shutdown=2, server_header=False, ws="none",
        )  # fmt: skip
        name = "127.0.0.1" if choice.host in {"0.0.0.0", "localhost"} else choice.host  # noqa: S104
        name = f"[{name}]" if ":" in name else name
        said(f"http://{name}:{port}/")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            watch.close()


@contextlib.contextmanager
def _listening(choice: Choice) -> Iterator[socket.socket]:
    """Listen before anybody is told the address."""
    family = socket.AF_INET6 if ":" in choice.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((choice.host, choice.port))
        except OSError as exc:
            where = f"{choice.host}:{choice.port}"
            raise OSError(exc.errno, f"{exc.strerror}; --port 0 takes any free one", where) from exc
        listener.listen(64)
        yield listener


def _quiet_signals() -> contextlib.AbstractContextManager[None]:
    """Uvicorn ends on these and raises them again afterwards, which would be an error here."""
    return taken((signal.SIGINT, signal.SIGTERM), lambda *_: None)
