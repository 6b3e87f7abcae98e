"""Mistakes in how the venue is asked."""

from __future__ import annotations

from tests.mutants.variant import Variant

VARIANTS = (
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
)
