"""Mistakes in how a book is held against what the venue says."""

from __future__ import annotations

from tests.mutants.variant import Variant

ATTESTATION = (
    "tests/book/trust/test_doubts.py",
    "tests/book/trust/test_attestation.py",
    "tests/book/trust/test_witness.py",
)
AUDIT = ("tests/book/trust/test_audit.py", "tests/book/trust/test_audit_properties.py")

VARIANTS = (
    Variant(
        "a bracketed miss discards a book",
        "book/trust/doubts.py",
        "        self.equal_ids += miss.kind is Kind.EQUAL_ID\n",
        "        self.equal_ids += CONFIRMED\n",
        ("tests/book/trust/test_tickers_left_out.py", *ATTESTATION),
    ),
    Variant(
        "one miss at an equal id discards a book",
        "book/trust/doubts.py",
        "CONFIRMED = 2\n",
        "CONFIRMED = 1\n",
        ATTESTATION,
    ),
    Variant(
        "agreements between two misses at equal ids are overlooked",
        "book/trust/doubts.py",
        "run.epoch != epoch or agreed_id > run.agreed_id:\n",
        "run.epoch != epoch:\n",
        ATTESTATION,
    ),
    Variant(
        "a top that stays while all tickers contradict it is never refuted",
        "book/trust/doubts.py",
        "                held.misses += 1\n",
        "                held.misses += 0\n",
        ATTESTATION,
    ),
    Variant(
        "a top that flickers counts as one that stays",
        "book/trust/doubts.py",
        "            elif held is not None and held.level == ours:\n",
        "            elif held is not None:\n",
        ATTESTATION,
    ),
    Variant(
        "a ticker heals what one at an equal id contradicted",
        "book/trust/witness.py",
        "self._attestor.streak >= HEAL_AFTER and not self.awaits_audit(epoch)\n",
        "self._attestor.streak >= HEAL_AFTER and not self.is_unlike(epoch)\n",
        ATTESTATION,
    ),
    Variant(
        "a top that tickers left out explain is a miss",
        "book/trust/attestation.py",
        "and changed_id > ticker_id)\n",
        "and changed_id < 0)\n",
        ATTESTATION,
    ),
    Variant(
        "the next ticker explains a top that no diff brought",
        "book/trust/attestation.py",
        "and changed_id > ticker_id)\n",
        "and changed_id > 0)\n",
        ATTESTATION,
    ),
    Variant(
        "compiled: a top that tickers left out explain is a miss",
        "book/kernel/attest.py",
        "not (is_after and state[book + 6 + side] > state[ticker])",
        "not (is_after and state[book + 6 + side] < 0)",
        ATTESTATION,
    ),
    Variant(
        "compiled: the next ticker explains a top that no diff brought",
        "book/kernel/attest.py",
        "not (is_after and state[book + 6 + side] > state[ticker])",
        "not is_after",
        ATTESTATION,
    ),
    Variant(
        "one audit discards a book",
        "book/trust/witness.py",
        "        refuted = audit.is_confirmed and self._doubts.settle(ts_ns)\n",
        "        refuted = self._doubts.settle(ts_ns)\n",
        ATTESTATION,
    ),
    Variant(
        "another level confirms an audit",
        "book/trust/audit.py",
        "for miss in by.misses if _place(miss) in before)\n",
        "for miss in by.misses if before)\n",
        AUDIT,
    ),
    Variant(
        "a level that a diff sets around a snapshot is held against the book",
        "book/trust/audit.py",
        "            if miss.theirs.bid_ticks not in bids and miss.theirs.ask_ticks not in asks\n",
        "            if miss.theirs.bid_ticks not in bids\n",
        AUDIT,
    ),
    Variant(
        "an agreement at an equal id heals no more than a bracketed one",
        "book/trust/attestation.py",
        "            self.streak += HEAL_AFTER if kind is Kind.EQUAL_ID else 1\n",
        "            self.streak += 1\n",
        ATTESTATION,
    ),
    Variant(
        "compiled: an agreement at an equal id heals no more than a bracketed one",
        "book/kernel/attest.py",
        "        state[STREAK] += HEAL_AFTER if kind == KIND_EQUAL_ID else 1\n",
        "        state[STREAK] += 1\n",
        ATTESTATION,
    ),
    Variant(
        "the equal id that explains a bracketed miss is not looked at",
        "book/trust/attestation.py",
        "        while waiting and (kind is Kind.EQUAL_ID or waiting[0][0] < next_id):\n",
        "        while waiting:\n",
        ATTESTATION,
    ),
    Variant(
        "what agrees behind a miss hides it from coverage",
        "book/trust/attestation.py",
        "            if self._miss is None:\n",
        "            if True:\n",
        ATTESTATION,
    ),
    Variant(
        "a snapshot older than the miss heals it",
        "book/trust/witness.py",
        "        is_later = audit.book_id >= self._missed_in(sync.epoch)\n",
        "        is_later = True\n",
        ATTESTATION,
    ),
    Variant(
        "a bracketed miss asks for no audit",
        "book/trust/witness.py",
        "        self._missed = epoch, miss.book_id\n",
        "        self._missed = -1, miss.book_id\n",
        ATTESTATION,
    ),
    Variant(
        "tickers are compared by an id of another stream",
        "book/trust/attestation.py",
        "at = last_id if witness_id is None else witness_id",
        "at = last_id",
        ATTESTATION,
    ),
    Variant(
        "a ticker that holds several changes is taken for the one in force",
        "book/trust/attestation.py",
        "                if not self._bracket:\n",
        "                if False:\n",
        ATTESTATION,
    ),
)
