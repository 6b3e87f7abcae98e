"""What a Binance frame says of its place in a stream: its ids, read without decoding it."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = b'{"stream":"'


class Ids(NamedTuple):
    """What a frame says of its place: stream, newest id, and the id before its first; -1 untold."""

    stream: bytes
    last_id: int
    before_id: int


def read_ids(frame: bytes) -> Ids | None:
    """Read a combined frame's stream and ids, as little as possible; None for anything else."""
    if not frame.startswith(PREFIX):
        return None
    end = frame.find(b'"', len(PREFIX))
    stream = frame[len(PREFIX) : end]
    if b"@depth" in stream and b"@depth20" not in stream:
        last = _number(frame, b'"u":', end)
        before = _number(frame, b'"pu":', end)
        first = _number(frame, b'"U":', end)
        return None if last < 0 or first < 0 else Ids(stream, last, before if before >= 0 else first - 1)
    last = max(_number(frame, key, end) for key in _keys(stream))
    return None if last < 0 else Ids(stream, last, -1)


def _keys(stream: bytes) -> tuple[bytes, ...]:
    """Return where an id may stand in the frames of a stream that says nothing of what came before."""
    if b"@depth20" in stream:
        return (b'"lastUpdateId":', b'"u":')  # spot, futures
    return (b'"u":' if stream.endswith(b"@bookTicker") else b'"a":' if b"@aggTrade" in stream else b'"t":',)


def _number(frame: bytes, key: bytes, start: int) -> int:
    at = frame.find(key, start)
    if at < 0:
        return -1
    at += len(key)
    end = at
    while end < len(frame) and 48 <= frame[end] <= 57:  # noqa: PLR2004 - the digits of ASCII
        end += 1
    return int(frame[at:end]) if end > at else -1
