"""
How a line gets to its venue: by which address, and when its next attempt may be made.

An address that served is kept. One that refuses, or that stays silent, is left for the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.net.backoff import delays
from leadline.tasks.net.errors import RateLimited
from leadline.tasks.net.limits import AttemptBudget
from leadline.tasks.venues.common.adapter import WsBase

LONGEST_TURN_S = 30.0  # whoever waits longer for the attempt budget waits outside


class Approach:
    """One line's; runs on the feed's loop."""

    def __init__(self, name: str, config: FeedConfig, attempts: AttemptBudget, rng: Random) -> None:
        self.vain = 0  # sessions in a row that ended in silence
        self._name = name
        self._config = config
        self._attempts = attempts
        self._rng = rng
        self._at = 0
        self._flap_waits = self.fresh_waits()
        self._flapped = False

    @property
    def base(self) -> WsBase:
        """The address whose turn it is."""
        bases = self._config.profile.ws_bases
        return bases[self._at % len(bases)]

    def leave_base(self) -> None:
        """Go on to the next address."""
        self._at += 1

    async def take_turn(self) -> None:
        """Wait as the attempt budget and a flapping connection ask."""
        wait_s = self._attempts.delay_s()
        if wait_s > LONGEST_TURN_S:
            raise RateLimited(f"{self._name}: connection attempts used up", retry_after_s=wait_s)
        if self._flapped:
            wait_s = max(wait_s, next(self._flap_waits))
            self._flapped = False
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._attempts.spend()

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
