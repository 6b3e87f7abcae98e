"""Mistakes about our clock, which is set, runs ahead or sleeps: order taken from it instead of from ids."""

from __future__ import annotations

from tests.mutants.variant import Variant

SET = ("tests/storage/ingest/test_coverage.py", "tests/storage/ingest/test_clock_set.py")
STEPS = ("tests/tasks/feed/routing/test_steps.py",)
HOLES = ("tests/storage/schema/test_coverage_holes.py",)
ORDER = ("tests/storage/ingest/test_order.py",)
EDGES = ("tests/storage/schema/test_edges.py",)
RECORDED = ("tests/flows/recordings/test_recording_of_a_set_clock.py",)

VARIANTS = (
    Variant(
        "an interval goes on over a step of our clock",
        "storage/ingest/coverage.py",
        "            self._runs[book] = replace(run, pending=(*run.pending, step))\n",
        "            pass\n",
        SET,
    ),
    Variant(
        "a mismatch takes back no farther than the step",
        "storage/ingest/coverage.py",
        "        while parts and ended.last_id <= now.first_id:\n",
        "        while False:\n",
        SET,
    ),
    Variant(
        "diffs that waited for a seed carry coverage into the time before the step",
        "storage/ingest/coverage.py",
        "            received_ns = min(int(rows[at, DiffCol.TS_RECV_NS]), self._until_ns)\n",
        "            received_ns = int(rows[at, DiffCol.TS_RECV_NS])\n",
        SET,
    ),
    Variant(
        "holes in the order of our clock",
        "storage/schema/views.py",
        "    WINDOW w AS (PARTITION BY venue, symbol ORDER BY {OLDEST_FIRST})\n",
        "    WINDOW w AS (PARTITION BY venue, symbol ORDER BY ts_from, ts_to, first_id)\n",
        (*HOLES, *SET),
    ),
    Variant(
        "a hole in which our clock was set back is none",
        "storage/schema/views.py",
        "next_from IS NULL OR has_missing)",
        "next_from IS NULL)",
        (*HOLES, *SET),
    ),
    Variant(
        "a hole hides behind a time that was covered before",
        "storage/schema/trust_views.py",
        "unnest([-1048576, 1048576])",
        "unnest([0, 0])",
        (*SET, *RECORDED),
    ),
    Variant(
        "no hole weighs that an older interval reaches into",
        "storage/schema/views.py",
        "OR covered_to > ts_to",
        "OR false",
        EDGES,
    ),
    Variant(
        "no hole weighs that a newer interval reaches into",
        "storage/schema/views.py",
        "coalesce(covered_from < next_from, false)",
        "false",
        EDGES,
    ),
    Variant(
        "no hole weighs that is longer than our clock says",
        "storage/schema/views.py",
        "coalesce(wall_s < mono_s - {STEP_S}, false)",
        "false",
        EDGES,
    ),
    Variant(
        "every hole weighs",
        "storage/schema/views.py",
        "false) AS may_overlap",
        "true) OR true AS may_overlap",
        EDGES,
    ),
    Variant(
        "the newest book by our clock",
        "storage/schema/interval_order.py",
        'NEWEST_FIRST = (\n    "coalesce',
        'NEWEST_FIRST = (\n    "ts_from DESC, coalesce',
        SET,
    ),
    Variant(
        "a rebuilt book looks near its seed though our clock was set",
        "storage/queries/rebuild.py",
        "(whole if is_stepped else near)",
        "near",
        SET,
    ),
    Variant(
        "a recording of before is the newest",
        "storage/ingest/order.py",
        "        is_older = self.is_recorded and (passed_ns is None or passed_ns < 0)\n",
        "        is_older = False\n",
        (*ORDER, *RECORDED),
    ),
    Variant(
        "ids that begin anew are older",
        "storage/ingest/order.py",
        "        return newest.numbering + (not is_older)\n",
        "        return newest.numbering\n",
        ORDER,
    ),
    Variant(
        "a read that was held up between two clocks is a step",
        "tasks/feed/routing/steps.py",
        "        for _ in range(READS):\n",
        "        for _ in range(1):\n",
        STEPS,
    ),
    Variant(
        "frames of before a step keep their time",
        "tasks/feed/routing/steps.py",
        "        return mono_ns + self._offset_ns\n",
        "        return mono_ns\n",
        STEPS,
    ),
    Variant(
        "a silence that the venue kept too is a step of our clock",
        "tasks/feed/routing/steps.py",
        "passed_ns - (after - before) <= SILENCE_NS",
        "passed_ns <= SILENCE_NS",
        (*STEPS, *RECORDED),
    ),
    Variant(
        "old rows go by our clock alone",
        "storage/lifecycle/retention.py",
        '        if older := _count(con, _DROP_OLDER["coverage"], where):\n',
        "        if older := 0:\n",
        SET,
    ),
)
