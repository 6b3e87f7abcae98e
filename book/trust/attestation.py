"""
Is the top of our book what the venue says it is? Its book tickers share the id space of its diffs.

A book ticker of id *t* states the best bid and ask as of update *t*, and the next one comes when they
change. So of a book that stands at update *L*:

    t == L             the ticker and the book must be equal                     "equal_id"
    t < L < next t     nothing changed from t on: the book must equal the first  "bracketed"

Either message may come first. The newest `TICKERS` tickers are kept for diffs that come after them, and
of the newest `WAITING` diffs where the book stood, for tickers that come after those.

Tickers may be left out or overtake each other, and then the one in force at *L* is not the one we hold:

    disagrees at an equal id    the book is refuted: discarded, and seeded anew
    disagrees where bracketed   the book is SUSPECT, however often, and asks for an audit
                                (`book.trust.witness`)
    agrees at an equal id       heals what a bracketed miss made SUSPECT
    agrees where bracketed      heals it too, after `HEAL_AFTER` in a row

(Recordings of 2024: 2 misses in 16,472 bracketed checks, both in one fast fall, and the book was right;
none in 2,278 at equal ids.)

Not every venue promises as much (`Faith`). Where its tickers are merged, nothing follows from a bracket,
and such books are *unchecked*. Where ids only order its messages, no miss at an equal id refutes.

This is the readable form; `book.kernel.attest` is the compiled one, and a test holds them together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from leadline.book.messages import Bbo
from leadline.book.rows.evidence import NO_ID, Kind, Miss, Tally

TICKERS = 64  # at 1,362 messages in the busiest second recorded, some 50 ms of them
WAITING = 64  # COIN-M sends 80 diffs a second and few tickers
HEAL_AFTER = 3
# A venue whose tickers meant something else would make us fetch seeds for ever: so many in a minute. What
# would refute a book beyond that leaves it SUSPECT until it may.
MOST_REFUTED, REFUTED_WITHIN_NS = 3, 60_000_000_000
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Faith:
    """How much a venue's documents promise of its book tickers."""

    bracket: bool = True  # a ticker holds until the next one: none is merged or left out
    refute: bool = True  # equal ids are equal books, so that one miss refutes

    @property
    def weak(self) -> frozenset[Kind]:
        """Kinds of miss that make a book SUSPECT and ask for an audit, and never discard it."""
        return frozenset({Kind.BRACKETED} if self.refute else {Kind.BRACKETED, Kind.EQUAL_ID})


class Attestor(Protocol):
    """Compares; what follows from a miss is for `Doubts` and `book.sync.machine`."""

    @property
    def agreed(self) -> tuple[int, int]:
        """
        Id and receive time of the newest diff that was found right; (-1, 0) if none was.

        While a miss waits to be taken it stays at what was found right before that.
        """
        ...

    @property
    def streak(self) -> int:
        """Agreements in a row since the last miss; one at an equal id counts as `HEAL_AFTER`."""
        ...

    def watch(self, *, closely: bool) -> None:
        """Say whether agreements are to be told as well, and not misses alone."""
        ...

    def hear(self, ticker_id: int, top: Bbo) -> bool:
        """Take a ticker; True if there is something to be told."""
        ...

    def check(self, last_id: int, recv_ns: int, top: Bbo, witness_id: int | None = None) -> bool:
        """
        Take the book's top as it stands; True if there is something to be told.

        ``witness_id`` is what tickers call the book's state, where that is not its ``last_id``.
        """
        ...

    def take_miss(self) -> Miss | None:
        """Return the newest miss, once."""
        ...

    def take_tally(self) -> Tally:
        """Return the counts so far and begin anew."""
        ...

    def forget(self) -> None:
        """Start again, because ids, tickers or book do not go on from those before; counts stay."""
        ...


_Stood: TypeAlias = tuple[int, int, int, Bbo]  # witness id, last id, receive time and top of a book


class PlainAttestor:
    """The reference; see the head of this module."""

    def __init__(self, *, bracket: bool = True) -> None:
        self._bracket = bracket
        self.agreed = (NO_ID, 0)
        self.streak = 0
        self._closely = False
        self._tickers: deque[tuple[int, Bbo]] = deque(maxlen=TICKERS)
        self._waiting: deque[_Stood] = deque()
        self._counts = dict.fromkeys((Kind.EQUAL_ID, Kind.BRACKETED), 0)
        self._misses = self._unchecked = 0
        self._miss: Miss | None = None

    def watch(self, *, closely: bool) -> None:
        """Say whether agreements are to be told as well, and not misses alone."""
        self._closely = closely

    def hear(self, ticker_id: int, top: Bbo) -> bool:
        """Take a ticker; True if there is something to be told."""
        tickers, waiting = self._tickers, self._waiting
        if tickers and ticker_id <= tickers[-1][0]:
            return False  # a repeat
        is_told = False
        while waiting and waiting[0][0] <= ticker_id:
            book = waiting.popleft()
            if book[0] == ticker_id:
                is_told |= self._compare(Kind.EQUAL_ID, book, (ticker_id, top), NO_ID)
            elif tickers and self._bracket:
                is_told |= self._compare(Kind.BRACKETED, book, tickers[-1], ticker_id)
            else:
                self._unchecked += 1
        tickers.append((ticker_id, top))
        return is_told

    def check(self, last_id: int, recv_ns: int, top: Bbo, witness_id: int | None = None) -> bool:
        """Take the book's top as it stands; True if there is something to be told."""
        tickers, waiting = self._tickers, self._waiting
        at = last_id if witness_id is None else witness_id
        book = at, last_id, recv_ns, top
        if not tickers or tickers[-1][0] < at:
            if len(waiting) == WAITING:
                waiting.popleft()
                self._unchecked += 1
            waiting.append(book)
            return False
        next_id = NO_ID
        for ticker in reversed(tickers):
            if ticker[0] == at:
                return self._compare(Kind.EQUAL_ID, book, ticker, NO_ID)
            if ticker[0] < at:
                if not self._bracket:
                    break
                return self._compare(Kind.BRACKETED, book, ticker, next_id)
            next_id = ticker[0]
        self._unchecked += 1
        return False

    def take_miss(self) -> Miss | None:
        """Return the newest miss, once."""
        miss, self._miss = self._miss, None
        return miss

    def take_tally(self) -> Tally:
        """Return the counts so far and begin anew."""
        counts = self._counts
        tally = Tally(counts[Kind.EQUAL_ID], counts[Kind.BRACKETED], self._misses, self._unchecked)
        self._counts = dict.fromkeys(counts, 0)
        self._misses = self._unchecked = 0
        return tally

    def forget(self) -> None:
        """Start again, because ids, tickers or book do not go on from those before; counts stay."""
        self._tickers.clear()
        self._waiting.clear()
        self._miss = None
        self.agreed = (NO_ID, 0)
        self.streak = 0

    def _compare(self, kind: Kind, book: _Stood, ticker: tuple[int, Bbo], next_id: int) -> bool:
        self._counts[kind] += 1
        _, last_id, recv_ns, ours = book
        if ours == ticker[1]:
            if self._miss is None:
                self.agreed = last_id, recv_ns
            self.streak += HEAL_AFTER if kind is Kind.EQUAL_ID else 1
            return self._closely
        self._misses += 1
        self.streak = 0
        self._miss = Miss(kind, last_id, ours, *ticker, next_id)
        waiting = self._waiting
        while waiting and (kind is Kind.EQUAL_ID or waiting[0][0] < next_id):
            waiting.popleft()  # it would only repeat the miss
        return True


class Doubts:
    """
    Remembers one book's misses: which of them refute it.

    One that should, but comes after `MOST_REFUTED` others within a minute, is *owed*: it has to wait.
    """

    def __init__(self, weak: frozenset[Kind] = Faith().weak) -> None:
        self.owed = False  # by the newest miss
        self.weak = weak
        self._refuted_ns: deque[int] = deque(maxlen=MOST_REFUTED)

    def refutes(self, kind: Kind, ts_ns: int) -> bool:
        """Tell whether a miss at ``ts_ns`` refutes the book, or only makes it SUSPECT."""
        self.owed = False
        return kind not in self.weak and self.settle(ts_ns)

    def settle(self, ts_ns: int) -> bool:
        """Tell whether a refutation may be now, and count it; else it is owed."""
        refuted = self._refuted_ns
        self.owed = len(refuted) == MOST_REFUTED and ts_ns - refuted[0] < REFUTED_WITHIN_NS
        if not self.owed:
            refuted.append(ts_ns)
        return not self.owed
