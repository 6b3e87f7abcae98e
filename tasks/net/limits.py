"""
The venue's limits, kept by us so that it never has to: request weight, connection attempts, commands.

Each limiter is asked ``delay_s(...)`` before the act (0: go) and told ``spend(...)`` when it is done.
None of them waits: the caller does, and a test reads the figures. ``now_s`` is a monotonic clock.

Sources: binance-spot-api-docs, rest-api.md ("LIMITS") and web-socket-streams.md ("General information").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from leadline.book.errors import BadInput

MINUTE_S = 60.0
# A 429 or 418 without Retry-After is not documented; these are the shortest waits that are safe.
BLIND_LIMIT_S = 60.0
BLIND_BAN_S = 120.0  # bans last from 2 minutes to 3 days
# After a ban the share of the budget that we use is halved, down to this; it stays so for the run.
LEAST_SHARE = 0.1


class SlidingWindow:
    """At most ``limit`` units within any ``window_s`` seconds."""

    def __init__(self, limit: int, window_s: float, now_s: Callable[[], float]) -> None:
        self.limit = limit
        self.window_s = window_s
        self._now_s = now_s
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    @property
    def used(self) -> int:
        """Units spent within the last ``window_s`` seconds."""
        self._expire()
        return self._sum

    def delay_s(self, units: int = 1) -> float:
        """Seconds until ``units`` more fit; 0 means now. Raises `BadInput` if they never can."""
        if units > self.limit:
            raise BadInput(f"{units} units asked of a budget of {self.limit} in {self.window_s} s")
        excess = self.used + units - self.limit
        now = self._now_s()
        for at_s, spent in self._spent:
            if excess <= 0:
                break
            excess -= spent
            if excess <= 0:
                return at_s + self.window_s - now
        return 0.0

    def spend(self, units: int = 1) -> None:
        """Note that ``units`` were spent now."""
        self._spent.append((self._now_s(), units))
        self._sum += units

    def forget_oldest(self, units: int) -> None:
        """Take the oldest ``units`` off the books: whoever counts them counts them no more."""
        self._sum -= min(units, self._sum)
        while self._spent and units > 0:
            at_s, spent = self._spent.popleft()
            if spent > units:
                self._spent.appendleft((at_s, spent - units))
            units -= spent

    def _expire(self) -> None:
        edge = self._now_s() - self.window_s
        while self._spent and self._spent[0][0] <= edge:
            self._sum -= self._spent.popleft()[1]


class AttemptBudget(SlidingWindow):
    """Connection attempts: the venue counts 300 in 5 minutes for an IP address; we use a share of them."""

    def __init__(
        self, now_s: Callable[[], float], *, limit: int = 300, window_s: float = 300.0, share: float = 0.8
    ) -> None:
        super().__init__(max(1, int(limit * share)), window_s, now_s)


class CommandPacer(SlidingWindow):
    """
    Messages we send on one connection, for a limit a second that pongs count towards as well.

    One a second is left for pongs, which the WebSocket library sends by itself (a server ping every
    20 s needs far less).
    """

    def __init__(self, now_s: Callable[[], float], *, per_second: int = 5) -> None:
        super().__init__(max(1, per_second - 1), 1.0, now_s)


class WeightGovernor:
    """
    Request weight of one IP address, kept under a share of the venue's budget a minute.

    Our own sum slides over 60 s, which is safe wherever the venue's minute begins. Each answer's
    used-weight header then corrects it: more than we know of means that others share the address,
    less means that the venue's minute is over. A refusal (429) blocks every caller until its Retry-After
    is past. A ban (418) also blows a fuse: when it is past, one request goes alone, the others wait
    for its success, and only half of the former share is used from then on.
    """

    def __init__(self, per_minute: int, now_s: Callable[[], float], *, share: float = 0.8) -> None:
        self.per_minute = per_minute
        self.share = share
        self.fuse_blown = False
        self._now_s = now_s
        self._window = SlidingWindow(int(per_minute * share), MINUTE_S, now_s)
        self._in_flight = 0
        self._blocked_until_s = 0.0

    @property
    def used(self) -> int:
        """Weight spent within the last minute, as far as we know."""
        return self._window.used

    @property
    def remaining(self) -> int:
        """Weight that may still be spent now without waiting; 0 while blocked."""
        return 0 if self.blocked_s > 0 else max(0, self._window.limit - self._window.used)

    @property
    def blocked_s(self) -> float:
        """Seconds until the venue's last 429 or 418 is over."""
        return max(0.0, self._blocked_until_s - self._now_s())

    def delay_s(self, weight: int) -> float:
        """Seconds until a request of ``weight`` may be sent; 0 means now."""
        if self.blocked_s > 0:
            return self.blocked_s
        if self.fuse_blown and self._in_flight:
            return 1.0  # the one request that tries the ground is out; ask again
        return self._window.delay_s(weight)

    def spend(self, weight: int) -> None:
        """Note that a request of ``weight`` is being sent; `settle` must follow."""
        self._window.spend(weight)
        self._in_flight += weight

    def settle(self, weight: int, *, used: int | None, succeeded: bool) -> None:
        """Note the end of a request; ``used`` is its used-weight header, None where there was none."""
        self._in_flight -= weight
        if succeeded:
            self.fuse_blown = False
        if used is None:
            return
        # What is in flight may not have been counted by the venue yet.
        difference = used + self._in_flight - self._window.used
        if difference > 0:
            self._window.spend(difference)
        else:
            self._window.forget_oldest(-difference)

    def punish(self, retry_after_s: float | None, *, is_ban: bool) -> float:
        """Obey a refusal for all callers (None: it does not say how long); return the seconds to wait."""
        blind_s = BLIND_BAN_S if is_ban else BLIND_LIMIT_S
        wait_s = blind_s if retry_after_s is None else retry_after_s
        self._blocked_until_s = max(self._blocked_until_s, self._now_s() + wait_s)
        if is_ban:
            self.fuse_blown = True
            self.share = max(LEAST_SHARE, self.share / 2)
            self._window.limit = int(self.per_minute * self.share)
        return self.blocked_s
