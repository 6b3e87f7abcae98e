"""
How a line gets to its venue: by which address, and when its next attempt may be made.

An address that served is kept. One that refuses us, cannot be reached or does not accept the streams is
left for the next, within the same attempt: nobody waits for an address that another could stand in for. One
that limits or bans us is not left, because it is the IP address that is limited. One that stays silent is
left by whoever finds that out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random

from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.net.backoff import delays
from leadline.tasks.net.bans import Bans
from leadline.tasks.net.errors import AccessRefused, ConnectFailed, RateLimited, VenueError
from leadline.tasks.net.limits import AttemptBudget
from leadline.tasks.venues.common.adapter import StreamKind, WsBase
from leadline.tasks.venues.common.rest import AddressNotes

ROAD = "stream"
LONGEST_TURN_S = 30.0  # whoever waits longer for the attempt budget waits outside


class Approach:
    """One line's; runs on the feed's loop."""

    def __init__(
        self,
        name: str,
        carries: StreamKind,
        config: FeedConfig,
        attempts: AttemptBudget,
        rng: Random,
        bans: Bans | None = None,
        notes: AddressNotes | None = None,
    ) -> None:
        self.vain = 0  # sessions in a row that ended in silence
        self._name = name
        self._carries = carries
        self._config = config
        self.attempts = attempts
        self._rng = rng
        self._bans = bans or Bans(None, config.clock)
        self._notes = notes
        self._at = 0
        self._flap_waits = self.fresh_waits()
        self._flapped = False

    @property
    def base(self) -> WsBase:
        """The address whose turn it is."""
        bases = self._config.profile.ws_bases
        return bases[self._at % len(bases)]

    async def try_each(self, connect: Callable[[], Awaitable[None]]) -> None:
        """Connect at the first address that serves us; raises one `VenueError` that names all of them."""
        failures: list[VenueError] = []
        for _ in self._config.profile.ws_bases:
            await self._take_turn()
            address = self._address
            try:
                await connect()
            except (ConnectFailed, AccessRefused) as exc:
                self.note_failed(exc)
                failures.append(exc)
            except VenueError as exc:
                self.note_failed(exc)
                raise
            else:
                if self._notes is not None:
                    self._notes.reached(ROAD, address)
                return
        if len(failures) == 1:
            raise failures[0]
        said = f"{self._name}: no address serves us: {'; '.join(map(str, failures))}"
        is_final = all(isinstance(one, AccessRefused) for one in failures)
        raise AccessRefused(said) if is_final else ConnectFailed(said)

    def note_failed(self, exc: VenueError) -> None:
        """Go on to the next address after a failure at this one, unless it is we who are limited."""
        if isinstance(exc, RateLimited):
            self._bans.note(self._who, exc.retry_after_s, is_ban=True)
            if self._notes is not None:
                self._notes.banned(ROAD, self._address, str(exc), exc.retry_after_s)
            return
        if self._notes is not None and isinstance(exc, ConnectFailed | AccessRefused):
            self._notes.refused(ROAD, self._address, str(exc))
        self.leave_base()

    def leave_base(self) -> None:
        """Go on to the next address."""
        self._at += 1

    async def _take_turn(self) -> None:
        """Wait as the attempt budget and a flapping connection ask."""
        wait_s, banned_s = self.attempts.delay_s(), self._bans.left(self._who)[0]
        if banned_s > 0:
            said = f"{self._name}: no connection for {banned_s:.0f} s, as the venue told before"
            raise RateLimited(said, retry_after_s=banned_s)
        if wait_s > LONGEST_TURN_S:
            raise RateLimited(f"{self._name}: connection attempts used up", retry_after_s=wait_s)
        if self._flapped:
            wait_s = max(wait_s, next(self._flap_waits))
            self._flapped = False
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self.attempts.spend()

    @property
    def _address(self) -> str:
        return self.base.url + self.base.path_for(self._carries)

    @property
    def _who(self) -> str:
        profile = self._config.profile
        return f"{profile.name} {ROAD} {profile.ws_bases[0].url}"

    def note_end(self, lived_s: float, *, silent: bool) -> None:
        """Note how long a session lived, and whether it was ended for its silence."""
        self.vain = self.vain + 1 if silent else 0
        self._flapped = lived_s < self._config.settled_s
        if not self._flapped:
            self._flap_waits = self.fresh_waits()

    def fresh_waits(self) -> Iterator[float]:
        """Return waits that begin short and grow."""
        config = self._config
        return delays(self._rng, first_s=config.backoff_first_s, cap_s=config.backoff_cap_s)
