"""
What comes of one book's attestation: scores by minute, evidence of every miss, and its sentence.

Minutes are cut by the receive times of diffs, so a replay keeps the same scores as the live book.

A book that is SUSPECT for a bracketed miss asks for an audit, and is believed again when a later ticker
agrees (at an equal id, or `HEAL_AFTER` times in a row where bracketed) or an audit at that id or a later
one does. Where it was refuted, but a seed would be the fourth within a minute
(`book.trust.attestation.Doubts`), agreements at the top say nothing of levels that were proved wrong, and
it stays SUSPECT:

    by a book ticker     until a seed may be fetched; then it is discarded
    by an audit          until another audit: one that agrees heals it, one that does not discards it then

Partial depth is such an audit too, ten times a second and twenty levels deep; it does not heal what a
deeper one found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from leadline.book.rows.batch import AttestationRow, Batch, MismatchRow
from leadline.book.rows.evidence import NO_ID, Kind, Miss
from leadline.book.sync.events import Event
from leadline.book.sync.machine import BookSync
from leadline.book.trust.attestation import HEAL_AFTER, MINUTE_NS, Attestor, Doubts, Faith
from leadline.book.trust.audit import Audit

Tell: TypeAlias = Callable[[], list[Event]]

MOST_EVIDENCE = 20  # levels of one audit that are kept; a book may be wrong throughout


class Witness:
    """Writes one book's attestation into batches; ``book`` is its place in `Batch.markets`."""

    def __init__(self, book: int, attestor: Attestor, faith: Faith | None = None) -> None:
        self._book = book
        self._attestor = attestor
        self._doubts = Doubts((faith or Faith()).weak)
        self._audited = self._audit_misses = 0
        self._agreed: dict[Kind, tuple[int, int, int]] = {}  # epoch, id, receive time
        self._missed = (-1, NO_ID)  # epoch and id of the newest miss that refutes nothing
        self._owed: int | None = None  # the epoch that a ticker refuted too soon after others
        # The epoch of which an audit found levels wrong, and that goes on; and which kind of audit.
        self._unlike: tuple[int, Kind] | None = None
        self.turn_ns = 0  # end of the minute that is counted in

    def act(self, sync: BookSync[Any, Any], ts_ns: int, batch: Batch) -> Tell | None:
        """Return what the synchroniser is to be told after a ticker or a diff, if anything."""
        miss = self._attestor.take_miss()
        if miss is not None and sync.epoch is not None:
            return partial(sync.doubt, miss.why(), refuted=self.refutes(miss, sync.epoch, ts_ns, batch))
        if not sync.doubted:
            return None
        if sync.epoch == self._owed:
            return partial(sync.doubt, sync.why, refuted=True) if self._doubts.settle(ts_ns) else None
        healed = self._attestor.streak >= HEAL_AFTER and not self.is_unlike(sync.epoch)
        return sync.believe if healed else None

    def hear_audit(self, audit: Audit, sync: BookSync[Any, Any], ts_ns: int, batch: Batch) -> Tell | None:
        """Return what the synchroniser is to be told after an audit of its very epoch, if anything."""
        refuted = self.take_audit(audit, sync.applied_epoch, ts_ns, batch)
        if audit.misses:
            return partial(sync.doubt, audit.misses[0].why(), refuted=refuted)
        is_healed = sync.doubted and self.may_heal(sync.epoch) and not self.is_unlike(sync.epoch)
        is_later = audit.book_id >= self._missed_in(sync.epoch)
        return sync.believe if is_healed and is_later else None

    def may_heal(self, epoch: int | None) -> bool:
        """Tell whether audits can heal this epoch: not where a ticker refuted it too soon after others."""
        return epoch != self._owed

    def asks_for_audit(self, epoch: int | None) -> bool:
        """Tell whether a ticker made it SUSPECT since a REST snapshot last agreed with this epoch."""
        return self._missed_in(epoch) > self.agreed_in(epoch, Kind.AUDIT)[0]

    def _missed_in(self, epoch: int | None) -> int:
        return self._missed[1] if self._missed[0] == epoch else NO_ID

    def is_unlike(self, epoch: int | None) -> bool:
        """Tell whether the last audit of this epoch found levels wrong."""
        return self._unlike is not None and self._unlike[0] == epoch

    def is_due(self, ts_ns: int) -> bool:
        """Tell whether a diff received at ``ts_ns`` belongs to a later minute."""
        return ts_ns >= self.turn_ns

    def turn(self, ts_ns: int, batch: Batch) -> None:
        """Write the score of the minute that is over, and go on in that of ``ts_ns``."""
        self.close(batch)
        self.turn_ns = ts_ns - ts_ns % MINUTE_NS + MINUTE_NS

    def close(self, batch: Batch) -> None:
        """Write what was counted in this minute so far; a minute may have several rows."""
        audits = {"audited": self._audited, "audit_misses": self._audit_misses}
        tally = replace(self._attestor.take_tally(), **audits)
        self._audited = self._audit_misses = 0
        if tally.checked or tally.unchecked or tally.audited:
            batch.attestations.append(AttestationRow(self._book, self.turn_ns - MINUTE_NS, tally))

    def refutes(self, miss: Miss, epoch: int, ts_ns: int, batch: Batch) -> bool:
        """Keep the evidence; tell whether it refutes the book, or only makes it SUSPECT."""
        refuted = self._doubts.refutes(miss.kind, ts_ns)
        self._owed = epoch if self._doubts.owed else self._owed
        if miss.kind in self._doubts.weak:
            self._missed = epoch, miss.book_id
        batch.mismatches.append(MismatchRow(self._book, epoch, ts_ns, miss, refuted))
        return refuted

    def take_audit(self, audit: Audit, epoch: int, ts_ns: int, batch: Batch) -> bool:
        """Count an audit of this minute and keep its evidence; tell whether it refutes the book."""
        if self.is_due(ts_ns):
            self.turn(ts_ns, batch)
        self._audited += audit.levels
        self._audit_misses += len(audit.misses)
        if not audit.misses:
            self._agreed[audit.kind] = (epoch, audit.book_id, audit.recv_ns)
            if audit.kind is Kind.AUDIT or self._unlike == (epoch, audit.kind):
                self._unlike = None
            return False
        refuted = self._doubts.refutes(audit.kind, ts_ns)
        if refuted:
            self._unlike = None
        elif self._unlike != (epoch, Kind.AUDIT):  # what lies deep is not seen in partial depth
            self._unlike = (epoch, audit.kind)
        batch.mismatches += [
            MismatchRow(self._book, epoch, ts_ns, miss, refuted) for miss in audit.misses[:MOST_EVIDENCE]
        ]
        return refuted

    def agreed_in(self, epoch: int | None, kind: Kind) -> tuple[int, int]:
        """
        Return id and receive time at which an audit last found this epoch right; (-1, 0) if none did.

        What an audit by REST finds wrong may lie deeper than partial depth reaches, so that is not asked.
        """
        kinds = {Kind.AUDIT, kind}
        found = [at[1:] for of, at in self._agreed.items() if of in kinds and at[0] == epoch]
        return max(found, default=(NO_ID, 0))
