"""
Cuts plain WebSocket messages straight out of what a socket read; the library gets the rest, in order.

A venue sends almost nothing but short unmasked messages of one frame each. For those the library's
parser, made for every case there is, costs as much as all that comes after it (measured: half the time
from socket to book). Here they cost one slice.

    headers of the handshake           to the library
    text or binary, one whole frame    cut out
    ping, pong, close                  to the library, one at a time
    anything else                      to the library, and all that follows it

"Anything else" is a fragment, a masked or compressed frame, a size beyond the limit, reserved bits: the
library knows what to do, and only at a frame's boundary may it take over. Source: RFC 6455, section 5.2.
"""

from __future__ import annotations

HEADERS_END = b"\r\n\r\n"
# Longer headers than any proxy makes; the library has stricter limits of its own.
HEADERS_MAX = 65_536
FIN = 0x80
PLAIN = frozenset((FIN | 0x1, FIN | 0x2))  # text, binary
CONTROL = frozenset((FIN | 0x8, FIN | 0x9, FIN | 0xA))  # close, ping, pong
LENGTH_16, LENGTH_64 = 126, 127  # 16 or 64 bits of length follow; from 128 on the frame is masked


class FrameCutter:
    """One connection's stream of bytes; ``max_bytes`` bounds a message that is cut here."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = b""
        self._at = 0  # of the first byte not handed on
        self._is_opening = True
        self._is_over = False

    def feed(self, data: bytes) -> None:
        """Take what was read; then call `cut` until it returns nothing."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def stop(self) -> None:
        """Cut no more: everything from here on is for the library."""
        self._is_over = True

    def cut(self, messages: list[bytes]) -> bytes:
        """Append whole messages to ``messages``; return the next bytes for the library, or none."""
        if self._is_over:
            return self._take(len(self._data))
        if self._is_opening:
            return self._take_headers()
        data, size, at = self._data, len(self._data), self._at
        while at + 2 <= size:
            kind, length = data[at], data[at + 1]
            start = at + 2
            if length == LENGTH_16:
                start += 2
                length = int.from_bytes(data[at + 2 : start], "big")
            elif length == LENGTH_64:
                start += 8
                length = int.from_bytes(data[at + 2 : start], "big")
            elif length > LENGTH_64:
                kind = 0
            if start > size:
                break
            end = start + length
            if kind not in PLAIN or length > self._max_bytes:
                self._at = at
                return self._take_other(kind, end)
            if end > size:
                break
            messages.append(data[start:end])
            at = end
        self._at = at
        return b""

    def _take_headers(self) -> bytes:
        end = self._data.find(HEADERS_END, self._at)
        if end < 0 and len(self._data) < HEADERS_MAX:
            return b""
        self._is_opening = False
        return self._take(end + len(HEADERS_END) if end >= 0 else len(self._data))

    def _take_other(self, kind: int, end: int) -> bytes:
        """Hand on a control frame once it is whole; anything stranger hands on everything."""
        if kind not in CONTROL:
            self._is_over = True
            return self._take(len(self._data))
        return self._take(end) if end <= len(self._data) else b""

    def _take(self, end: int) -> bytes:
        piece = self._data[self._at : end]
        self._at = end
        return piece
