"""
Runs the stream flow inside a command: the flow in a thread of its own, signals and picture in front.

Prefect turns signals into exceptions wherever the main thread happens to be. Here the main thread does
nothing but wait, so Ctrl-C and SIGTERM become a request to stop, and the run ends as Completed. A second
Ctrl-C does not wait for Prefect any more: rows are safe as soon as the database is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import Settings, without_credentials
from leadline.flows.terminal.interrupts import taken

if TYPE_CHECKING:
    from leadline.flows.stream import StreamSession

TICK_S = 0.1
# Longest report to Prefect once the file is closed; with its API away it would take minutes.
REPORT_TO_PREFECT_S = 15.0
DRAIN_S = 5.0


class StreamFailed(LeadlineError):
    """The stream's run did not complete; the message has the reason."""


class ForegroundStream:
    """One run of ``stream_books``; construct after the environment names the Prefect API."""

    def __init__(self, settings: Settings, *, handover: bool = False, named: Sequence[str] = ()) -> None:
        # Prefect's log lines go to its API and to our file; the terminal has a picture of its own.
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
        logging.raiseExceptions = False  # its API handler writes to stderr when the API is away
        # Imported here because Prefect fixes its settings when it is imported.
        self._stream = importlib.import_module("leadline.flows.stream")
        self.session: StreamSession = self._stream.StreamSession(settings, named=tuple(named))
        self._handover = handover
        self._ended: Future[tuple[str, str]] = Future()
        self._thread = threading.Thread(target=self._run, name="leadline-flow", daemon=True)
        self._signals = 0

    def run(self, tick: Callable[[], None]) -> tuple[str, str]:
        """
        Run until the flow ends, calling ``tick`` ten times a second; return its state's name and message.

        Raises `StreamFailed` when it failed, and what broke it.
        """
        with self._signals_stop_it():
            self._thread.start()
            give_up_at = float("inf")
            while self._thread.is_alive():
                tick()
                time.sleep(TICK_S)
                if self.session.is_closed.is_set():
                    give_up_at = min(give_up_at, time.monotonic() + REPORT_TO_PREFECT_S)
                if time.monotonic() > give_up_at or self._signals > 1:
                    break
        if self._ended.done():
            return self._ended.result()
        if self.session.is_closed.is_set():
            return "Stopped", "the database is closed; Prefect did not take the final state in time"
        raise StreamFailed("stopped at once; rows up to the last commit are stored")

    def stop(self) -> None:
        """Ask the flow to end."""
        self.session.stop.set()

    def _run(self) -> None:
        shown = parameters_of(self.session.settings)
        try:
            flow = self._stream.session_flow(self.session)
            state = asyncio.run(flow(settings=shown, handover=self._handover, return_state=True))
            if state.is_completed() or state.is_cancelled():
                self._ended.set_result((str(state.name), str(state.message or "")))
            else:
                error = asyncio.run(_error_of(state))
                self._ended.set_exception(error or StreamFailed(f"{state.name}: {state.message}"))
        except BaseException as exc:  # noqa: BLE001 - handed to the main thread, where it is raised
            self._ended.set_exception(exc)
        _drain_prefect()

    def _signals_stop_it(self) -> contextlib.AbstractContextManager[None]:
        def on_signal(_number: int, _frame: object) -> None:
            self._signals += 1
            self.stop()

        return taken((signal.SIGINT, signal.SIGTERM), on_signal)


def parameters_of(settings: Settings) -> dict[str, object]:
    """Return the flow's parameters: what Prefect shows and keeps, so plain values only."""
    return {
        "db": str(settings.db),
        "venue": settings.venue,
        "symbols": list(settings.symbols),
        "ws_url": settings.ws_url and without_credentials(settings.ws_url),
        "rest_url": settings.rest_url and without_credentials(settings.rest_url),
        "max_seconds": settings.rotate_s,
        "snapshot_every_s": settings.snapshot_every_s,
    }


async def _error_of(state: Any) -> BaseException | None:
    """Return what a failed run raised, as far as it is one of ours or the system's."""
    error = await state.aresult(raise_on_failure=False)
    return error if isinstance(error, LeadlineError | OSError) else None


def _drain_prefect() -> None:
    """Send the logs and the states of task runs that Prefect still holds back, if its API takes them."""
    for module, name in (
        ("prefect.logging.handlers", "APILogWorker"),
        ("prefect.events.worker", "EventsWorker"),
    ):
        with contextlib.suppress(Exception):
            getattr(importlib.import_module(module), name).drain_all(timeout=DRAIN_S)
