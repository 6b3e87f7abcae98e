"""
Holds a book against its partial depth stream: the best 20 levels a side, ten times a second.

    note the book ── diffs ──> listing of id S ── diffs ──> the book has reached S: compare, note anew

The comparison is that of an audit (`book.trust.audit`); a listing is compared when the book has reached its
id, at the latest when the next one comes. One that differs at the very id of the book makes it SUSPECT; the
next one heals or refutes it. It costs no request weight, but 0.3 ms a listing. It is an
option, off unless asked for: no recording at hand holds the stream, so that its id means what a snapshot's
does is the documents' word alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadline.book.engine.live import LiveBook
from leadline.book.messages import DepthSnapshot
from leadline.book.rows.batch import Batch, Count
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import Event
from leadline.book.trust.audit import Audit, Change, Standing, audit

LEVELS = 20
NOTED = 60  # levels a side noted down: the price moves until the listing is there


class Depth20:
    """One book's check; `receive` is where the router brings frames, `note_batch` sees every full batch."""

    def __init__(self, book: LiveBook) -> None:
        self._book = book
        self._standing: Standing | None = None
        self._epoch: int | None = None
        self._changes: list[Change] = []
        self._read = (0, 0)  # diffs and levels of the present batch that were read
        self._waiting: DepthSnapshot | None = None
        self._unconfirmed: tuple[Audit, list[Change]] | None = None

    def receive(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch, _: int) -> Sequence[Event]:
        """Take the listing that begins at ``frame[start]``; return what the book says to it."""
        snapshot = self._book.read_partial(frame, start, ts_recv_ns)
        events = self._compare(self._waiting, ts_recv_ns, batch)
        self._waiting = snapshot
        if self._book.witness_id >= snapshot.witness_id:
            events = [*events, *self._compare(snapshot, ts_recv_ns, batch)]
        if self._standing is None:
            self._note(batch)
        return events

    def note_batch(self, batch: Batch) -> None:
        """Keep the book's diffs of a batch on its way to the sink."""
        self._catch_up(batch)
        self._read = (0, 0)

    def _note(self, batch: Batch) -> None:
        self._standing, self._epoch = self._book.stand(NOTED), self._book.epoch
        self._changes = []
        self._read = int(batch.counts[Count.DIFFS]), int(batch.counts[Count.LEVELS])

    def _catch_up(self, batch: Batch) -> None:
        if self._standing is not None and self._epoch is not None:
            self._changes += self._book.changes(batch, self._epoch, self._read)
        self._read = int(batch.counts[Count.DIFFS]), int(batch.counts[Count.LEVELS])

    def _compare(self, snapshot: DepthSnapshot | None, ts_ns: int, batch: Batch) -> Sequence[Event]:
        self._waiting = None
        if self._book.epoch != self._epoch:
            self._standing = self._unconfirmed = None
        standing = self._standing
        if snapshot is None or standing is None:
            return ()
        self._catch_up(batch)
        found = audit(standing, self._changes, snapshot, LEVELS, Kind.DEPTH20)
        if found is None:
            return ()  # older than the note, or the book is not there yet
        self._standing = None
        first, self._unconfirmed, changes = self._unconfirmed, None, self._changes
        if first is not None:
            changes = [*first[1], *changes]
            found = found.lasting(changes)
            confirmed = first[0].confirmed(found)
            found = confirmed if confirmed.misses else found
        if found.misses and not found.is_confirmed:
            self._unconfirmed = found, changes
            if not found.is_exact:
                return ()
        return self._book.receive_audit(found, ts_ns, batch)
