"""
What comes of one book's attestation: scores by minute, evidence of every miss, and its sentence.

Minutes are cut by the receive times of diffs, so a replay keeps the same scores as the live book.

What disagrees makes a book SUSPECT and asks for an audit. It is believed again:

    after a bracketed miss     when a later ticker agrees, at an equal id or `HEAL_AFTER` times in a row
                               where bracketed, or an audit at the miss's id or a later one
    after one at an equal id   when an audit agrees
    after an audit's           when another one does; partial depth does not heal what a deeper one found

Which misses discard it instead, `book.trust.doubts` knows. Where a seed would be the fourth within a
minute, it stays SUSPECT, whatever agrees:

    refuted by tickers     until a seed may be fetched; then it is discarded
    refuted by an audit    until another audit: one that agrees heals it, one that does not discards it then

Partial depth is such an audit too, ten times a second and twenty levels deep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from leadline.book.rows.batch import AttestationRow, Batch, MismatchRow
from leadline.book.rows.evidence import NO_ID, Kind, Miss
from leadline.book.sync.events import Event, State
from leadline.book.sync.machine import BookSync
from leadline.book.trust.attestation import HEAL_AFTER, MINUTE_NS, Attestor, Faith
from leadline.book.trust.audit import Audit
from leadline.book.trust.doubts import Doubts

Tell: TypeAlias = Callable[[], list[Event]]

MOST_EVIDENCE = 20  # levels of one audit that are kept; a book may be wrong throughout


class Witness:
    """Writes one book's attestation into batches; ``book`` is its place in `Batch.markets`."""

    def __init__(self, book: int, attestor: Attestor, faith: Faith | None = None) -> None:
        self._book = book
        self._attestor = attestor
        self._doubts = Doubts(faith)
        self._audited = self._audit_misses = 0
        self._agreed: dict[Kind, tuple[int, int, int]] = {}  # epoch, id, receive time
        self._missed = (-1, NO_ID)  # epoch and id of the newest miss of a ticker
        self._owed: int | None = None  # the epoch that a ticker refuted too soon after others
        # The epoch of which an audit found levels wrong, and that goes on; and which kind of audit.
        self._unlike: tuple[int, Kind] | None = None
        self.turn_ns = 0  # end of the minute that is counted in

    def act(self, sync: BookSync[Any, Any], ts_ns: int, batch: Batch) -> Tell | None:
        """Return what the synchroniser is to be told after a ticker or a diff, if anything."""
        miss, epoch = self._attestor.take_miss(), sync.epoch
        if miss is not None and epoch is not None:
            refuted = self.refutes(miss, epoch, ts_ns, batch)
            self._note_agreement()  # one may have come behind it
            return partial(sync.doubt, miss.why(), refuted=refuted)
        self._note_agreement()
        if not sync.doubted:
            return None
        if epoch == self._owed:
            return partial(sync.doubt, sync.why, refuted=True) if self._doubts.settle(ts_ns) else None
        healed = self._attestor.streak >= HEAL_AFTER and not self.awaits_audit(epoch)
        return sync.believe if healed else None

    def _note_agreement(self) -> None:
        if self._attestor.streak:
            self._doubts.agree()

    def hear_audit(self, audit: Audit, sync: BookSync[Any, Any], ts_ns: int, batch: Batch) -> Tell | None:
        """Return what the synchroniser is to be told after an audit of its very epoch, if anything."""
        refuted = self.take_audit(audit, sync.applied_epoch, ts_ns, batch)
        if audit.misses:
            return partial(sync.doubt, audit.misses[0].why(), refuted=refuted)
        is_later = audit.book_id >= self._missed_in(sync.epoch)
        if is_later and audit.kind is Kind.AUDIT:
            self._doubts.answer()
        is_healed = sync.doubted and self.may_heal(sync.epoch) and not self.awaits_audit(sync.epoch)
        return sync.believe if is_healed and is_later else None

    def may_audit(self, sync: BookSync[Any, Any]) -> bool:
        """Tell whether the book is LIVE, or SUSPECT for what an audit can answer."""
        asked = sync.doubted and (self.may_heal(sync.epoch) or self.is_unlike(sync.epoch))
        return sync.state is State.LIVE or (sync.state is State.SUSPECT and asked)

    def may_heal(self, epoch: int | None) -> bool:
        """Tell whether audits can heal this epoch: not where a ticker refuted it too soon after others."""
        return epoch != self._owed

    def asks_for_audit(self, epoch: int | None) -> bool:
        """Tell whether tickers left this epoch in doubt since a REST snapshot last agreed with it."""
        if epoch is None or not self.may_heal(epoch):
            return False
        doubted = max(self._missed_in(epoch), self._attestor.unsure_id)
        return doubted > self.agreed_in(epoch, Kind.AUDIT)[0] or self.is_unlike(epoch)

    def awaits_audit(self, epoch: int | None) -> bool:
        """Tell whether nothing but an audit can heal this epoch."""
        return self._doubts.is_sworn(epoch) or self.is_unlike(epoch)

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
        refuted = self._doubts.refutes(miss, epoch, ts_ns, self._attestor.agreed[0])
        self._owed = epoch if self._doubts.owed else self._owed
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
        refuted = audit.is_confirmed and self._doubts.settle(ts_ns)
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
