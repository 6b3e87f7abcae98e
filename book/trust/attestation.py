"""
Is the top of our book what the venue says it is? Its book tickers share the id space of its diffs.

A book ticker of id *t* states the best bid and ask as of update *t*, and the next one comes when they
change. So of a book that stands at update *L*:

    t == L             the ticker and the book must be equal                     "equal_id"
    t < L < next t     nothing changed from t on: the book must equal the first  "bracketed"

Either message may come first. The newest `TICKERS` tickers are kept for diffs that come after them, and
of the newest `WAITING` diffs where the book stood, for tickers that come after those.

Tickers may be left out or overtake each other, and then the one in force at *L* is not the one we hold.
So a bracketed top that differs is *explained* where each side is that of the first ticker, or that of the
next one and a diff after the first ticker brought it: the change came before *L*, and nobody said so. Such
a check tells nothing (*unchecked*), but it is a reason to ask for an audit (`unsure_id`). What else differs
is a miss, for `book.trust.doubts`.

(Recordings of 2024: 2 misses in 16,472 bracketed checks, both in one fast fall, and the book was right;
none in 2,278 at equal ids.)

Not every venue promises as much (`Faith`). Where its tickers are merged, nothing follows from a bracket,
and such books are *unchecked* too.

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
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Faith:
    """How much a venue's documents promise of its book tickers."""

    bracket: bool = True  # a ticker holds until the next one: none is merged or left out
    refute: bool = True  # equal ids are equal books, so that tickers may refute one


class Attestor(Protocol):
    """Compares; what follows from a miss is for `book.trust.doubts` and `book.sync.machine`."""

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

    @property
    def unsure_id(self) -> int:
        """Where the book stood when tickers could at best explain it; -1 if that never was."""
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


Side: TypeAlias = tuple[int, int]  # ticks and lots
_Said: TypeAlias = tuple[int, Bbo]  # id and top of a ticker
_Since: TypeAlias = tuple[int, int]  # at which ids best bid and best ask became what they are
# Witness id, last id, receive time and top of a book.
_Stood: TypeAlias = tuple[int, int, int, Bbo, _Since]


class PlainAttestor:
    """The reference; see the head of this module."""

    def __init__(self, *, bracket: bool = True) -> None:
        self._bracket = bracket
        self.agreed = (NO_ID, 0)
        self.streak = 0
        self.unsure_id = NO_ID
        self._closely = False
        self._tickers: deque[_Said] = deque(maxlen=TICKERS)
        self._waiting: deque[_Stood] = deque()
        self._top: Bbo | None = None
        self._since: _Since = (NO_ID, NO_ID)
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
                is_told |= self._compare(book, (ticker_id, top))
            elif tickers and self._bracket:
                is_told |= self._compare(book, tickers[-1], (ticker_id, top))
            else:
                self._unchecked += 1
        tickers.append((ticker_id, top))
        return is_told

    def check(self, last_id: int, recv_ns: int, top: Bbo, witness_id: int | None = None) -> bool:
        """Take the book's top as it stands; True if there is something to be told."""
        tickers, waiting = self._tickers, self._waiting
        at = last_id if witness_id is None else witness_id
        was, (bid, ask) = self._top, self._since
        if was != top:
            self._since = (
                at if was is None or was[:2] != top[:2] else bid,
                at if was is None or was[2:] != top[2:] else ask,
            )
            self._top = top
        book = at, last_id, recv_ns, top, self._since
        if not tickers or tickers[-1][0] < at:
            if len(waiting) == WAITING:
                waiting.popleft()
                self._unchecked += 1
            waiting.append(book)
            return False
        closing: _Said | None = None
        for ticker in reversed(tickers):
            if ticker[0] == at:
                return self._compare(book, ticker)
            if ticker[0] < at:
                if not self._bracket:
                    break
                return self._compare(book, ticker, closing)
            closing = ticker
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
        self._top = None
        self._miss = None
        self.agreed = (NO_ID, 0)
        self.streak = 0
        self.unsure_id = NO_ID

    def _compare(self, book: _Stood, ticker: _Said, closing: _Said | None = None) -> bool:
        """Hold a book against the ticker in force, which ``closing`` follows unless ids are equal."""
        _, last_id, recv_ns, ours, since = book
        kind = Kind.EQUAL_ID if closing is None else Kind.BRACKETED
        if ours == ticker[1]:
            self._counts[kind] += 1
            if self._miss is None:
                self.agreed = last_id, recv_ns
            self.streak += HEAL_AFTER if kind is Kind.EQUAL_ID else 1
            return self._closely
        if closing is not None and _explain(ours, since, ticker, closing[1]):
            self._unchecked += 1
            self.unsure_id = last_id
            return False
        self._counts[kind] += 1
        self._misses += 1
        self.streak = 0
        next_id = NO_ID if closing is None else closing[0]
        self._miss = Miss(kind, last_id, ours, *ticker, next_id)
        waiting = self._waiting
        while waiting and (kind is Kind.EQUAL_ID or waiting[0][0] < next_id):
            waiting.popleft()  # it would only repeat the miss
        return True


def sides(top: Bbo) -> tuple[Side, Side]:
    """Return best bid and best ask, each by itself."""
    return top[:2], top[2:]


def _explain(ours: Bbo, since: _Since, ticker: _Said, after: Bbo) -> bool:
    """Tell whether tickers that were left out, between ``ticker`` and the one after, explain our top."""
    ticker_id, before = ticker
    return all(
        held == was or (held == comes and changed_id > ticker_id)
        for held, was, comes, changed_id in zip(
            sides(ours), sides(before), sides(after), since, strict=True
        )
    )
