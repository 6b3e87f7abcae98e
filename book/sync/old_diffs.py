"""
When old diffs can no longer be honest ones: the ids went back, because the venue was restarted or reset.

A diff that a book holds already is a repeat, as a rule: it comes a second time from a slower connection, or
the seed was ahead of the stream. Three things no honest repeat does:

    it says that it happened after the newest diff held    `LATER_LIMIT` of them are enough
    it is new to us, and the seed stays ahead for long     `BEHIND_NS` of its time, or a whole buffer
    it comes again and again, and nothing newer comes      `REPEAT_LIMIT` of them

The first one compares the venue's time with the venue's own: our clock has no say.
"""

from __future__ import annotations

from leadline.book.sync.rules import Span

# A repeat bears the time of its original. One alone may be a slip of the venue's.
LATER_LIMIT = 3
# A stream this far behind a seed asks for another: the cost of an error is one seed.
BEHIND_NS = 10_000_000_000
# Ten seconds of spot diffs. Honest repeats come in short runs: a slower twin connection is some tens
# of diffs behind. A diff that is new to us, though older than the seed, does not count.
REPEAT_LIMIT = 100


class OldDiffs:
    """Counts the old diffs of one book; ``heard_id`` is the newest id heard, up to date until bridged."""

    def __init__(self, buffer_limit: int) -> None:
        self.heard_id = -1
        self._buffer_limit = buffer_limit
        self._behind = 0  # diffs that are new to us, yet older than the seed …
        self._behind_ns = 0  # … and the venue's time of the first of them
        self._repeats = 0  # diffs in a row that are not even new to us …
        self._later = 0  # … of them, those that happened after the newest diff held
        self._repeats_at = -1  # what was the newest heard all that while

    def forget(self, heard_id: int) -> None:
        """Begin anew; ``heard_id`` is the newest id heard so far."""
        self.heard_id = heard_id
        self._behind = self._behind_ns = self._repeats = self._later = 0
        self._repeats_at = -1

    def go_back(self, diff: Span, heard_id: int, held_event_ns: int) -> bool:
        """
        Count one more; True when the ids must have gone back.

        ``held_event_ns`` is the venue's time of the newest diff held; 0 where there is none.
        """
        if diff.last_id > heard_id:  # a slow stream on its way to a newer seed
            self.heard_id = diff.last_id
            self._behind += 1
            self._behind_ns = self._behind_ns or diff.ts_event_ns
            is_far = diff.ts_event_ns - self._behind_ns >= BEHIND_NS
            return is_far or self._behind >= self._buffer_limit
        if self._repeats_at != heard_id:  # something new was heard in between
            self._repeats_at = heard_id
            self._repeats = self._later = 0
        self._repeats += 1
        self._later += 0 < held_event_ns < diff.ts_event_ns
        return self._later >= LATER_LIMIT or self._repeats >= REPEAT_LIMIT
