"""A child process that is restarted when it dies, with growing delays while it keeps dying."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from leadline.book.errors import LeadlineError
from leadline.flows.local.child import Child
from leadline.tasks.programs import python

FIRST_S, CAP_S = 1.0, 60.0
HEALTHY_S = 120.0  # a child that ran this long has started well: its next delay is short again


COMPILE = """
import sys
from leadline.book.engine.factory import warm_up
from leadline.book.venues.registry import spec_of
warm_up(spec_of(sys.argv[1]), sys.argv[2])
"""


def compiling(venue: str, engine: str, home: Path) -> Child:
    """
    Begin to compile the books where that was not done before; a second, or a quarter of a minute.

    In a process of its own, so that its memory is given back, and before the first run, which hears
    nothing while it compiles. What goes wrong here the stream will say.
    """
    command = python("-c", COMPILE, venue, engine)
    return Child(command, name="compiling", log=home / "compile.log", stdout_to_log=True)


class RestartingChild:
    """Call `look` often; it restarts the child when a restart is due, and reports it."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Child],
        say: Callable[[str], None],
        *,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._start = start
        self._say = say
        self._rng = rng or random.Random()
        self._clock = clock
        self._child: Child | None = None
        self._since = 0.0
        self._due = 0.0
        self._failures = 0

    def start(self) -> Child:
        """Start the child for the first time; raises what starting raises."""
        self._child = self._start()
        self._since = self._clock()
        return self._child

    def look(self) -> None:
        """Check the child; restart it if it died and its delay is over."""
        now = self._clock()
        if self._child is not None:
            if self._child.is_running():
                return
            if now - self._since > HEALTHY_S:
                self._failures = 0
            wait_s = min(CAP_S, FIRST_S * 2**self._failures) * self._rng.uniform(0.75, 1.25)
            self._say(f"{self._child.died()}; starting it again in {wait_s:.0f} s")
            self._child.stop()
            self._child = None
            self._failures = min(self._failures + 1, 16)
            self._due = now + wait_s
        elif now >= self._due:
            try:
                self.start()
            except (LeadlineError, OSError) as exc:
                self._say(f"{self.name} could not be started: {exc}")
                self._failures = min(self._failures + 1, 16)
                self._due = now + min(CAP_S, FIRST_S * 2**self._failures)
                return
            self.restarts += 1
            self._say(f"{self.name} was started again")

    @property
    def is_running(self) -> bool:
        """Whether it runs at this moment."""
        return self._child is not None and self._child.is_running()

    def stop(self) -> None:
        """Stop the child for good."""
        child, self._child = self._child, None
        self._due = float("inf")
        if child is not None:
            child.stop()
