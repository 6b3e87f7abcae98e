"""The names of our flows, for code that manages their runs; a test compares them with the flows."""

from __future__ import annotations

STREAM = "stream-books"
FLOWS = (
    STREAM,
    "snapshot-depth",
    "analyze-signals",
    "score-signals",
    "track-costs",
    "certify-data",
    "maintain-store",
    "tend-prefect",
)
