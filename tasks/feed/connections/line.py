"""
One line to the venue: a set of streams, the session that carries them, and its next session.

A line outlives its sessions. It brings frames to the router as they are read; when the sink is full it
stops reading and keeps what was read already, in order, until there is room. Whatever ends a session
(close frame, abort, silence) ends in `lose`, once for each session. A session that is about to end (age,
an announced shutdown, lag) is left by way of a relief (`tasks.feed.connections.standby`), and no frame is
missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from random import Random

from leadline.book.messages import CommandReply
from leadline.tasks.feed.connections.approach import Approach
from leadline.tasks.feed.connections.intake import Intake
from leadline.tasks.feed.connections.merger import Frame
from leadline.tasks.feed.connections.standby import Beside, Leg
from leadline.tasks.feed.requests.needs import Need
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.liveness import LineSilent, Liveness, StreamPulse, Verdict
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.feed.routing.stats import Totals
from leadline.tasks.net.errors import VenueError
from leadline.tasks.net.session import Session
from leadline.tasks.venues.common.adapter import StreamKind

log = logging.getLogger("leadline.feed")

# An address of this length passes every proxy and server we know of; longer ones subscribe instead.
URL_LIMIT = 4_000


class Line:
    """See the head of this module; everything runs on the feed's loop."""

    def __init__(
        self,
        name: str,
        carries: StreamKind,
        *,
        config: FeedConfig,
        router: Router,
        approach: Approach,
        totals: Totals,
        rng: Random,
        on_told: Callable[[Told], None],
        on_lost: Callable[[Line, str], None],
    ) -> None:
        self.name = name
        self.carries = carries  # decides the path where a venue divides its streams
        self.need: Need | None = None  # to connect; the latest
        self.liveness: Liveness | None = None
        self.newest: tuple[list[bytes], int] | None = None  # read in this session; wall clock, ns
        self._config = config
        self._router = router
        self._totals = totals
        self._rng = rng
        self._on_lost = on_lost
        self._streams: dict[str, str] = {}  # name -> symbol, all that are wanted
        self._asked: set[str] = set()  # … and asked for in this session
        self._sent_since_ns: dict[str, int] = {}  # … and accepted by the venue, when; monotonic
        self._session: Session | None = None
        self._is_opening = False
        self._approach = approach
        self._intake = Intake(
            router,
            config.tap,
            on_told=on_told,
            on_hold=partial(self._each_session, Session.pause),
            on_home=self._go_on,
            on_broken=self._break,
        )
        self._end_when_drained: str | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._life_s = self._config.draw_life_s(self._rng)
        self.beside = Beside(
            name,
            config,
            approach.attempts,
            totals,
            make=self._new_leg,
            bring=self._intake.bring_each,
            install=self._install,
            waits=self._approach.fresh_waits,
            on_failed=self._approach.note_failed,
            do=self._do,
        )

    @property
    def is_up(self) -> bool:
        """Whether a session is open and subscribed."""
        return self._session is not None and not self._is_opening

    @property
    def oldest_held_ns(self) -> int | None:
        """When the oldest of its frames that wait for the sink was received, ns; None if none waits."""
        return self._intake.oldest_held_ns

    @property
    def width(self) -> int:
        """How many streams are wanted on this line."""
        return len(self._streams)

    @property
    def symbols(self) -> list[str]:
        """Symbols that have a stream here."""
        return list(dict.fromkeys(self._streams.values()))

    # -- streams ---------------------------------------------------------------------------------

    def add(self, symbol: str, streams: Iterable[str]) -> None:
        """Want more streams: the next session has them, `subscribe_added` asks in this one."""
        self._streams |= dict.fromkeys(streams, symbol)

    async def subscribe_added(self) -> None:
        """Ask for the streams added since this session was opened."""
        added = [name for name in self._streams if name not in self._asked]
        if not added or not self.is_up or self._session is None or self.liveness is None:
            return
        self._asked.update(added)
        self.liveness.added(self._pulses(added), self._config.clock.mono_ns())
        await self._session.subscribe(added)
        self._note_sent(added)

    async def remove(self, symbol: str) -> None:
        """Want a symbol's streams no more."""
        gone = [name for name, owner in self._streams.items() if owner == symbol]
        for name in gone:
            del self._streams[name]
            self._sent_since_ns.pop(name, None)
        if self.liveness is not None:
            self.liveness.removed(symbol)
        asked = [name for name in gone if name in self._asked]
        self._asked.difference_update(asked)
        if asked and self.is_up and self._session is not None:
            await self._session.unsubscribe(asked)

    def sent_for_s(self, stream: str) -> float:
        """Return for how long the venue has been sending a stream, at the least; 0: it does not."""
        since_ns = self._sent_since_ns.get(stream)
        return 0.0 if since_ns is None else (self._config.clock.mono_ns() - since_ns) / 1e9

    async def answers_ping(self, within_s: float) -> bool:
        """Whether the connection answers a ping."""
        return self._session is not None and await self._session.answers_ping(within_s)

    def give_up(self, silent: LineSilent, why: str) -> None:
        """End the session over its silence; another address is tried if it never spoke."""
        if not silent.spoke:
            self._approach.leave_base()
        self.lose(f"silent for {silent.for_s:.1f} s, {why}", silent=True)

    def ask_anew(self, stream: str) -> None:
        """Subscribe again to a stream that fell silent, even if the old subscription is refused its end."""
        if self.is_up and self._session is not None:
            self._do(self._ask_anew(self._session, stream))

    async def _ask_anew(self, session: Session, stream: str) -> None:
        for ask in (session.unsubscribe, session.subscribe):
            try:
                await ask([stream])
            except VenueError as exc:
                log.warning("%s: asking for %s anew: %s", self.name, stream, exc)

    def _note_sent(self, streams: Iterable[str]) -> None:
        """Note that the venue sends these from now on."""
        self._sent_since_ns |= dict.fromkeys(streams, self._config.clock.mono_ns())

    def _pulses(self, streams: Iterable[str]) -> list[StreamPulse]:
        return [pulse for name in streams if (pulse := self._router.pulse(name)) is not None]

    # -- sessions --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open a session and subscribe, at the first address that serves us; raises a `VenueError`."""
        if self._session is None:
            await self._approach.try_each(self._open_here)

    async def _open_here(self) -> None:
        """Open a session at the address whose turn it is; raises a `VenueError`."""
        leg = self._new_leg()
        session = self._session = leg.session
        self._asked = leg.asked
        pulses = self._pulses(self._streams)
        for pulse in pulses:
            pulse.last_ns = pulse.frames = 0
        clock, patience = self._config.clock, self._config.patience
        moving = self._config.profile.moving
        vain = self._approach.vain
        liveness = self.liveness = Liveness(pulses, clock.mono_ns(), patience, moving, vain=vain)
        self._is_opening = True
        try:
            await session.open()
            self._totals.sessions += 1
            liveness.opened_ns = session.opened_ns
            if not leg.subscribes:
                await session.subscribe(list(self._streams))
            session.ensure_open()
            self._note_sent(leg.asked)
        except BaseException as exc:
            self._drop_session()
            if isinstance(exc, VenueError):
                self._on_lost(self, str(exc))  # books may have begun to fill
            raise
        finally:
            self._is_opening = False

    def lose(self, why: str, *, silent: bool = False) -> None:
        """
        End the session, if there is one, and tell; frames already read are brought home first.

        A relief that is warm takes over instead, and nothing is told: ids will show what is missing.
        """
        session = self._session
        if session is None or self._is_opening:
            return  # `open` meets the same end and raises
        if self.beside.take_over(why):
            return
        if self._intake.is_held:
            self._end_when_drained = self._end_when_drained or why
            session.pause()
            return
        lived_s = (self._config.clock.mono_ns() - session.opened_ns) / 1e9
        self._approach.note_end(lived_s, silent=silent)
        self._drop_session()
        log.info("%s: session ended after %.1f s: %s", self.name, lived_s, why)
        self._on_lost(self, why)

    async def close(self) -> None:
        """End the session for good, without telling."""
        self._drop_session()
        if self._chores:
            await asyncio.wait(self._chores)

    def check(self) -> list[Verdict]:
        """Look at silence and age; a session that is too old is replaced, silence is returned."""
        session = self._session
        if session is None or self._is_opening or self._intake.is_held:
            return []
        now_ns = self._config.clock.mono_ns()
        if (now_ns - session.opened_ns) / 1e9 >= self._life_s:
            self.leave("planned rotation before the venue's daily cut")
        self.beside.tend(list(self._streams), now_ns)
        if self._config.profile.heartbeat is not None:
            self._each_session(lambda one: self._do(one.beat()))
        return self.liveness.check(now_ns) if self.liveness is not None else []

    def _new_leg(self) -> Leg:
        profile, base = self._config.profile, self._approach.base
        address = profile.adapter.address(base, self.carries, list(self._streams))
        if len(address.url) > URL_LIMIT:
            address = profile.adapter.address(base, self.carries, ())
        return Leg.to(address, set(self._streams), self._config, deliver=self._hear, ended=self._ended)

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        self.liveness = None
        self._sent_since_ns.clear()
        self.beside.drop()
        self.beside.leaving = None
        self._intake.clear()
        self._end_when_drained = None
        if session is not None:
            session.silence()
            self._do(session.close())

    def _do(self, chore: Coroutine[None, None, None]) -> None:
        """Let a bounded chore run by itself."""
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # -- the connection beside ---------------------------------------------------------------------

    def leave(self, why: str) -> None:
        """
        Go over to another connection as soon as one has joined; returns at once.

        Where ids cannot show that two connections overlap, the next one begins the books anew.
        """
        if self._config.profile.spec.pairs_connections:
            self.beside.leave(why)
        else:
            self.lose(why)

    def _install(self, leg: Leg, kept_back: list[Frame], why: str) -> None:
        """Put a leg in the place of the session; what only it has read goes on first."""
        old, self._session, self.newest = self._session, leg.session, None
        self._asked, self._end_when_drained = leg.asked, None
        self._sent_since_ns.clear()
        self._note_sent(leg.asked)
        self._life_s = self._config.draw_life_s(self._rng)
        if old is not None:
            old.silence()
            self._do(old.close())
        pulses = self._pulses(self._streams)
        for pulse in pulses:
            pulse.frames = 0
        config = self._config
        self.liveness = Liveness(pulses, config.clock.mono_ns(), config.patience, config.profile.moving)
        self._totals.takeovers += 1
        log.info("%s: another connection took over: %s", self.name, why)
        self._intake.bring_each(kept_back)
        self._do(self._settle_streams(leg.session))

    async def _settle_streams(self, session: Session) -> None:
        """Ask for what was added while the session stood beside, and give up what was removed."""
        surplus = sorted(self._asked.difference(self._streams))
        self._asked.difference_update(surplus)
        try:
            if surplus:
                await session.unsubscribe(surplus)
            await self.subscribe_added()
        except VenueError as exc:
            log.warning("%s: %s", self.name, exc)

    def _ended(self, leg: Leg, why: str) -> None:
        """Hear that a connection has ended."""
        if self.beside.is_of(leg):
            self.beside.drop(why)
        elif leg.session is self._session:
            self.lose(why)

    # -- frames ----------------------------------------------------------------------------------

    def _hear(self, leg: Leg, frames: list[bytes], wall_ns: int, mono_ns: int) -> None:
        """Take the frames of one read; called within the read callback."""
        self._totals.frames += len(frames)
        self._totals.bytes += sum(map(len, frames))
        if leg.session is self._session:
            self.newest = frames, wall_ns
        try:
            if self.beside.is_idle:
                self._intake.bring(frames, wall_ns, mono_ns)
            else:
                self._merge(leg, frames, wall_ns, mono_ns)
            if self._router.control and not self._intake.is_held:
                self._hear_control()
        except Exception as exc:  # noqa: BLE001 - the read callback's outer door; the loop would only log
            self._break(exc)

    def _merge(self, leg: Leg, frames: list[bytes], wall_ns: int, mono_ns: int) -> None:
        """Bring the frames of one of two connections to the books, unless the other has already."""
        for data in frames:
            is_beside = self.beside.is_of(leg)
            if not is_beside and leg.session is not self._session:
                return  # given up over what it has just brought: the other connection has the rest
            if is_beside and not self._config.profile.adapter.is_data(data):
                self._router.dispatch(data, wall_ns, mono_ns)
                self._hear_control(leg)
            else:
                self._intake.bring_each(self.beside.merge(leg, Frame(data, wall_ns, mono_ns)))

    def _break(self, exc: Exception) -> None:
        """Give the session up over a fault of our own; the books begin again."""
        log.error("%s: a frame broke the feed", self.name, exc_info=exc)
        self._intake.clear()
        self.beside.drop()  # it would go on as if the frame had been read
        self.lose(f"internal error: {type(exc).__name__} {exc}")

    def _hear_control(self, leg: Leg | None = None) -> None:
        """Act on what the venue said about a connection, just read: ``leg``, or the one in use."""
        while self._router.control:
            message = self._router.control.popleft()
            session = self._session if leg is None else leg.session
            if isinstance(message, CommandReply):
                if session is not None:
                    session.hear(message)
            elif leg is None:
                self.leave("shutdown announced by the venue")
            else:
                self.beside.drop("shutdown announced by the venue")

    # -- when the sink is full -------------------------------------------------------------------

    def _go_on(self) -> None:
        """Read again after a hold, or end the session whose end came meanwhile."""
        if self._router.control:
            self._hear_control()
        if self._end_when_drained is not None:
            self.lose(self._end_when_drained)
            return
        self._each_session(Session.resume)
        if self.liveness is not None:
            self.liveness.resumed(self._config.clock.mono_ns())

    def _each_session(self, do: Callable[[Session], None]) -> None:
        if self._session is not None:
            do(self._session)
        if self.beside.relief is not None:
            do(self.beside.relief.leg.session)
