"""
The hand-broken variants: each a mistake that a real client has made, or easily could.

``tests`` are those that ought to notice. A variant's text must stand exactly once in its file, so a
change of the code that moves it is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass

SYNC = (
    "tests/book/sync/test_machine.py",
    "tests/book/sync/test_states.py",
    "tests/book/sync/test_properties.py",
)
RULES = ("tests/book/sync/test_rules.py", *SYNC)
LADDER = ("tests/book/sync/test_ladder.py", "tests/book/sync/test_properties.py")
LEDGER = ("tests/storage/spend/test_ledger.py", "tests/storage/spend/test_ledger_properties.py")
LABELS = ("tests/book/scores/test_labels.py",)
SHOCKS = ("tests/book/analytics/test_shock.py",)
ATTESTATION = ("tests/book/trust/test_attestation.py", "tests/book/trust/test_witness.py")
COMPILED = ("tests/book/engine/test_compiled.py", "tests/book/engine/test_differential.py")


@dataclass(frozen=True, slots=True)
class Variant:
    """Replace ``old`` by ``new`` in ``file``; ``tests`` should fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


VARIANTS = (
    Variant(
        "off-by-one gap, spot",
        "book/sync/rules.py",
        "Verdict.GAP if diff.first_id > last_id + 1 else",
        "Verdict.GAP if diff.first_id > last_id + 2 else",
        RULES,
    ),
    Variant(
        "every diff a gap, spot: the rule as documented before 2025-11",
        "book/sync/rules.py",
        "Verdict.GAP if diff.first_id > last_id + 1 else",
        "Verdict.GAP if diff.first_id > last_id else",
        RULES,
    ),
    Variant(
        "no stale drop",
        "book/sync/rules.py",
        "        if diff.last_id <= last_id:\n",
        "        if diff.last_id <= -2:\n",
        RULES,
    ),
    Variant(
        "pu not compared",
        "book/sync/rules.py",
        "Verdict.NEXT if prev_id == last_id else Verdict.GAP",
        "Verdict.NEXT if prev_id >= last_id else Verdict.GAP",
        RULES,
    ),
    Variant(
        "futures bridge by pu refused",
        "book/sync/rules.py",
        "Verdict.NEXT if prev_id <= last_id else Verdict.GAP",
        "Verdict.NEXT if prev_id < last_id else Verdict.GAP",
        RULES,
    ),
    Variant(
        "buffer not replayed",
        "book/sync/machine.py",
        "        for n, diff in enumerate(waiting):\n",
        "        for n, diff in enumerate(waiting[:0]):\n",
        SYNC,
    ),
    Variant(
        "late snapshot accepted: older than the buffer",
        "book/sync/machine.py",
        "            if snapshot.last_id < oldest:\n",
        "            if snapshot.last_id < 0:\n",
        SYNC,
    ),
    Variant(
        "hole in the buffer before the snapshot overlooked",
        "book/sync/machine.py",
        "        if verdict is Verdict.GAP or (verdict is Verdict.OLD and",
        "        if (verdict is Verdict.OLD and",
        SYNC,
    ),
    Variant(
        "snapshot applied at any time",
        "book/sync/machine.py",
        "        if self.state is not State.BUFFERING:\n            return []\n        if self._buffer:",
        "        if self.state is State.WAITING:\n            return []\n        if self._buffer:",
        SYNC,
    ),
    Variant(
        "crossed book stays LIVE",
        "book/sync/machine.py",
        "return self._halt_reason is None and self.ladder.top_state() is TopState.CROSSED",
        "return False",
        SYNC,
    ),
    Variant(
        "one-sided book shown as LIVE",
        "book/sync/machine.py",
        "if self.doubted or self.ladder.top_state() is TopState.EMPTY_SIDE:",
        "if self.doubted:",
        SYNC,
    ),
    Variant(
        "epoch used twice",
        "book/sync/machine.py",
        "max(snapshot.ts_recv_ns // 1000, self.applied_epoch + 1)",
        "snapshot.ts_recv_ns // 1000",
        SYNC,
    ),
    Variant(
        "diff that showed the gap thrown away",
        "book/sync/machine.py",
        "return [gap, *self._restart([diff], GapFound.reason, why)]",
        "return [gap, *self._restart([], GapFound.reason, why)]",
        SYNC,
    ),
    Variant(
        "sides swapped",
        "book/engine/plain_ladder.py",
        "        self.bids.update(diff.bids)\n        self.asks.update(diff.asks)\n",
        "        self.bids.update(diff.asks)\n        self.asks.update(diff.bids)\n",
        LADDER,
    ),
    Variant(
        "zero not deleted",
        "book/engine/plain_ladder.py",
        "            if not lots:\n",
        "            if lots < 0:\n",
        LADDER,
    ),
    Variant(
        "best not moved when its level goes",
        "book/engine/plain_ladder.py",
        "        if self.best not in held:\n",
        "        if not held:\n",
        LADDER,
    ),
    Variant(
        "scale lost: digits past the scale cut off in silence",
        "book/scale.py",
        '    if fraction[decimals:].strip("0"):\n',
        "    if False:\n",
        ("tests/book/test_scale.py",),
    ),
    Variant(
        "scale lost on the way to the store",
        "storage/ingest/arrow.py",
        "    result: Doubles = values / powers\n",
        "    result: Doubles = values * (1.0 / powers)\n",
        ("tests/storage/ingest/test_arrow.py",),
    ),
    Variant(
        "compiled: off-by-one gap",
        "book/kernel/entries.py",
        "        elif state[FIRST] > state[LAST_ID] + 1:\n",
        "        elif state[FIRST] > state[LAST_ID] + 2:\n",
        COMPILED,
    ),
    Variant(
        "compiled: pu not compared",
        "book/kernel/entries.py",
        "            if state[PREV] != state[LAST_ID]:\n",
        "            if state[PREV] < 0:\n",
        COMPILED,
    ),
    Variant(
        "compiled: zero not deleted",
        "book/kernel/ladder.py",
        "        if quantity != 0 and held:\n",
        "        if held:\n",
        COMPILED,
    ),
    Variant(
        "compiled: crossed book not noticed",
        "book/kernel/ladder.py",
        "    return bool(state[BID_TICKS] < state[ASK_TICKS])\n",
        "    return bool(state[BID_TICKS] > 0)\n",
        COMPILED,
    ),
    Variant(
        "a bracketed miss discards a book",
        "book/trust/attestation.py",
        "        return kind is not Kind.BRACKETED and self.settle(ts_ns)\n",
        "        return self.settle(ts_ns)\n",
        ATTESTATION,
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
        "            self._missed = epoch, miss.book_id\n",
        "            self._missed = -1, miss.book_id\n",
        ATTESTATION,
    ),
    Variant(
        "suspect books are audited all at once",
        "tasks/feed/requests/audit.py",
        "                suspect_at_s = now_s() + self._pace_s\n",
        "                suspect_at_s = 0.0\n",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "a suspect book waits for its turn",
        "tasks/feed/requests/audit.py",
        "            elif now_s() >= suspect_at_s and (book",
        "            elif now_s() < suspect_at_s and (book",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "coverage runs on past its end",
        "storage/ingest/coverage.py",
        "ended.append(replace(current, to_ns=to_ns, last_id=last_id, ended_by=ended_by))",
        "ended.append(replace(current, to_ns=to_ns, last_id=last_id + 1, ended_by=ended_by))",
        ("tests/storage/ingest/test_coverage.py", "tests/storage/ingest/test_writer.py"),
    ),
    Variant(
        "acknowledged before it is durable",
        "storage/ingest/writer.py",
        "                in_doubt = True\n                con.commit()\n",
        "                in_doubt = True\n                con.rollback()\n",
        ("tests/storage/ingest/test_writer.py",),
    ),
    Variant(
        "ledger: two reserve the same money at once",
        "storage/spend/ledger.py",
        "SELECT (SELECT coalesce(max(seq), 0) + 1 FROM llm_calls) AS seq",
        "SELECT (SELECT coalesce(max(seq), 0) + 1 + CAST(random() * 1e15 AS BIGINT) FROM llm_calls) AS seq",
        LEDGER,
    ),
    Variant(
        "ledger: a call's own worst case is forgotten",
        "storage/spend/ledger.py",
        "OR NOT EXISTS (SELECT 1 FROM used WHERE used_usd + CAST($held AS DECIMAL(18, 12)) > limit_usd)",
        "OR NOT EXISTS (SELECT 1 FROM used WHERE used_usd > limit_usd)",
        LEDGER,
    ),
    Variant(
        "ledger: what is held does not count",
        "storage/spend/ledger.py",
        "coalesce(sum(coalesce(c.cost_usd, c.held_usd)), 0) AS used_usd",
        "coalesce(sum(coalesce(c.cost_usd, 0)), 0) AS used_usd",
        LEDGER,
    ),
    Variant(
        "ledger: a hold that expires is free",
        "storage/spend/ledger.py",
        "SET state = 'expired', settled_at = $now, cost_usd = held_usd",
        "SET state = 'expired', settled_at = $now, cost_usd = 0",
        LEDGER,
    ),
    Variant(
        "ledger: the last outcome counts, not the first",
        "storage/spend/ledger.py",
        "WHERE seq = $seq AND state <> 'settled'\n",
        "WHERE seq = $seq\n",
        LEDGER,
    ),
    Variant(
        "ledger: an outcome later than the hold is lost",
        "storage/spend/ledger.py",
        "WHERE seq = $seq AND state <> 'settled'\n",
        "WHERE seq = $seq AND state = 'open'\n",
        LEDGER,
    ),
    Variant(
        "ledger: a budget nobody understands is ignored",
        "storage/spend/ledger.py",
        "          AND NOT EXISTS (SELECT 1 FROM caps WHERE {_UNKNOWN}))\n",
        "          )\n",
        LEDGER,
    ),
    Variant(
        "ledger: another model's answer at the price of the one asked for",
        "storage/spend/ledger.py",
        "    if served and not same_model(plan.model, served):\n",
        "    if False:\n",
        LEDGER,
    ),
    Variant(
        "prices: cached tokens at the full price",
        "storage/spend/tariff.py",
        "cached * (self.input if self.cached is None else self.cached)",
        "cached * self.input",
        ("tests/storage/spend/test_tariff.py",),
    ),
    Variant(
        "a label takes the price after its moment",
        "book/scores/labels.py",
        'np.searchsorted(quotes.recv_ns, at_ns, side="right")) - 1',
        'np.searchsorted(quotes.recv_ns, at_ns, side="left"))',
        LABELS,
    ),
    Variant(
        "a short gap inside a window overlooked",
        "book/scores/labels.py",
        "one.from_ns <= last.to_ns and one.first_id <= last.last_id + 1",
        "one.from_ns <= last.to_ns + NS",
        LABELS,
    ),
    Variant(
        "a window opens with the question, not with the answer",
        "storage/scores/labels.py",
        "greatest(ts, coalesce(ts_arrival, ts)) AS ts_start",
        "ts AS ts_start",
        ("tests/storage/scores/test_labels.py",),
    ),
    Variant(
        "overlap of windows overlooked",
        "book/scores/statistics.py",
        "min(MOST_DF, int(COSINES_A_WINDOW * self.windows), len(at) - 1)",
        "min(MOST_DF, len(at) - 1)",
        ("tests/book/scores/test_scoring.py",),
    ),
    Variant(
        "a fee on the way in only",
        "book/scores/scoring.py",
        "self.half_spreads_bps + 2 * terms.fee_bps",
        "self.half_spreads_bps + terms.fee_bps",
        ("tests/book/scores/test_scoring.py",),
    ),
    Variant(
        "failed calls are free",
        "storage/scores/reading.py",
        "calls.cost_usd[:] += lost[who]",
        "calls.cost_usd[:] += 0 * lost[who]",
        ("tests/flows/scores/test_report.py",),
    ),
    Variant(
        "a challenger is shown as a signal",
        "storage/schema/views.py",
        "kind NOT IN ('rescore', 'challenger')",
        "kind NOT IN ('rescore')",
        ("tests/flows/signals/test_analysis.py",),
    ),
    Variant(
        "a shock that hovers at its threshold is told again: no hysteresis",
        "book/analytics/shock.py",
        "                elif away < CALM * threshold:\n",
        "                elif away < threshold:\n",
        SHOCKS,
    ),
    Variant(
        "no cool-down after a shock",
        "book/analytics/shock.py",
        "        self._quiet_until_s = now_s + self._rules.cooldown_s\n",
        "        self._quiet_until_s = now_s\n",
        SHOCKS,
    ),
    Variant(
        "the past of another epoch is held against a shock",
        "book/analytics/shock.py",
        "            self.leave()\n            self._epoch = epoch\n",
        "            self._epoch = epoch\n",
        SHOCKS,
    ),
)
