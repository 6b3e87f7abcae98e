"""
Feed, writer and database of one stream, wired together; it knows nothing of Prefect.

    venue ── Feed (own thread) ── batches ──> Writer (own thread) ── commits ──> Owner's DuckDB file
               │ needs: connect, resync                                            │ served to others
               └──> whoever hosts it, else itself

The database is locked before anything else happens, and given back last, whatever happens.
"""

from __future__ import annotations

import logging
import time

from storage.writer import Writer
from tasks.feed import Feed

from book.batch import Market
from flows.settings import Settings
from storage.owner import Owner

log = logging.getLogger("leadline.host")

PASSING_S = 10.0  # an owner that serves nobody is a short command; it is waited out this long
PAUSE_S = 0.1
STOP_S = 15.0
DRAIN_S = 30.0


class StreamHost:
    """One stream's working parts; `open`, look, `close`. Thread-safe but for those two."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.monotonic()
        self.latency = Latency()
        self._markets: list[Market] = []
        self._owner: Owner | None = None
        self._writer: Writer | None = None
        self._feed: Feed | None = None
