"""
Why a stream ends: the wishes of others, gathered where the flow looks a few times a second.

    SIGTERM, Ctrl-C ──┐
    <db>.stop.json ───┼──> Ending ──> flush, close, unlock ──> Completed or Cancelled
    a command's stop ─┘

A signal is a wish like the others: it interrupts nothing, so the file is closed in order.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from leadline.storage.handover.requests import take_request

Kind: TypeAlias = Literal["stopped", "handover", "cancelled", "rotated", "gave_up"]


@dataclass(frozen=True, slots=True)
class End:
    """What ended a stream: ``kind`` for the program, ``why`` for a person."""

    kind: Kind
    why: str


class Ending:
    """The first wish counts; later ones change nothing. Thread-safe."""

    def __init__(self, db: Path, asked: threading.Event) -> None:
        self._db = db
        self._asked = asked
        self.is_holder = False  # requests beside the file are for whoever holds it
        self._signal: int | None = None
        self._end: End | None = None
        self._guard = threading.Lock()

    def wish(self, end: End) -> None:
        """Ask for the end."""
        with self._guard:
            self._end = self._end or end

    def look(self) -> End | None:
        """Return why to end, None to go on."""
        if self._end is None:
            if self._signal is not None:
                self.wish(End("stopped", f"stopped by {signal.Signals(self._signal).name}"))
            elif self._asked.is_set():
                self.wish(End("stopped", "stopped"))
            elif self.is_holder and (request := take_request(self._db)) is not None:
                kind: Kind = "handover" if request.kind == "handover" else "stopped"
                self.wish(End(kind, request.said()))
        return self._end

    @property
    def is_by_signal(self) -> bool:
        """Whether a signal was heard: it may be the orchestrator's way to cancel."""
        return self._signal is not None

    @contextlib.contextmanager
    def hear_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as wishes until the block ends; no more than that in other threads."""
        if threading.current_thread() is not threading.main_thread():
            yield  # a command runs the flow beside its main thread, which has handlers of its own
            return

        def heard(number: int, _frame: object) -> None:
            self._signal = number

        before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
