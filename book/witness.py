"""
What comes of one book's attestation: scores by minute, evidence of every miss, and its sentence.

Minutes are cut by the receive times of diffs, so a replay keeps the same scores as the live book.
"""

from __future__ import annotations

from book.attestation import MINUTE_NS, Attestor, Doubts, Miss
from book.batch import AttestationRow, Batch, MismatchRow


class Witness:
    """Writes one book's attestation into batches; ``book`` is its place in `Batch.markets`."""

    def __init__(self, book: int, attestor: Attestor) -> None:
        self._book = book
        self._attestor = attestor
        self._doubts = Doubts()
        self.turn_ns = 0  # end of the minute that is counted in

    def is_due(self, ts_ns: int) -> bool:
        """Tell whether a diff received at ``ts_ns`` belongs to a later minute."""
        return ts_ns >= self.turn_ns

    def turn(self, ts_ns: int, batch: Batch) -> None:
        """Write the score of the minute that is over, and go on in that of ``ts_ns``."""
        self.close(batch)
        self.turn_ns = ts_ns - ts_ns % MINUTE_NS + MINUTE_NS

    def close(self, batch: Batch) -> None:
        """Write what was counted in this minute so far; a minute may have several rows."""
        tally = self._attestor.take_tally()
        if tally.checked or tally.unchecked:
            batch.attestations.append(AttestationRow(self._book, self.turn_ns - MINUTE_NS, tally))

    def refutes(self, miss: Miss, epoch: int, ts_ns: int, batch: Batch) -> bool:
        """Keep the evidence; tell whether it refutes the book, or only makes it SUSPECT."""
        refuted = self._doubts.refutes(miss.kind, ts_ns)
        batch.mismatches.append(MismatchRow(self._book, epoch, ts_ns, miss, refuted))
        return refuted
