"""
The connection beside the one in use: opened first, heard, and only then put in its place.

    leave(why) ──> opening ──> warm ──> joined ──> takes over
                     │           │
     fails: later anew           └─ the other ends: takes over at once

It is warm when the venue has accepted its subscriptions, and joined when ids prove that it overlaps with
the connection in use (`tasks.feed.connections.merger`) on every stream it was heard on. A stream on which
it was not heard for a while is a quiet one: whatever comes on it from now on comes here as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from leadline.tasks.feed.connections.leg_stats import LegLedger
from leadline.tasks.feed.connections.merger import Frame, Merger, Tail
from leadline.tasks.feed.routing.config import FeedConfig, LegStatus
from leadline.tasks.feed.routing.stats import Totals
from leadline.tasks.net.errors import VenueError
from leadline.tasks.net.limits import AttemptBudget, CommandPacer
from leadline.tasks.net.session import Session
from leadline.tasks.venues.common.adapter import Address

log = logging.getLogger("leadline.feed")

QUIET_LOOKS = 4  # at least so many, with both connections read in between, make a stream a quiet one


@dataclass(slots=True, eq=False)
class Leg:
    """One connection and what it was asked for."""

    asked: set[str]
    subscribes: bool  # its address asks for the streams
    session: Session = field(init=False)

    @classmethod
    def to(
        cls,
        address: Address,
        asked: set[str],
        config: FeedConfig,
        *,
        deliver: Callable[[Leg, list[bytes], int, int], None],
        ended: Callable[[Leg, str], None],
    ) -> Leg:
        """Make one that is not open yet; the callbacks are those of `Session`, and are told whose."""
        profile = config.profile
        leg = cls(asked, address.subscribes)
        leg.session = Session(
            address.url,
            deliver=partial(deliver, leg),
            ended=partial(ended, leg),
            pacer=CommandPacer(config.clock.mono_s, per_second=profile.commands_per_s),
            clock=config.clock,
            write_command=profile.adapter.command,
            streams_per_command=profile.streams_per_command,
            heartbeat=profile.heartbeat,
            compression=config.compression,
            open_timeout_s=config.open_timeout_s,
        )
        return leg


@dataclass(slots=True, eq=False)
class Relief:
    """A leg on its way to the place of the one in use."""

    leg: Leg
    merger: Merger
    ready_ns: int = 0  # monotonic: subscribed since; 0 while opening
    _looked_ns: int = 0
    _watched_s: float = 0.0

    def may_take_over(self, streams: Sequence[str], now_ns: int, config: FeedConfig) -> bool:
        """Whether nothing is lost by it, or the other has lagged or been mute for too long."""
        if not self.ready_ns:
            return False
        # A loop that stood still has read neither connection, and what it did not hear was not silent.
        since_ns, self._looked_ns = self._looked_ns or self.ready_ns, now_ns
        self._watched_s += min((now_ns - since_ns) / 1e9, config.quiet_s / QUIET_LOOKS)
        if not self.merger.is_joined:
            return (now_ns - self.ready_ns) / 1e9 >= config.join_most_s
        is_quiet = self._watched_s >= config.quiet_s * (1 - 1e-9)
        return is_quiet or all(self.merger.has_heard(1, name) for name in streams)


class Beside:
    """
    Keeps a line's relief; runs on the feed's loop.

    ``make`` gives a leg that is not open yet, ``bring`` takes frames to the books, ``install`` puts a leg
    in the place of the session, with the frames that only it has read.
    """

    def __init__(
        self,
        name: str,
        config: FeedConfig,
        attempts: AttemptBudget,
        totals: Totals,
        *,
        make: Callable[[], Leg],
        bring: Callable[[list[Frame]], None],
        install: Callable[[Leg, list[Frame], str], None],
        waits: Callable[[], Iterator[float]],
        do: Callable[..., None],
        on_failed: Callable[[VenueError], None] = lambda _: None,
    ) -> None:
        self.relief: Relief | None = None
        self.ledger = LegLedger(name, config.profile.adapter.read_ids, keeps=config.legs > 1)
        self.leaving: str | None = None  # why the session in use is to be left
        self._name = name
        self._config = config
        self._attempts = attempts
        self._totals = totals
        self._make = make
        self._bring = bring
        self._install = install
        self._fresh_waits = waits
        self._do = do
        self._on_failed = on_failed
        self._tail: Tail | None = None
        self._waits = waits()
        self._not_before_ns = 0

    def is_of(self, leg: Leg) -> bool:
        """Whether ``leg`` is the one beside."""
        return self.relief is not None and self.relief.leg is leg

    def leave(self, why: str) -> None:
        """Want the session in use replaced; begins at once."""
        self.leaving = self.leaving or why
        self._begin(self._config.clock.mono_ns())

    def tend(self, streams: Sequence[str], now_ns: int) -> None:
        """Begin what is due, and let the relief take over once it may."""
        if self.leaving is None and self._config.legs == 1:
            return
        if self.relief is None:
            self._begin(now_ns)
        elif self.leaving is not None and self.relief.may_take_over(streams, now_ns, self._config):
            self.take_over(self.leaving)

    def take_over(self, why: str) -> bool:
        """Put the relief in the place of the session now; False if there is none that is warm."""
        relief = self.relief
        if relief is None or not relief.ready_ns:
            return False
        self.relief = self.leaving = None
        self._waits, self._not_before_ns = self._fresh_waits(), 0
        kept_back = relief.merger.drop(0)
        self.ledger.end(0)
        self._tail = relief.merger.tail(1)
        self._install(relief.leg, kept_back, why)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether every frame of the session in use goes on as it is."""
        return self.relief is None and self._tail is None

    def legs(self) -> list[LegStatus]:
        """Tell what both connections did since the relief was begun."""
        if self.relief is None:
            return []
        return [
            LegStatus(
                self._name, leg, count.frames, count.first, count.holes, count.lost_ids, *count.leads_ms()
            )
            for leg, count in enumerate(self.relief.merger.counts)
        ]

    def merge(self, leg: Leg, frame: Frame) -> list[Frame]:
        """Return what goes on to the books now that ``leg`` has brought this frame."""
        if self._tail is not None and not self.is_of(leg):
            is_new = self._tail.passes(frame.data)
            if self._tail.is_over:
                self._tail = None
            if not is_new:
                return []
        if self.relief is None:
            return [frame]
        return self.relief.merger.take(int(leg is self.relief.leg), frame)

    def drop(self, why: str = "") -> None:
        """Give the relief up; with ``why`` because it ended, and what waited for it goes on."""
        relief, self.relief = self.relief, None
        if not why:
            self._tail = None  # the session in use ends as well
            self.ledger.forget()
        if relief is None:
            return
        relief.leg.session.silence()
        self._do(relief.leg.session.close())
        if why:
            log.info("%s: the connection beside ended: %s", self._name, why)
            self._go_on_alone(relief)

    def _go_on_alone(self, relief: Relief) -> None:
        """Go on with the session in use: with what was kept back of it, without what is known already."""
        self._put_off()
        self.ledger.end(1, was_up=relief.ready_ns > 0)
        kept_back = relief.merger.drop(1)
        self._tail = relief.merger.tail(0, self._tail)
        self._bring(kept_back)

    def _begin(self, now_ns: int) -> None:
        if self.relief is None and now_ns >= self._not_before_ns and self._attempts.delay_s() <= 0:
            self._attempts.spend()
            self.relief = Relief(self._make(), self.ledger.begin())
            self._do(self._open(self.relief))

    async def _open(self, relief: Relief) -> None:
        """Open a relief and subscribe it."""
        session = relief.leg.session
        try:
            await session.open()
            if not relief.leg.subscribes:
                await session.subscribe(sorted(relief.leg.asked))
            session.ensure_open()
        except VenueError as exc:
            await session.close()
            if self.relief is relief:
                self.relief = None
                log.warning("%s: the connection beside: %s", self._name, exc)
                self._on_failed(exc)
                self._go_on_alone(relief)
            return
        self._totals.sessions += 1
        relief.ready_ns = self._config.clock.mono_ns()

    def _put_off(self) -> None:
        """Wait before the next attempt, longer with each."""
        self._not_before_ns = self._config.clock.mono_ns() + int(next(self._waits) * 1e9)
