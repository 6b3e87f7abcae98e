"""What the parts of the built-in venue ask of a connection."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Connection(Protocol):
    """One client's connection, as the hub, the faults and a recording see it."""

    out: list[bytes]  # whole frames to be written
    combined: bool  # wants payloads with the name of their stream
    micros: bool  # wants times in microseconds
    lag_s: float  # everything is so late
    streams: dict[str, None]  # as asked for
    writable: asyncio.Event  # set while the socket has room
    lost: asyncio.Event  # set once it has ended

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        ...

    def flush(self) -> None:
        """Write what is in ``out``."""
        ...

    def ping(self, pong_within_s: float) -> None:
        """Send a ping, and cut the line when its pong does not come."""
        ...

    def check(self, now: float) -> None:
        """Do what is due at the monotonic time ``now``."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send what is queued, then a close frame."""
        ...

    def cut(self) -> None:
        """Drop the connection without a close frame."""
        ...
