"""The local log: what a run says stays on this machine too, also while the Prefect API is away."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE_BYTES = 5_000_000
FILES_KEPT = 3
LOGGERS = ("leadline", "prefect.flow_runs", "prefect.task_runs")
LINE = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


@contextlib.contextmanager
def log_to(file: Path, level: str) -> Iterator[None]:
    """Write our loggers, and Prefect's of this process's runs, to ``file``; in UTC, with rotation."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(_Utc(LINE, "%Y-%m-%dT%H:%M:%S"))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    ours = logging.getLogger("leadline")
    before = ours.level
    ours.setLevel(level)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


class _Utc(logging.Formatter):
    converter = staticmethod(time.gmtime)
