"""What a frame says of its place in a stream and of its time, read without decoding it."""

from __future__ import annotations

from leadline.tasks.venues.binance.streams import PREFIX
from leadline.tasks.venues.common.adapter import Ids
from leadline.tasks.venues.common.bytes import number_after

EVENT = b'"E":'


def read_ids(frame: bytes) -> Ids | None:
    """
    Read a combined frame's stream and ids, as little as possible; None for anything else.

    Ids: ``u`` of a diff and of a book ticker, ``t`` of a trade, ``a`` of an aggregate trade, a listing's
    own. Only diffs say what comes before them.
    """
    if not frame.startswith(PREFIX):
        return None
    end = frame.find(b'"', len(PREFIX))
    stream = frame[len(PREFIX) : end]
    if b"@depth" in stream and b"@depth20" not in stream:
        last = number_after(frame, b'"u":', end)
        before = number_after(frame, b'"pu":', end)
        first = number_after(frame, b'"U":', end)
        return None if last < 0 or first < 0 else Ids(stream, last, before if before >= 0 else first - 1)
    last = max(number_after(frame, key, end) for key in _keys(stream))
    return None if last < 0 else Ids(stream, last, -1)


def event_time(frame: bytes) -> int | None:
    """Read ``E``, in the unit of the wire; None where there is none."""
    time = number_after(frame, EVENT, 0)
    return time if time >= 0 else None


def _keys(stream: bytes) -> tuple[bytes, ...]:
    """Return where an id may stand in the frames of a stream that says nothing of what came before."""
    if b"@depth20" in stream:
        return (b'"lastUpdateId":', b'"u":')  # spot, futures
    return (b'"u":' if stream.endswith(b"@bookTicker") else b'"a":' if b"@aggTrade" in stream else b'"t":',)
