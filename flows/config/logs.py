"""
The local log: what a run logs is also kept on this machine, with or without a Prefect API.

Log lines quote venues and models; hidden characters in them are shown, in the file and on the console.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

from leadline.flows.render.visible import visible

FILE_BYTES = 5_000_000
FILES_KEPT = 3
LOGGERS = ("leadline", "prefect.flow_runs", "prefect.task_runs")
LINE = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


@contextlib.contextmanager
def log_to(file: Path, level: str) -> Iterator[None]:
    """
    Write our loggers, and Prefect's of this process's runs, to ``file``; in UTC, with rotation.

    From here on the process also survives the end of its reader: a killed worker, a closed pager.
    """
    survive_closed_output()
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


def survive_closed_output() -> None:
    """
    Silence Prefect's console handlers for good once their output has no reader.

    By rich's default the first line after that raises SystemExit in whatever thread or task logs it.
    """
    named = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            if isinstance(handler, PrefectConsoleHandler):
                # An override of what rich documents as one's own to change; its type is that of the method.
                handler.console.on_broken_pipe = partial(_silence, handler.console)  # type: ignore[method-assign]
                handler.addFilter(_show_hidden)


def _show_hidden(record: logging.LogRecord) -> bool:
    """Rewrite a record's text so that it cannot command a terminal; keep every record."""
    record.msg, record.args = visible(record.getMessage()), ()
    return True


def _silence(console: Console) -> None:
    console.quiet = True
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):  # a file that has no descriptor of its own
        os.dup2(nowhere, console.file.fileno())
    os.close(nowhere)


class _Utc(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
