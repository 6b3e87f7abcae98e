"""
What the loopback venue plays of a recording: combined frames without blanks, and bare snapshots.

`storage.recordings.reader` reads the lines; what is no message of a stream is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from leadline.storage.recordings.reader import BadRecording, Line, Recording
from leadline.tasks.loopback.base.streams import compact

READY = (b'{"stream":"', b'{"lastUpdateId":')
# The stream a raw payload came from, by its event name; spot's book ticker has none.
STREAMS = {
    "depthUpdate": "depth@100ms",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
}


def read_lines(paths: tuple[Path, ...]) -> Iterator[Line]:
    """Yield the lines of several files in order; raises `BadRecording` with file and line number."""
    for line in Recording(paths).lines():
        if line.frame.startswith(READY):
            yield line
            continue
        try:
            frame = _combined(line.frame)
        except ValueError as exc:
            raise BadRecording(f"{line.file}:{line.number}: {exc}") from exc
        if frame is not None:
            yield line._replace(frame=frame)


def _combined(payload: bytes) -> bytes | None:
    """Bring a message into one form; None for what no stream and no snapshot is."""
    message = json.loads(payload)
    if "lastUpdateId" in message:
        first = {"lastUpdateId": message.pop("lastUpdateId")}
        return compact({**first, **message})
    event = message.get("e", "bookTicker" if {"u", "b", "B"} <= set(message) else None)
    if event not in STREAMS or not isinstance(message.get("s"), str):
        return None
    return compact({"stream": f"{message['s'].lower()}@{STREAMS[event]}", "data": message})
