"""What the feed remembers of one symbol's listing: its state, why, and when to ask about it again."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.book.rows.feed import ListingRow
from leadline.book.venues.common.listing import ListingState, SymbolInfo
from leadline.tasks.feed.routing.config import FeedConfig

STRIKE_S = 60.0  # numbers that do not fit twice within this time do so for good
MOST_DOUBLINGS = 10
# A symbol off scale costs a seed each time it is tried again: weight 250 instead of 20 on spot.
OFF_SCALE_TIMES = 10
OUTCASTS = frozenset({ListingState.UNLISTED, ListingState.UNUSABLE, ListingState.OFF_SCALE})


@dataclass(slots=True)
class Entry:
    """See the head of this module; times are monotonic seconds."""

    due_s: float  # ask about it then
    state: ListingState = ListingState.AWAITED
    reason: str = "listing awaited"
    info: SymbolInfo | None = None  # as listed last
    noted: ListingRow | None = None  # the row written last
    asked_s: float = 0.0
    is_woken: bool = False  # asked about out of its turn
    is_halted: bool = False
    _refusals: int = 0  # in a row
    _strike_s: float | None = None  # when its numbers did not fit

    @property
    def is_outcast(self) -> bool:
        """Whether there is to be no book of it, as things stand."""
        return self.state in OUTCASTS

    @property
    def is_extra(self) -> bool:
        """Whether it is asked about out of the turn of all."""
        return self.is_woken or self.is_halted

    def wake(self, now_s: float, least_s: float) -> None:
        """Let it be asked about at once, if it was not within the last ``least_s``."""
        if now_s - self.asked_s >= least_s:
            self.due_s, self.is_woken = min(self.due_s, now_s), True

    def asked(self, now_s: float, again_s: float) -> None:
        """Note that it is being asked about; without an answer again after ``again_s``."""
        self.asked_s, self.due_s, self.is_woken = now_s, now_s + again_s, False

    def accept(self, info: SymbolInfo, config: FeedConfig, *, is_on_trial: bool) -> None:
        """Take a usable listing; one off scale is on trial until its book is LIVE."""
        self.info = info
        if is_on_trial:
            return
        self.state, self.reason, self._refusals = ListingState.LISTED, "", 0
        every_s = config.status_every_s
        self.due_s = self.asked_s + (min(every_s, config.halted_every_s) if self.is_halted else every_s)

    def go_on(self, why: str, config: FeedConfig) -> None:
        """Take a listing that cannot be read, of a symbol that has a book already."""
        self.state, self.reason = ListingState.LISTED, why
        self.due_s = self.asked_s + config.status_every_s

    def put_off(self, state: ListingState, why: str, config: FeedConfig) -> None:
        """Take a refusal; each in a row doubles the wait for the next question."""
        self._refusals = self._refusals + 1 if self.state is state else 1
        wait_s = config.again_first_s * 2 ** min(self._refusals - 1, MOST_DOUBLINGS)
        times = OFF_SCALE_TIMES if state is ListingState.OFF_SCALE else 1
        self.due_s = self.asked_s + times * min(wait_s, config.again_most_s)
        self.state, self.reason = state, why

    def strikes_out(self, now_s: float) -> bool:
        """Note that its numbers did not fit an unchanged listing; return whether that is enough."""
        before, self._strike_s = self._strike_s, now_s
        return self.state is ListingState.OFF_SCALE or (before is not None and now_s - before < STRIKE_S)
