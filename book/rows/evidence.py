"""What the venue's own word said of a book, as rows: a miss, and a minute's tally."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from leadline.book.messages import Bbo

NO_ID = -1


class Kind(IntEnum):
    """How a book and a statement of the venue were compared."""

    NONE = 0
    EQUAL_ID = 1
    BRACKETED = 2
    AUDIT = 3  # a level of a REST snapshot
    DEPTH20 = 4  # a level of the partial depth stream


class Miss(NamedTuple):
    """One disagreement: where the book stood and its top, what the venue stated and as of which id."""

    kind: Kind
    book_id: int
    ours: Bbo
    witness_id: int
    theirs: Bbo
    next_id: int = NO_ID  # the ticker that closes the bracket

    def why(self) -> str:
        """Say it to a person, in ticks and lots."""
        what = {Kind.AUDIT: "REST snapshot", Kind.DEPTH20: "partial depth"}.get(self.kind, "book ticker")
        theirs = f"{what} {self.witness_id} says {tuple(self.theirs)}"
        return f"mismatch at {self.book_id}: {theirs}, the book {tuple(self.ours)}"


@dataclass(frozen=True, slots=True)
class Tally:
    """Checks of some time: ``checked`` is the sum of the first two, ``misses`` are among them."""

    equal_id: int
    bracketed: int
    misses: int
    unchecked: int  # books no ticker could be found for in time
    audited: int = 0  # levels held against REST snapshots and partial depth
    audit_misses: int = 0

    @property
    def checked(self) -> int:
        """How many times the book was held against a ticker."""
        return self.equal_id + self.bracketed
