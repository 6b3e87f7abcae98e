"""
Reading and writing recordings: ``<receive time, ns> <json>`` a line, plain or gzip.

A line is a combined-stream frame, a raw payload, a REST snapshot (bare or as stream
``<symbol>@snapshot``) or an exchangeInfo answer. Several files in order are one stream.
"""

from __future__ import annotations

from book.errors import BadInput

LOOK_LINES = 20_000  # read ahead for symbols and scales
LINE_LIMIT = 64 * 1024 * 1024  # a longer line is no frame of any venue


class BadRecording(BadInput):
    """A recording cannot be read; the message names the file, the line and what was expected."""
