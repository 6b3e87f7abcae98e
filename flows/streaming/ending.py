"""
Why a stream ends: all requests to end it, collected where the flow looks a few times a second.

    SIGTERM, Ctrl-C ──┐
    <db>.stop.json ───┼──> EndRequests ──> flush, close, unlock ──> Completed or Cancelled
    a command's stop ─┘

A signal is a request like the others: it interrupts nothing, so the file is closed in order.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from leadline.flows.terminal.interrupts import taken
from leadline.storage.handover.requests import take_request

EndKind: TypeAlias = Literal["stopped", "handover", "cancelled", "rotated", "gave_up"]


@dataclass(frozen=True, slots=True)
class EndReason:
    """What ended a stream: ``kind`` for the program, ``why`` for a person."""

    kind: EndKind
    why: str


class EndRequests:
    """The first request counts; later ones change nothing. Thread-safe."""

    def __init__(self, db: Path, asked: threading.Event) -> None:
        self._db = db
        self._asked = asked
        self.is_holder = False  # requests beside the file are for whoever holds it
        self._signal: int | None = None
        self._end: EndReason | None = None
        self._guard = threading.Lock()

    def request(self, end: EndReason) -> None:
        """Ask for the end."""
        with self._guard:
            self._end = self._end or end

    def reason(self) -> EndReason | None:
        """Return why to end; None to go on."""
        if self._end is None:
            if self._signal is not None:
                self.request(EndReason("stopped", f"stopped by {signal.Signals(self._signal).name}"))
            elif self._asked.is_set():
                self.request(EndReason("stopped", "stopped"))
            elif self.is_holder and (request := take_request(self._db)) is not None:
                kind: EndKind = "handover" if request.kind == "handover" else "stopped"
                self.request(EndReason(kind, request.said()))
        return self._end

    @property
    def is_by_signal(self) -> bool:
        """Whether a signal came: it may be the orchestrator's way to cancel."""
        return self._signal is not None

    @contextlib.contextmanager
    def catch_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as requests until the block ends; off the main thread do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield  # a command runs the flow beside its main thread, which has handlers of its own
            return

        def on_signal(number: int, _frame: object) -> None:
            self._signal = number

        with taken((signal.SIGTERM, signal.SIGINT), on_signal):
            yield
