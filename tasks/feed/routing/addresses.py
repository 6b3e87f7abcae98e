"""Which of the venue's addresses refuse us, and bans: one row for each change, and one line in the log."""

from __future__ import annotations

import logging

from leadline.book.rows.feed import AddressRow
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.net.clock import Clock

SAME_BAN_NS = 2_000_000_000  # an end told in whole seconds

log = logging.getLogger("leadline.feed")


class Addresses:
    """Hears of every attempt that says something of an address; runs on the feed's loop."""

    def __init__(self, venue: str, router: Router, clock: Clock) -> None:
        self._venue = venue
        self._router = router
        self._clock = clock
        self._refusals: dict[tuple[str, str], str] = {}  # by road and address, those told last
        self._banned_until_ns: dict[str, int] = {}  # by road, the ban told last; monotonic

    def refused(self, road: str, address: str, reason: str) -> None:
        """Note that an address did not let us in."""
        if self._refusals.get((road, address)) != reason:
            self._refusals[road, address] = reason
            log.warning("%s is left: %s", address, reason)
            self._tell(road, address, "refused", reason)

    def reached(self, road: str, address: str) -> None:
        """Note that an address serves us."""
        if self._refusals.pop((road, address), None) is not None:
            log.warning("%s serves us again", address)
            self._tell(road, address, "reached", "")

    def banned(self, road: str, address: str, reason: str, seconds: float) -> None:
        """Note that nothing may be asked there for a while; several requests may meet the same ban."""
        until_ns = self._clock.mono_ns() + int(seconds * 1e9)
        if abs(until_ns - self._banned_until_ns.get(road, 0)) > SAME_BAN_NS:
            self._banned_until_ns[road] = until_ns
            self._tell(road, address, "banned", reason, self._clock.wall_ns() + int(seconds * 1e9))

    def _tell(self, road: str, address: str, event: str, reason: str, until_ns: int | None = None) -> None:
        row = AddressRow(self._venue, self._clock.wall_ns(), road, address, event, reason, until_ns)
        self._router.batch.addresses.append(row)
