"""
What a book tells the store beside its diffs: its events, and the intervals in which it may be trusted.

Every change of state and every fault becomes a `BookEventRow`. While a book is LIVE one interval of
coverage is open; it ends with the last diff that was applied while the book could be trusted, not when
the fault was noticed: data ends there. After a mismatch that is the last diff at which the venue agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadline.book.rows.batch import Batch, BookEventRow, CoverageEnded, CoverageOpened
from leadline.book.sync.events import (
    BookReady,
    Crossed,
    Event,
    GapFound,
    Mismatched,
    OneSided,
    Refuted,
    Restarted,
    SnapshotNeeded,
    State,
)

_TARGETS: dict[type, State] = {
    GapFound: State.BUFFERING,
    Restarted: State.BUFFERING,
    Crossed: State.BUFFERING,
    OneSided: State.SUSPECT,
    Mismatched: State.SUSPECT,
    Refuted: State.BUFFERING,
    BookReady: State.LIVE,
}
# A request for a seed is a row of its own where no gap or cross beside it says why.
_ROWS_OF_THEIR_OWN = {"start", "seed_too_old"}


@dataclass(frozen=True, slots=True)
class Moment:
    """What surrounds some events: the book before and after them, and what brought them about."""

    before: State
    after: State
    ts_ns: int
    trusted_id: int  # the book before stood here …
    trusted_ns: int  # … since then
    seed_id: int = -1  # last_id of the seed that was offered
    agreed: tuple[int, int] = (-1, 0)  # id and time of the last diff at which the venue agreed


class Chronicle:
    """Writes one book's events and coverage into batches; ``book`` is its place in `Batch.markets`."""

    def __init__(self, book: int) -> None:
        self._book = book
        # Epoch and first id of the open interval.
        self._covered: tuple[int, int] | None = None

    def tell(self, events: Sequence[Event], moment: Moment, batch: Batch) -> None:
        """Write what ``events``, oldest first, mean for the store."""
        state = moment.before
        for event in events:
            to = _TARGETS.get(type(event), moment.after)
            self._write(event, state, to, moment, batch)
            if to is not State.LIVE:
                self._end_coverage(event, moment, batch)
            elif isinstance(event, BookReady):
                self._covered = (event.epoch, event.last_id)
                opened = CoverageOpened(self._book, event.epoch, moment.ts_ns, event.last_id)
                batch.coverage.append(opened)
            state = to

    def note(self, reason: str, state: State, ts_ns: int, batch: Batch) -> None:
        """Write an event that changes no state."""
        batch.events.append(BookEventRow(self._book, ts_ns, state, state, reason))

    def _write(self, event: Event, state: State, to: State, moment: Moment, batch: Batch) -> None:
        expected, got = -1, -1
        if isinstance(event, GapFound):
            expected, got = event.expected_id, event.got_id
        elif isinstance(event, Restarted):
            got = event.got_id
        elif isinstance(event, SnapshotNeeded):
            if event.reason not in _ROWS_OF_THEIR_OWN:
                return
            expected, got = event.min_last_id, moment.seed_id
        row = BookEventRow(self._book, moment.ts_ns, state, to, event.reason, expected, got)
        batch.events.append(row)

    def _end_coverage(self, event: Event, moment: Moment, batch: Batch) -> None:
        if self._covered is None:
            return
        epoch, first_id = self._covered
        self._covered = None
        last_id, last_ns = moment.trusted_id, moment.trusted_ns
        found_ns = None
        if isinstance(event, Mismatched):
            (last_id, last_ns), found_ns = moment.agreed, moment.ts_ns
        last_id = max(first_id, last_id)
        batch.coverage.append(CoverageEnded(self._book, epoch, last_ns, last_id, event.reason, found_ns))
