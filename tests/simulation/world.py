"""
Virtual time: one event loop with sockets of its own, a true clock, and clocks of ours that may be wrong.

No second passes and no port is opened: the loop jumps to the next thing that is due. Whose doing a task or
a connection is (`Body`) is known, so that it can be killed as an operating system kills a process.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib.abc
import importlib.util
import logging
import ssl
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

import async_solipsism
import httpcore._async.http11 as httpcore_http
import httpcore._backends.anyio as httpcore_backend
import httpx._transports.default as httpx_transport

from leadline.tasks.net.clock import Clock

HOST = "::1"  # the loop's sockets look like those of IPv6
LEAST_S = 2e-6  # twice the resolution of the loop's clock
BOOTED_S = 1_000.0  # what a monotonic clock shows as a life begins
DAY_NS = 86_400 * 10**9
FIRST_DAY_NS = 20_515 * DAY_NS  # 2026-03-03

_body: contextvars.ContextVar[Body | None] = contextvars.ContextVar("body", default=None)


class Body:
    """What an operating system knows of a process: its tasks and its connections."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.transports: list[asyncio.Transport] = []

    def run(self, act: Callable[[], Any]) -> Any:
        """Act as this process: what comes of it belongs to it."""
        context = contextvars.copy_context()
        context.run(_body.set, self)
        return context.run(act)

    def kill(self) -> None:
        """End all of it at once; nothing is said to anybody."""
        for transport in self.transports:
            transport.abort()
        for task in list(self.tasks):
            task.cancel()


class Loop(async_solipsism.EventLoop):
    """The loop of a life: it knows whose a task or a connection is, and connections take their time."""

    def __init__(self, connect_s: Callable[[], float]) -> None:
        super().__init__()
        self._connect_s = connect_s
        self.set_task_factory(self._make_task)

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Wait for what the clock can tell apart at least: who waits for less would wait for ever."""
        least_s = delay if delay <= 0 else max(delay, LEAST_S)
        return super().call_later(least_s, callback, *args, context=context)

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect after a while."""
        await asyncio.sleep(self._connect_s())
        transport, protocol = await super().create_connection(*args, **kwargs)
        body = _body.get()
        if body is not None:
            body.transports = [*(t for t in body.transports if not t.is_closing()), transport]
        return transport, protocol

    @staticmethod
    def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        context = options.get("context")
        body = context.get(_body) if context is not None else _body.get()
        if body is not None:
            body.tasks[task] = None
            task.add_done_callback(lambda done: body.tasks.pop(done, None))
        return task


@dataclass
class World:
    """The time of one life, and chance."""

    seed: int
    start_ns: int
    rng: Random = field(init=False)
    offset_ns: int = 0  # our wall clock is ahead of the truth by so much
    steps: list[tuple[float, int]] = field(default_factory=list)  # when, and the offset from then on
    loop: Loop = field(init=False)
    errors: list[str] = field(default_factory=list)  # what the program logged with a traceback

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.seed}:world")
        self.loop = Loop(lambda: self.rng.uniform(0.002, 0.08))
        self.steps.append((0.0, self.offset_ns))

    @property
    def now_s(self) -> float:
        """Seconds since the life began."""
        return self.loop.time()

    def true_ns(self) -> int:
        """The time of day, ns since 1970."""
        return self.start_ns + int(self.loop.time() * 1e9)

    def mono_ns(self) -> int:
        """The monotonic clock of every machine here."""
        return int((BOOTED_S + self.loop.time()) * 1e9)

    def wall_ns(self) -> int:
        """Return our wall clock."""
        return self.true_ns() + self.offset_ns

    @property
    def ours(self) -> Clock:
        """The clocks of the stream's machine."""
        return Clock(self.wall_ns, self.mono_ns)

    @property
    def venues(self) -> Clock:
        """The clocks of the venue's machine."""
        return Clock(self.true_ns, self.mono_ns)

    def step(self, seconds: float) -> None:
        """Move our wall clock."""
        self.offset_ns += int(seconds * 1e9)
        self.steps.append((self.now_s, self.offset_ns))

    def wall_at(self, true_ns: int) -> int:
        """Return what our wall clock showed at a moment of the past."""
        at_s = (true_ns - self.start_ns) / 1e9
        return true_ns + next(offset for since_s, offset in reversed(self.steps) if since_s <= at_s)


class _Errors(logging.Handler):
    """Keeps what was logged with a traceback: the program's own fault, whatever it was about."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            return
        what = f": {kind.__name__} {record.exc_info[1]}" if kind and record.exc_info else ""
        self._errors.append(f"{record.name}: {record.getMessage()}{what}")


@contextmanager
def virtual_time(world: World) -> Iterator[Loop]:
    """Let a life run on its own loop; what is left of it ends with the block."""
    handler = _Errors(world.errors)
    loggers = [logging.getLogger(name) for name in ("leadline", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
    asyncio.set_event_loop(world.loop)
    try:
        with _patched(world), warnings.catch_warnings():
            # Something is due within less than the clock can tell apart: at once, then.
            warnings.simplefilter("ignore", async_solipsism.ResolutionWarning)
            yield world.loop
            with suppress(RuntimeError):
                _end(world.loop)
    finally:
        asyncio.set_event_loop(None)
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextmanager
def _patched(world: World) -> Iterator[None]:
    """Let the HTTP client live in this time, where it looks at the machine's own clock and sockets."""
    patches: tuple[tuple[Any, str, Any], ...] = (
        # A pooled connection that was closed shows at its next use: our sockets have no number to poll.
        (httpcore_backend, "is_socket_readable", lambda _: False),
        (httpcore_http, "time", SimpleNamespace(monotonic=lambda: world.mono_ns() / 1e9)),
        (httpx_transport, "create_ssl_context", lambda *_, **__: _no_certificates()),
    )
    no_pandas = _NoPandas()
    if importlib.util.find_spec("pandas") is None:
        sys.meta_path.insert(0, no_pandas)
    before = [getattr(module, name) for module, name, _ in patches]
    for module, name, instead in patches:
        setattr(module, name, instead)
    try:
        yield
    finally:
        for (module, name, _), was in zip(patches, before, strict=True):
            setattr(module, name, was)
        if no_pandas in sys.meta_path:
            sys.meta_path.remove(no_pandas)


class _NoPandas(importlib.abc.MetaPathFinder):
    """Says at once that pandas is not here: DuckDB asks with every statement, and the path is long."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Raise for pandas, and leave the others to who comes after."""
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}")


@cache
def _no_certificates() -> ssl.SSLContext:
    """Return a context that reads no files, for a client that never speaks TLS here."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _end(loop: Loop) -> None:
    for _ in range(3):
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
