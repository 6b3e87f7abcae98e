"""
Diffs that can be sent for ever: the frames' own, and one that leads back to where they began.

Around once, the book has moved; to begin again would cross it. So the last diff of a round sets every
level back to what it was when the round began. Only ids and times differ between rounds: their digits
are patched where they stand, so that a round of thousands of frames costs about a millisecond.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.frames import STREAM, Frames
from leadline.tasks.loopback.base.streams import frame as websocket_frame

Sides: TypeAlias = dict[str, dict[str, str]]  # "b" and "a": price text -> quantity text

_IDS = re.compile(rb'"E":(\d+),.*?"U":(\d+),"u":(\d+)')
# Diffs sent before a round begins: the book becomes LIVE on them.
WARM_UP = 20


class Cycle:
    """Rounds of ``count`` WebSocket frames in one buffer; frame ``n`` ends at ``ends[n]``."""

    def __init__(self, frames: Frames) -> None:
        start = frames.seed_at + WARM_UP
        self.warm_up = b"".join(map(websocket_frame, frames.diffs[:start]))
        self.before_id = int(_ids(frames.diffs[start - 1])[3])  # last id of the warm-up
        back = _way_back(frames, start)
        whole = [websocket_frame(diff) for diff in [*frames.diffs[start:], back]]
        self.count = len(whole)
        self.levels = sum(diff.count(b"],[") + diff.count(b"[[") for diff in [*frames.diffs[start:], back])
        self.ends: NDArray[np.int64] = np.cumsum([len(one) for one in whole])
        self.buffer = bytearray(b"".join(whole))
        self._bytes: NDArray[np.uint8] = np.frombuffer(self.buffer, np.uint8)
        starts = np.concatenate(([0], self.ends[:-1]))
        found = [_ids(one) for one in whole]
        self._places = [_places(starts, found, group) for group in (1, 2, 3)]
        self._first = np.array([int(one[2]) for one in found])
        self._last = np.array([int(one[3]) for one in found])
        self.span = int(self._last[-1]) - self.before_id
        self._turned = 0

    def rewind(self) -> None:
        """Begin anew: the next `turn` gives the first round."""
        self._turned = 0

    def turn(self) -> None:
        """Make the buffer the next round: ids go on where they ended."""
        shift = self._turned * self.span
        self._write(1, self._first + shift, slice(None))
        self._write(2, self._last + shift, slice(None))
        self._turned += 1

    def date(self, start: int, end: int, now_ms: int) -> None:
        """Write the time into frames ``start`` up to ``end``."""
        self._write(0, np.array([now_ms]), slice(start, end))

    def last_id(self, n: int) -> int:
        """Return the last id of frame ``n`` of this round."""
        return int(self._last[n]) + (self._turned - 1) * self.span

    def _write(self, group: int, values: NDArray[np.int64], which: slice) -> None:
        places = self._places[group][which]
        width = places.shape[1]
        assert values.max() < 10**width, "the ids outgrew their digits"
        powers = 10 ** np.arange(width - 1, -1, -1)
        self._bytes[places] = values[:, None] // powers % 10 + ord("0")


def _ids(frame: bytes) -> re.Match[bytes]:
    found = _IDS.search(frame)
    assert found is not None, f"no ids in {frame[:80]!r}"
    return found


def _places(starts: NDArray[np.int64], found: list[re.Match[bytes]], group: int) -> NDArray[np.int64]:
    """Return where each digit of a number stands in the buffer, a row a frame."""
    widths = {len(one[group]) for one in found}
    assert len(widths) == 1, f"numbers of different lengths: {widths}"
    firsts = starts + np.array([one.start(group) for one in found])
    places: NDArray[np.int64] = firsts[:, None] + np.arange(widths.pop())
    return places


def _way_back(frames: Frames, start: int) -> bytes:
    """Make the diff that leads from the book after all diffs back to that after ``start`` of them."""
    seed = json.loads(frames.seed)
    book: Sides = {"b": dict(seed["bids"]), "a": dict(seed["asks"])}
    for diff in frames.diffs[:start]:
        if int(_ids(diff)[3]) > seed["lastUpdateId"]:
            _apply(book, json.loads(diff)["data"])
    then = {side: dict(levels) for side, levels in book.items()}
    last: dict[str, Any] = {}
    for diff in frames.diffs[start:]:
        last = json.loads(diff)["data"]
        _apply(book, last)
    zero = "0." + "0" * 8
    changed = {
        side: [[price, then[side].get(price, zero)] for price in sorted(levels | then[side], key=Decimal)]
        for side, levels in book.items()
    }
    changed = {
        side: [level for level in levels if book[side].get(level[0], zero) != level[1]]
        for side, levels in changed.items()
    }
    data = {**last, "U": last["u"] + 1, "u": last["u"] + 100, **changed}
    return json.dumps({"stream": STREAM, "data": data}, separators=(",", ":")).encode()


def _apply(book: Sides, data: dict[str, Any]) -> None:
    for side in "ba":
        for price, qty in data[side]:
            if Decimal(qty):
                book[side][price] = qty
            else:
                book[side].pop(price, None)
