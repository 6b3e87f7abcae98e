"""What is to happen later, on the venue's own loop and without a task of its own."""

from __future__ import annotations

from collections.abc import Callable


class Timers:
    """Calls kept until `tick` finds them due by the monotonic clock ``now_s``; used from one thread."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._calls: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Call ``do`` once ``seconds`` have passed."""
        self._calls.append((self._now_s() + seconds, do))

    def tick(self, now: float) -> None:
        """Make the calls that are due at the monotonic time ``now``, the earliest first."""
        due = [call for call in self._calls if call[0] <= now]
        if due:
            self._calls = [call for call in self._calls if call[0] > now]
            for _, do in sorted(due, key=lambda call: call[0]):
                do()
