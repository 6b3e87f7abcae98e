"""
The sequence rule in SQL: whether updates are missing before a stored diff. Nothing else states it.

It is asked of rows with ``first_id``, ``last_id`` and ``prev_id`` of a diff, ``before_id``: the ``last_id``
of the diff before it, NULL for the first one, and ``start_id``: where the book stood before the first one.
A diff without ``prev_id`` is of a contiguous market. `book.sync.rules` asks the same in Python, and a test
holds both against each other.
"""

from __future__ import annotations

import datetime as dt

# A book may start from inside a diff, so the first one may overlap it.
GAP_AFTER_START = "CASE WHEN prev_id IS NULL THEN first_id > start_id + 1 ELSE prev_id > start_id END"
_GAP_AFTER_DIFF = "CASE WHEN prev_id IS NULL THEN first_id > before_id + 1 ELSE prev_id <> before_id END"

GAP = f"CASE WHEN before_id IS NULL THEN {GAP_AFTER_START} ELSE {_GAP_AFTER_DIFF} END"
OVERLAP = "CASE WHEN prev_id IS NULL THEN first_id <= before_id ELSE prev_id < before_id END"

# Ids are in the order of receipt even where our clock was set back: a book stands at the newest id received
# by a moment, and rows with older ids belong to it whatever their time says. A bound on receipt lets zone
# maps skip other rows. Wider than asked for by this, it holds the rows of any smaller step; where the step
# was larger the chain breaks, and the bound is dropped.
CLOCK_STEP = dt.timedelta(minutes=10)
FUTURE = dt.datetime(9999, 1, 1)  # noqa: DTZ001  columns hold UTC without zone


def before(*within: str, column: str = "last_id") -> str:
    """Return ``column`` of the diff before, in SQL, among diffs that are equal in ``within``."""
    parts = f"PARTITION BY {', '.join(within)} " if within else ""
    return f"lag({column}) OVER ({parts}ORDER BY last_id, first_id)"
