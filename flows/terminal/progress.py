"""Live progress on stderr: redrawn in a terminal, now and then a line for anything else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from leadline.flows.terminal.console import to_stderr
from leadline.flows.terminal.screen import Screen

QUIET_S = 2.0  # shorter work needs no progress
LINE_S = 10.0


class Progress:
    """
    Redraws ``draw()`` on `tick`, at most every ``every_s`` seconds, once ``after_s`` are over.

    Where stderr is no terminal, ``line()`` is printed every ten seconds instead, if there is one.
    """

    def __init__(
        self,
        draw: Callable[[], RenderableType],
        *,
        after_s: float = QUIET_S,
        every_s: float = 0.25,
        line: Callable[[], str] | None = None,
    ) -> None:
        self._draw = draw
        self._line = line
        self._is_terminal = sys.stderr.isatty()
        self._every_s = every_s if self._is_terminal else LINE_S
        self._live: Live | None = None
        self._next = time.monotonic() + (after_s if self._is_terminal else LINE_S)

    def __enter__(self) -> Self:
        return self

    def tick(self) -> None:
        """Redraw if it is time to; cheap enough for an inner loop's every hundredth turn."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        if not self._is_terminal:
            if self._line is not None:
                to_stderr(self._line())
            return
        if self._live is None:
            self._live = Live(console=Screen(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self._draw(), refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


class LineProgress(Progress):
    """Progress in one line of text, in a terminal or not."""

    def __init__(self, line: Callable[[], str], *, after_s: float = QUIET_S) -> None:
        super().__init__(lambda: Text(line()), after_s=after_s, line=line)


class StepProgress(LineProgress):
    """Progress that shows which step of a command is under way."""

    def __init__(self, command: str, first: str) -> None:
        self._step = first
        super().__init__(lambda: f"{command}: {self._step}")

    def step(self, name: str) -> None:
        """Begin a step, or go on with it."""
        self._step = name
        self.tick()
