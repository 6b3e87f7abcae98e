"""
The sink of a stream that does not hold the database yet.

    passing over   rows are forgotten; only the newest seed of each book is remembered
        │ hold
    holding        rows are kept, up to a bound; when it is full the feed waits, as with a full writer
        │ release
    released       all goes to the writer: what was held first, cut to where the stored rows end
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from leadline.book.rows.batch import Batch, Market, SeedRow
from leadline.storage.errors import StoreError
from leadline.storage.handover.cut import Cutter, pack
from leadline.storage.ingest.commit import WriterStatus
from leadline.storage.ingest.writer import Writer

LIMIT_BATCHES = 240  # a minute at four batches a second
# Messages that the old stream had received and we had not yet may still come for this many batches.
LATE_BATCHES = 40


@dataclass(frozen=True, slots=True)
class HoldingStatus:
    """How full the sink is, in batches."""

    queued: int
    limit: int


class Holding:
    """See the head of the module; every method may be called from any thread."""

    def __init__(
        self,
        markets: list[Market],
        *,
        limit_batches: int = LIMIT_BATCHES,
        make_batch: Callable[[list[Market]], Batch] = Batch,
    ) -> None:
        self._markets = markets
        self._limit = limit_batches
        self._make_batch = make_batch
        self._guard = threading.Lock()
        self._free: list[Batch] = []
        self._held: deque[Batch] = deque()
        self._made = 0
        self._is_holding = False
        self._seeds: dict[int, SeedRow] = {}
        self._writer: Writer | None = None
        self._cutter: Cutter | None = None
        self._late = LATE_BATCHES

    @property
    def seeds(self) -> dict[int, SeedRow]:
        """The newest seed of each book, by book; of those passed over."""
        return dict(self._seeds)

    def take(self) -> Batch | None:
        """Return an empty batch, or None when as many as allowed are held."""
        with self._guard:
            if self._writer is not None:
                return self._writer.take()
            if self._free:
                return self._free.pop()
            if self._made == self._limit:
                return None
            self._made += 1
        return self._make_batch(self._markets)

    def submit(self, batch: Batch) -> None:
        """Keep a batch, pass it over, or hand it on."""
        with self._guard:
            if self._writer is not None:
                self._pass_on(self._writer, batch)
            elif self._is_holding and not batch.is_empty:
                self._held.append(batch)
            else:
                self._seeds |= {row.book: pack(row) for row in batch.seeds}
                batch.clear()
                self._free.append(batch)

    def hold(self) -> None:
        """Keep every batch from now on."""
        with self._guard:
            self._is_holding = True

    def release(self, writer: Writer, cutter: Cutter) -> None:
        """
        Hand all that is held to the writer, cut, and go on as a way to it.

        Call it when the batches submitted so far hold everything up to the ends of ``cutter``.
        """
        with self._guard:
            if self._writer is not None:
                raise StoreError("released before")
            held = list(self._held)
            self._held.clear()
        cutter.cut_all(held)
        with self._guard:
            writer.adopt(self._made - len(self._free))
            self._free.clear()
            self._seeds.clear()
            self._writer, self._cutter = writer, cutter
            for batch in held:
                writer.submit(batch)
            while self._held:
                self._pass_on(writer, self._held.popleft())

    def status(self) -> WriterStatus | HoldingStatus:
        """Tell how full it is."""
        with self._guard:
            if self._writer is not None:
                return self._writer.status()
            return HoldingStatus(len(self._held), self._limit)

    def _pass_on(self, writer: Writer, batch: Batch) -> None:
        if self._cutter is not None:
            self._cutter.cut_messages(batch)
            self._late -= 1
            if self._late == 0:
                self._cutter = None
        writer.submit(batch)
