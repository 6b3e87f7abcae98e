"""
Reading recordings: ``<receive time, ns> <json>`` a line, plain or .gz, several files in order.

A line is a combined frame, a raw payload or a REST snapshot; all come out as combined frames without
spaces, or as bare snapshots, and what is neither is left out.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.streams import compact

READ_BYTES = 1 << 18
READY = (b'{"stream":"', b'{"lastUpdateId":')
# The stream a raw payload came from, by its event name; spot's book ticker has none.
STREAMS = {
    "depthUpdate": "depth@100ms",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
}


class Line(NamedTuple):
    """One line of a recording."""

    recv_ns: int
    payload: bytes


def read_lines(paths: tuple[Path, ...]) -> Iterator[Line]:
    """Yield the lines of several files in order; raises `BadInput` with file and line number."""
    for path in paths:
        number = 0
        try:
            with _open(path) as file:
                for raw in file:
                    number += 1
                    at, _, payload = raw.partition(b" ")
                    recv_ns = int(at)
                    message = _combined(payload.strip())
                    if message is not None:
                        yield Line(recv_ns, message)
        except FileNotFoundError as exc:
            raise BadInput(f"recording {path} does not exist") from exc
        except (OSError, EOFError, ValueError, zlib.error) as exc:
            raise BadInput(f"recording {path}, after line {number}: {exc}") from exc


def _open(path: Path) -> io.BufferedReader:
    """Open a file for reading by lines; a GzipFile alone gives them out one Python call each."""
    return io.BufferedReader(gzip.GzipFile(path), READ_BYTES) if path.suffix == ".gz" else path.open("rb")


def _combined(payload: bytes) -> bytes | None:
    """Bring a line's message into one form; None for what no stream and no snapshot is."""
    if payload.startswith(READY):
        return payload
    message = json.loads(payload)
    if not isinstance(message, dict):
        return None
    if "stream" in message:
        return compact({"stream": message["stream"], "data": message["data"]})
    if "lastUpdateId" in message:
        first = {"lastUpdateId": message.pop("lastUpdateId")}
        return compact({**first, **message})
    event = message.get("e", "bookTicker" if {"u", "b", "B"} <= set(message) else None)
    if event not in STREAMS or not isinstance(message.get("s"), str):
        return None
    return compact({"stream": f"{message['s'].lower()}@{STREAMS[event]}", "data": message})
