"""Mistakes in how a book is kept and scored."""

from __future__ import annotations

from tests.mutants.variant import Variant

SYNC = (
    "tests/book/sync/test_machine.py",
    "tests/book/sync/test_states.py",
    "tests/book/sync/test_properties.py",
)
RULES = ("tests/book/sync/test_rules.py", *SYNC)
LADDER = ("tests/book/sync/test_ladder.py", "tests/book/sync/test_properties.py")
LABELS = ("tests/book/scores/test_labels.py",)
SHOCKS = ("tests/book/analytics/test_shock.py",)
COMPILED = (
    "tests/book/engine/test_live.py",
    "tests/book/engine/test_compiled.py",
    "tests/book/engine/test_differential.py",
)

VARIANTS = (
    Variant(
        "off-by-one gap, spot",
        "book/venues/binance/sequence.py",
        "Join.GAP if diff.first_id > last_id + 1 else",
        "Join.GAP if diff.first_id > last_id + 2 else",
        RULES,
    ),
    Variant(
        "every diff a gap, spot: the rule as documented before 2025-11",
        "book/venues/binance/sequence.py",
        "Join.GAP if diff.first_id > last_id + 1 else",
        "Join.GAP if diff.first_id > last_id else",
        RULES,
    ),
    Variant(
        "no stale drop",
        "book/venues/binance/sequence.py",
        "    return diff.last_id <= last_id\n",
        "    return diff.last_id <= -2\n",
        RULES,
    ),
    Variant(
        "pu not compared",
        "book/venues/binance/sequence.py",
        "Join.NEXT if prev_id == last_id else Join.GAP",
        "Join.NEXT if prev_id >= last_id else Join.GAP",
        RULES,
    ),
    Variant(
        "futures bridge by pu refused",
        "book/venues/binance/sequence.py",
        "Join.NEXT if prev_id <= last_id else Join.GAP",
        "Join.NEXT if prev_id < last_id else Join.GAP",
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
        "            if self.rule.judge(first, snapshot.last_id, bridged=False) is Join.GAP:\n",
        "            if snapshot.last_id < 0:\n",
        SYNC,
    ),
    Variant(
        "hole in the buffer before the snapshot overlooked",
        "book/sync/machine.py",
        "        if join is Join.GAP or (join is Join.OLD and",
        "        if (join is Join.OLD and",
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
        "compiled: off-by-one gap",
        "book/kernel/accept.py",
        "    elif state[FIRST] > state[LAST_ID] + 1:\n",
        "    elif state[FIRST] > state[LAST_ID] + 2:\n",
        COMPILED,
    ),
    Variant(
        "compiled: pu not compared",
        "book/kernel/accept.py",
        "        if state[PREV] != state[LAST_ID]:\n",
        "        if state[PREV] < 0:\n",
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
    Variant(
        "a snapshot within the stream ends no coverage",
        "book/sync/machine.py",
        "        voided = [Restarted(self.last_id, snapshot.last_id)] if self._in_sequence else []\n",
        "        voided: list[Event] = []\n",
        ("tests/book/sync/test_restarts.py",),
    ),
)
