"""Reading a number off a frame without decoding it."""

from __future__ import annotations

ZERO, NINE = ord("0"), ord("9")


def number_after(frame: bytes, key: bytes, start: int) -> int:
    """Return the whole number that follows ``key`` at or behind ``start``; -1 where there is none."""
    at = frame.find(key, start)
    if at < 0:
        return -1
    at += len(key)
    end = at
    while end < len(frame) and ZERO <= frame[end] <= NINE:
        end += 1
    return int(frame[at:end]) if end > at else -1
