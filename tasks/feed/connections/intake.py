"""Brings frames to the books; keeps them, in order, while the sink is full, until there is room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from leadline.tasks.feed.connections.merger import Frame
from leadline.tasks.feed.routing.config import Tap
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.net.errors import SinkFull

# How soon a full sink is asked again, and how soon at the latest once it has been full for a while: each
# time a frame is decoded for nothing.
RETRY_FULL_S, RETRY_FULL_MOST_S = 0.005, 0.1


class Intake:
    """
    One line's way to the router; runs on the feed's loop.

    ``on_hold`` is called when frames begin to wait, ``on_home`` when all are home again, ``on_broken``
    with what a frame raised where nobody up the stack could take it.
    """

    def __init__(
        self,
        router: Router,
        tap: Tap | None,
        *,
        on_told: Callable[[Told], None],
        on_hold: Callable[[], None],
        on_home: Callable[[], None],
        on_broken: Callable[[Exception], None],
    ) -> None:
        self._router = router
        self._tap = tap
        self._on_told = on_told
        self._on_hold = on_hold
        self._on_home = on_home
        self._on_broken = on_broken
        self._held: deque[Frame] = deque()
        self._retry_s = RETRY_FULL_S

    @property
    def is_held(self) -> bool:
        """Whether frames wait for the sink."""
        return bool(self._held)

    @property
    def oldest_held_ns(self) -> int | None:
        """When the oldest frame that waits was received, ns since 1970; None if none waits."""
        return self._held[0].wall_ns if self._held else None

    def clear(self) -> None:
        """Give up what waits."""
        self._held.clear()

    def bring_each(self, frames: list[Frame]) -> None:
        """Bring frames that were read at different times."""
        for data, wall_ns, mono_ns in frames:
            self.bring([data], wall_ns, mono_ns)

    def bring(self, frames: list[bytes], wall_ns: int, mono_ns: int) -> None:
        """Bring the frames of one read to the books and to the tap, which hears only what the books do."""
        if self._tap is not None:
            self._tap.frames(frames, wall_ns)
        if self._held:
            self._held.extend(Frame(frame, wall_ns, mono_ns) for frame in frames)
            return
        dispatch = self._router.dispatch
        for n, frame in enumerate(frames):
            try:
                told = dispatch(frame, wall_ns, mono_ns)
            except SinkFull:
                self._held.extend(Frame(later, wall_ns, mono_ns) for later in frames[n:])
                self._on_hold()
                self._retry_s = RETRY_FULL_S
                self._look_again_soon()
                return
            if told:
                self._on_told(told)

    def _look_again_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._retry_s, self._drain)
        self._retry_s = min(2 * self._retry_s, RETRY_FULL_MOST_S)

    def _drain(self) -> None:
        """Bring held frames to the books; when all are home tell so, else ask the sink again soon."""
        try:
            while self._held:
                told = self._router.dispatch(*self._held[0])
                self._held.popleft()
                self._retry_s = RETRY_FULL_S
                if told:
                    self._on_told(told)
        except SinkFull:
            self._look_again_soon()
        except Exception as exc:  # noqa: BLE001 - a callback's outer door; the loop would only log
            self._on_broken(exc)
        else:
            self._on_home()
