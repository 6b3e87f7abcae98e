"""Live progress on stderr, for a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

QUIET_S = 2.0  # what is done sooner needs no progress


class Progress:
    """
    A live picture on stderr, redrawn from ``draw`` on every `tick`; nothing at all without a terminal.

    It appears only after ``after_s`` seconds and is gone when the work is done.
    """

    def __init__(
        self, draw: Callable[[], RenderableType], *, after_s: float = QUIET_S, every_s: float = 0.25
    ) -> None:
        self._draw = draw
        self._every_s = every_s
        self._live: Live | None = None
        self._next = time.monotonic() + after_s if sys.stderr.isatty() else float("inf")

    def __enter__(self) -> Self:
        return self

    def tick(self) -> None:
        """Redraw if it is time to; cheap enough for an inner loop's every thousandth turn."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        if self._live is None:
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self._draw(), refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
