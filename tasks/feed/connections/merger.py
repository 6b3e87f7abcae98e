"""
Two connections that carry the same streams, made one: what arrives first goes on, once, in order.

Leg 0 is the connection in use, leg 1 the one beside it. Each stream of a leg is either *joined* or
*apart*. What a joined leg brings goes on if its id is newer than all that went on before; what the
other brought already is dropped. A leg apart has its frames kept back, until an id of its own has gone
on by way of the other leg: from then on the two are known to overlap, and it joins.

    leg 1 begins           apart on every stream: its first frame may lie ahead of leg 0
    a hole in a leg's ids  apart on this stream, if the other leg is joined: that one has what is missing
    the other leg ends     what was kept back goes on; the book's own rule finds a hole, if there is one

The venue's adapter reads the ids. Only diffs say what comes before them, so only they show a hole. Ids
that go back within one leg (a venue that was restarted) are believed, and the stream begins anew. Pure: no
clock, no socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from leadline.tasks.venues.common.adapter import Ids

KEPT_FRAMES = 20_000  # of one stream of a leg apart: half an hour of diffs
RECENT = 256  # deliveries of a stream that a lead is reckoned from
LEADS = 10_000


ReadIds: TypeAlias = Callable[[bytes], Ids | None]


class Frame(NamedTuple):
    """A frame and when it was read: wall clock and monotonic clock, ns."""

    data: bytes
    wall_ns: int
    mono_ns: int


@dataclass(slots=True)
class LegCount:
    """What one leg did beside the other, since both were there."""

    frames: int = 0
    first: int = 0  # … that went on: the other leg had not brought them yet
    repeats: int = 0  # … that the other leg had brought already
    holes: int = 0  # breaks in this leg's ids, also from the connection that it follows
    lost_ids: int = 0  # … and update ids in them
    leads: int = 0  # of its firsts, how many were seen twice
    lead_ns: deque[int] = field(default_factory=lambda: deque(maxlen=LEADS))  # of the newest of them

    def leads_ms(self) -> tuple[float | None, float | None]:
        """Return median and 99th percentile of the lead over the other leg, ms; None without any."""
        return leads_ms(self.lead_ns)


def leads_ms(lead_ns: Collection[int]) -> tuple[float | None, float | None]:
    """Return median and 99th percentile of leads, ms; None without any."""
    if not lead_ns:
        return None, None
    p50, p99 = np.percentile(np.array(lead_ns, np.int64), [50, 99]) / 1e6
    return float(p50), float(p99)


class _Stream:
    """Where one stream stands."""

    __slots__ = ("by", "joined", "kept", "last_id", "own", "recent")

    def __init__(self) -> None:
        self.last_id = -1  # newest that went on
        self.by = 0
        self.joined = [True, False]
        self.own = [-1, -1]  # newest that each leg brought
        self.kept: tuple[deque[tuple[Ids, Frame]], deque[tuple[Ids, Frame]]] = (deque(), deque())
        self.recent: deque[tuple[int, int, int]] = deque(maxlen=RECENT)  # id, when, by which leg


class Merger:
    """See the head of this module."""

    def __init__(self, read_ids: ReadIds, before: Mapping[bytes, int] | None = None) -> None:
        """Begin; ``before``: newest ids of the connection that leg 1 follows, so as to tell its holes."""
        self.counts = (LegCount(), LegCount())
        self._read_ids = read_ids
        self._before = dict(before or {})
        self._streams: dict[bytes, _Stream] = {}

    @property
    def is_joined(self) -> bool:
        """Whether leg 1 could go on alone: it has joined on every stream on which it was heard."""
        return all(stream.joined[1] for stream in self._streams.values() if stream.own[1] >= 0)

    def has_heard(self, leg: int, stream: str) -> bool:
        """Whether a leg brought a frame of this stream."""
        found = self._streams.get(stream.encode())
        return found is not None and found.own[leg] >= 0

    def take(self, leg: int, frame: Frame) -> list[Frame]:
        """Take a frame of a leg; return what goes on now, in order."""
        ids = self._read_ids(frame.data)
        if ids is None:
            return [frame] if leg == 0 else []  # the router counts what it cannot read, once
        stream = self._streams.get(ids.stream)
        if stream is None:
            stream = self._streams[ids.stream] = _Stream()
        self.counts[leg].frames += 1
        went_back = ids.last_id < stream.own[leg]
        self._note_hole(leg, stream, ids)
        stream.own[leg] = ids.last_id
        if went_back or (stream.joined[leg] and stream.last_id < 0):
            stream.joined[leg] = True
            return self._go(leg, stream, ids, frame)
        if ids.last_id > stream.last_id and ids.before_id > stream.last_id and stream.joined[1 - leg]:
            stream.joined[leg] = False  # the other has, or will have, what is missing
        if not stream.joined[leg]:
            return self._keep(leg, stream, ids, frame)
        if ids.last_id > stream.last_id or (ids.last_id == stream.last_id and stream.by == leg):
            return self._go(leg, stream, ids, frame)  # its own repeat too: the book's rule judges it
        self._repeat(leg, stream, ids, frame)
        return []

    def newest_ids(self, leg: int) -> dict[bytes, int]:
        """Return the newest id that a leg brought, by stream; of leg 1 also its connection's before."""
        brought = {name: one.own[leg] for name, one in self._streams.items() if one.own[leg] >= 0}
        return self._before | brought if leg == 1 else brought

    def drop(self, leg: int) -> list[Frame]:
        """End a leg: return what was kept back of the other and did not go on, oldest first."""
        rest: list[tuple[int, int, Frame]] = []
        for stream in self._streams.values():
            for ids, frame in stream.kept[1 - leg]:
                if ids.last_id > stream.last_id:
                    rest.append((frame.mono_ns, len(rest), frame))
            stream.kept[1 - leg].clear()
        return [frame for _, _, frame in sorted(rest, key=lambda each: each[:2])]

    def tail(self, leg: int, before: Tail | None = None) -> Tail:
        """Return what ``leg``, alone from now on, has yet to bring although it went on already."""
        streams = self._streams.items()
        last_ids = {name: one.last_id for name, one in streams if one.own[leg] < one.last_id}
        return Tail(self._read_ids, (before.last_ids if before is not None else {}) | last_ids)

    # -- one stream ------------------------------------------------------------------------------

    def _go(self, leg: int, stream: _Stream, ids: Ids, frame: Frame) -> list[Frame]:
        stream.last_id, stream.by = ids.last_id, leg
        stream.recent.append((ids.last_id, frame.mono_ns, leg))
        self.counts[leg].first += 1
        if stream.joined[1 - leg]:
            return [frame]
        return [frame, *self._join(1 - leg, stream)]

    def _keep(self, leg: int, stream: _Stream, ids: Ids, frame: Frame) -> list[Frame]:
        kept = stream.kept[leg]
        kept.append((ids, frame))
        if len(kept) > KEPT_FRAMES:
            kept.popleft()
        return self._join(leg, stream)

    def _join(self, leg: int, stream: _Stream) -> list[Frame]:
        """Join a leg whose oldest kept frame has gone on by way of the other, if it has."""
        kept = stream.kept[leg]
        if not kept or kept[0][0].last_id > stream.last_id:
            return []
        stream.joined[leg] = True
        out: list[Frame] = []
        while kept:
            ids, frame = kept.popleft()
            if ids.last_id > stream.last_id:
                out += self._go(leg, stream, ids, frame)
            else:
                self._repeat(leg, stream, ids, frame)
        return out

    def _repeat(self, leg: int, stream: _Stream, ids: Ids, frame: Frame) -> None:
        """Count a frame that the other leg brought first, and by how much."""
        self.counts[leg].repeats += 1
        recent = stream.recent
        while recent and recent[0][0] < ids.last_id:
            recent.popleft()
        if recent and recent[0][0] == ids.last_id and recent[0][2] != leg:
            self.counts[1 - leg].leads += 1
            self.counts[1 - leg].lead_ns.append(frame.mono_ns - recent[0][1])

    def _note_hole(self, leg: int, stream: _Stream, ids: Ids) -> None:
        own = stream.own[leg]
        if own < 0 and leg == 1:
            own = self._before.pop(ids.stream, -1)
        if 0 <= own < ids.before_id:
            self.counts[leg].holes += 1
            self.counts[leg].lost_ids += ids.before_id - own


class Tail:
    """Drops what a connection that took over repeats of the one before, and is over soon."""

    def __init__(self, read_ids: ReadIds, last_ids: dict[bytes, int]) -> None:
        self._read_ids = read_ids
        self.last_ids = last_ids

    @property
    def is_over(self) -> bool:
        """Whether nothing can come twice any more."""
        return not self.last_ids

    def passes(self, frame: bytes) -> bool:
        """Whether a frame is new."""
        ids = self._read_ids(frame)
        last_id = self.last_ids.get(ids.stream) if ids is not None else None
        if ids is None or last_id is None:
            return True
        if ids.last_id >= last_id:
            del self.last_ids[ids.stream]
        return ids.last_id > last_id
