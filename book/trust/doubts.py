"""
What the venue's word against a book amounts to: which misses refute it, and which only make it SUSPECT.

A witness that skips messages never refutes alone. Of book tickers these do, without an agreement between
(`book.trust.attestation` tells of both):

    misses at equal ids          `CONFIRMED` of them
    one side of our top that     `PERSISTENT_MISSES` times in a row and for `PERSISTENT_NS`, and the side
    tickers contradict           stayed what it was

One miss at an equal id is next to proof. It makes the book SUSPECT, and no later ticker heals that: the
book is *sworn* against until an audit answers, because levels below the top may be wrong as well.

Audits refute when a second one finds the same levels unlike (`book.trust.audit`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from leadline.book.rows.evidence import Kind, Miss
from leadline.book.trust.attestation import Faith, Side, sides

CONFIRMED = 2
# A right top that flickers is another one at each diff's end. None stays the same at all of them while
# each ticker in force says otherwise.
PERSISTENT_MISSES, PERSISTENT_NS = 20, 10_000_000_000
# A venue whose tickers meant something else would make us fetch seeds for ever: so many in a minute. What
# would refute a book beyond that leaves it SUSPECT until it may.
MOST_REFUTED, REFUTED_WITHIN_NS = 3, 60_000_000_000


@dataclass(slots=True)
class _Held:
    """One side of our top that stays while tickers contradict it."""

    level: Side
    since_ns: int
    misses: int = 1


@dataclass(slots=True)
class _Run:
    """Misses without an agreement between."""

    epoch: int
    agreed_id: int  # of the newest agreement before
    equal_ids: int = 0
    held: list[_Held | None] = field(default_factory=lambda: [None, None])

    def add(self, miss: Miss, ts_ns: int) -> bool:
        """Take another miss; tell whether they are proof now."""
        self.equal_ids += miss.kind is Kind.EQUAL_ID
        for n, (ours, theirs) in enumerate(zip(sides(miss.ours), sides(miss.theirs), strict=True)):
            held = self.held[n]
            if ours == theirs:
                self.held[n] = None
            elif held is not None and held.level == ours:
                held.misses += 1
            else:
                self.held[n] = _Held(ours, ts_ns)
        return self.equal_ids >= CONFIRMED or any(
            held.misses >= PERSISTENT_MISSES and ts_ns - held.since_ns >= PERSISTENT_NS
            for held in self.held
            if held is not None
        )


class Doubts:
    """
    Remembers one book's misses: which of them refute it.

    One that should, but comes after `MOST_REFUTED` others within a minute, is *owed*: it has to wait.
    """

    def __init__(self, faith: Faith | None = None) -> None:
        self.owed = False  # by the newest miss
        self._refute = (faith or Faith()).refute
        self._run: _Run | None = None
        self._sworn: int | None = None  # the epoch
        self._refuted_ns: deque[int] = deque(maxlen=MOST_REFUTED)

    def refutes(self, miss: Miss, epoch: int, ts_ns: int, agreed_id: int = -1) -> bool:
        """
        Tell whether a ticker's miss refutes the book, or only makes it SUSPECT.

        ``agreed_id``: where the book stood when it last agreed with a ticker before.
        """
        self.owed = False
        if not self._refute:
            return False
        run = self._run
        if run is None or run.epoch != epoch or agreed_id > run.agreed_id:
            run = self._run = _Run(epoch, agreed_id)
        if miss.kind is Kind.EQUAL_ID:
            self._sworn = epoch
        return run.add(miss, ts_ns) and self.settle(ts_ns)

    def agree(self) -> None:
        """Hear that the book agreed with a ticker: the next miss begins another run."""
        self._run = None

    def answer(self) -> None:
        """Hear that an audit found the book right."""
        self._run = self._sworn = None

    def is_sworn(self, epoch: int | None) -> bool:
        """Tell whether a ticker of an equal id contradicted this epoch, and no audit has answered yet."""
        return epoch is not None and self._sworn == epoch

    def settle(self, ts_ns: int) -> bool:
        """Tell whether a refutation may be now, and count it; else it is owed."""
        refuted = self._refuted_ns
        self.owed = len(refuted) == MOST_REFUTED and ts_ns - refuted[0] < REFUTED_WITHIN_NS
        if not self.owed:
            refuted.append(ts_ns)
        return not self.owed
