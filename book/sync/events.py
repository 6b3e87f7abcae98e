"""
What the synchroniser tells its caller, and the states it moves through.

Weather is an event, never an exception: the caller fetches a seed, writes a row, or tells a person.
``reason`` is the word stored in ``book_events.reason`` and shown in the Prefect UI.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class State(StrEnum):
    """Where a book stands; only LIVE may be read."""

    WAITING = "WAITING"  # nothing has arrived since the session began
    BUFFERING = "BUFFERING"  # diffs are kept until a seed joins them
    LIVE = "LIVE"  # in step with the venue, two-sided, uncrossed
    SUSPECT = "SUSPECT"  # in sequence, yet a side is missing or the venue's own word contradicts it
    STALE = "STALE"  # in sequence so far, but its stream fell silent
    HALTED = "HALTED"  # the venue says that the symbol does not trade


@dataclass(frozen=True, slots=True)
class SnapshotNeeded:
    """
    Fetch a seed whose ``last_id`` is at least ``min_last_id``; older ones will be refused.

    Where seeds come with the stream, ask for the stream anew: whatever it begins with will do.
    """

    min_last_id: int
    reason: str  # "start", "gap", "seed_too_old", "crossed", …: why, for a person


@dataclass(frozen=True, slots=True)
class BookReady:
    """The book is LIVE; ``epoch`` is new after a seed, the same after SUSPECT or STALE healed."""

    reason: ClassVar[str] = "ready"
    epoch: int  # the seed's ts_recv in µs: unique and growing for a symbol
    last_id: int


@dataclass(frozen=True, slots=True)
class GapFound:
    """Updates from ``expected_id`` on never arrived; ``got_id`` came instead. The book is discarded."""

    reason: ClassVar[str] = "gap"
    expected_id: int  # the id that the venue's rule wants next: a first_id, or a prev_id …
    got_id: int  # … and what stood in its place


@dataclass(frozen=True, slots=True)
class Restarted:
    """The stream itself sent a whole book, of ``got_id``, while one of ``last_id`` was held: it is void."""

    reason: ClassVar[str] = "restarted"
    last_id: int
    got_id: int


@dataclass(frozen=True, slots=True)
class Crossed:
    """Best bid at or above best ask after ``last_id``; the book is discarded."""

    reason: ClassVar[str] = "crossed"
    last_id: int
    bid_ticks: int
    ask_ticks: int


@dataclass(frozen=True, slots=True)
class OneSided:
    """A side is empty after ``last_id``; the book stays in sequence but is not LIVE."""

    reason: ClassVar[str] = "one_sided"
    last_id: int


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The venue stated another top, or other levels, than the book holds; it is not LIVE for now."""

    reason: ClassVar[str] = "mismatch"
    last_id: int


@dataclass(frozen=True, slots=True)
class Refuted:
    """The venue contradicted the book beyond doubt, ids in sequence or not; the book is discarded."""

    reason: ClassVar[str] = "refuted"
    last_id: int


@dataclass(frozen=True, slots=True)
class Left:
    """The book left LIVE (or its build-up) because the caller said so: session lost, silence, halt."""

    reason: str  # "session_lost", "silent", "halted", "stopped", …
    last_id: int


@dataclass(frozen=True, slots=True)
class BufferTrimmed:
    """The buffer reached its bound while waiting for a seed; its ``dropped`` oldest diffs are gone."""

    reason: ClassVar[str] = "buffer_full"
    dropped: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """``levels`` ghost levels outside the seed's certified band were dropped to bound memory."""

    reason: ClassVar[str] = "pruned"
    last_id: int
    levels: int


Event: TypeAlias = (
    SnapshotNeeded
    | BookReady
    | GapFound
    | Restarted
    | Crossed
    | OneSided
    | Mismatched
    | Refuted
    | Left
    | BufferTrimmed
    | Pruned
)
