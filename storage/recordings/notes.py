"""
Lines of a recording that no venue sent: our own notes.

    {"stream":"!left","data":{"reason":…,"symbols":[…]}}     these books were dropped here
    {"stream":"!converted","data":{"exchange":…}}            the first line: all ids are numbered by us
"""

from __future__ import annotations

import json
from collections.abc import Sequence

_LEFT = b'{"stream":"!left","data":'
_CONVERTED = b'{"stream":"!converted","data":'


def is_left(frame: bytes) -> bool:
    """Whether a frame is the note that books were dropped."""
    return frame.startswith(_LEFT)


def left_line(symbols: Sequence[str], reason: str) -> bytes:
    """Write the note that books were dropped for a reason that no frame shows, such as a lost session."""
    data = json.dumps({"reason": reason, "symbols": list(symbols)}, ensure_ascii=False)
    return _LEFT + data.encode() + b"}"


def read_left(frame: bytes) -> tuple[str, list[str]] | None:
    """Read such a note: reason and symbols; None if it is none."""
    if not is_left(frame):
        return None
    try:
        data = json.loads(frame)["data"]
        return str(data["reason"]), [str(symbol) for symbol in data["symbols"]]
    except (ValueError, KeyError, TypeError):
        return None


def converted_line(exchange: str) -> bytes:
    """Write the note that what follows was converted from a table of ``exchange``."""
    return _CONVERTED + json.dumps({"exchange": exchange}).encode() + b"}"


def read_converted(frame: bytes) -> str | None:
    """Read such a note: the exchange; None if it is none."""
    if not frame.startswith(_CONVERTED):
        return None
    try:
        return str(json.loads(frame)["data"]["exchange"])
    except (ValueError, KeyError, TypeError):
        return None
