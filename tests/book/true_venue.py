"""
A tiny venue that knows its true book at every id, and a listener that plays scripts against it.

A script is a string of moves; each letter is one thing that can happen between venue and book:

    u  an update, delivered with whatever waits     q  an update that stays on the way
    x  an update that is lost                       r  two updates that arrive in the wrong order
    2  the last update once more                    o  some older update once more
    e  an update that empties a side                g  an update that moves the price
    s  a seed, taken and delivered at once          m  a seed as of some recent id
    t  a seed is taken …                            T  … and arrives only now
    L  the session is lost, with all on the way     S  the stream is called silent
    H  the symbol is halted                         h  and trades again
    k  a seed is asked for though no diff came
"""

from __future__ import annotations

from random import Random

from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.messages import DepthDiff, DepthSnapshot
from leadline.book.sync.events import Event, SnapshotNeeded, State
from leadline.book.sync.machine import SEEKS, BookSync
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance.sequence import FUTURES

Book = tuple[dict[int, int], dict[int, int]]
LOSSES = frozenset("xrL")


class TrueVenue:
    """One symbol; every id is one change, and ``truth`` keeps the whole book at each."""

    def __init__(self, rule: SequenceRule, rng: Random) -> None:
        self.rule, self.rng = rule, rng
        self.mid = 1000
        self.last_id = self.sent_id = rng.randrange(1, 10**6)
        self.book: Book = ({998: 1}, {1002: 1})
        self.truth: dict[int, Book] = {}
        self.clock_us = self.event_ns = 0
        self._remember()

    def update(self, move: str = "u") -> DepthDiff:
        """Change the book one to four times; return the diff over these changes."""
        touched: tuple[set[int], set[int]] = (set(), set())
        ids = []
        for _ in range(self.rng.randrange(1, 5)):
            self._change(move, touched)
            # Other symbols of a futures venue use up ids as well.
            self.last_id += self.rng.choice((1, 1, 2, 9)) if self.rule is FUTURES else 1
            ids.append(self.last_id)
            self._remember()
        bids, asks = (
            tuple((price, side.get(price, 0)) for price in self.rng.sample(sorted(prices), len(prices)))
            for side, prices in zip(self.book, touched, strict=True)
        )
        prev_id, self.sent_id = self.sent_id, self.last_id
        futures = self.rule is FUTURES
        self.event_ns += 100_000_000
        shown = prev_id if futures else None
        return DepthDiff("X", ids[0], self.last_id, shown, self.event_ns, 0, bids, asks)

    def seed(self, at_id: int | None = None) -> DepthSnapshot:
        """Return the book as it is, or as it was at an id."""
        at_id = self.last_id if at_id is None else at_id
        bids, asks = self.truth[at_id]
        self.clock_us += 1
        return DepthSnapshot(
            "X",
            at_id,
            self.clock_us * 1000,
            tuple(sorted(bids.items(), reverse=True)),
            tuple(sorted(asks.items())),
        )

    def _change(self, move: str, touched: tuple[set[int], set[int]]) -> None:
        bids, asks = self.book
        if move == "g":
            self.mid += self.rng.choice((-3, -2, 2, 3))
            gone = [p for p in bids if p >= self.mid], [p for p in asks if p <= self.mid]
        elif move == "e":
            side = self.rng.randrange(2)
            gone = (list(bids), []) if side == 0 else ([], list(asks))
        else:
            n = self.rng.choice((0, 1, 1))
            gone = (
                [p for p in bids if self.rng.random() < 0.1][:n],
                [p for p in asks if self.rng.random() < 0.1],
            )
        for prices, levels, marks in zip(gone, self.book, touched, strict=True):
            for price in prices:
                del levels[price]
                marks.add(price)
        if move != "e":
            for sign, levels, marks in ((-1, bids, touched[0]), (1, asks, touched[1])):
                price = self.mid + sign * self.rng.randrange(1, 8)
                levels[price] = self.rng.randrange(1, 6)
                marks.add(price)

    def _remember(self) -> None:
        self.truth[self.last_id] = (dict(self.book[0]), dict(self.book[1]))


class Listener:
    """A book that hears the venue through a script; what it did is kept for the claims to be checked."""

    def __init__(self, rule: SequenceRule, seed: int) -> None:
        self.rng = Random(seed)
        self.venue = TrueVenue(rule, self.rng)
        self.sync: BookSync[DepthDiff, DepthSnapshot] = BookSync(PlainLadder(), rule)
        self.events: list[Event] = []
        self.on_the_way: list[DepthDiff] = []
        self.delivered: list[DepthDiff] = []
        self.taken: DepthSnapshot | None = None
        self.stored = PlainLadder()  # rebuilt from seeds and ``applied`` alone
        self.min_last_id = -1
        self.old_seeds = 0

    def play(self, move: str) -> None:
        """Let one thing happen."""
        {
            "u": self._update, "g": self._update, "e": self._update, "q": self._queue, "x": self._lose,
            "r": self._reorder, "2": self._repeat, "o": self._repeat, "s": self._seed, "m": self._seed,
            "t": self._take, "T": self._late_seed, "L": self._leave, "S": self._other, "H": self._other,
            "h": self._other, "k": self._other,
        }[move](move)  # fmt: skip

    def hear(self, item: DepthDiff | DepthSnapshot) -> None:
        """Give the book a diff or a seed; keep what it says and what it applied."""
        if isinstance(item, DepthDiff):
            self.delivered.append(item)
            self._note(self.sync.receive_diff(item))
        else:
            wanted = self.sync.state is State.BUFFERING
            # One that ends just before the first diff kept joins too, although a newer one was asked for.
            just_below = bool(self.sync.buffered) and not self.sync.rule.by_prev_id
            events = self.sync.receive_snapshot(item)
            refused = wanted and any(
                isinstance(event, SnapshotNeeded) and event.reason == "seed_too_old" for event in events
            )
            # A seed is refused if, and only if, it is older than that.
            assert refused == (wanted and item.last_id < self.min_last_id - just_below)
            if wanted and not refused:
                self.stored.seed(item)
            self._note(events)
        for diff in self.sync.applied:
            self.stored.apply(diff)

    def _note(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, SnapshotNeeded):
                self.min_last_id = event.min_last_id

    def _deliver_all(self) -> None:
        waiting, self.on_the_way = self.on_the_way, []
        for diff in waiting:
            self.hear(diff)

    def _update(self, move: str) -> None:
        self.on_the_way.append(self.venue.update(move))
        self._deliver_all()

    def _queue(self, move: str) -> None:
        self.on_the_way.append(self.venue.update())

    def _lose(self, move: str) -> None:
        self._deliver_all()
        self.venue.update()

    def _reorder(self, move: str) -> None:
        first, second = self.venue.update(), self.venue.update()
        self.on_the_way += [second, first]
        self._deliver_all()

    def _repeat(self, move: str) -> None:
        if self.delivered:
            self.hear(self.delivered[-1] if move == "2" else self.rng.choice(self.delivered[-20:]))

    def _seed(self, move: str) -> None:
        at_id = None if move == "s" else self.rng.choice(list(self.venue.truth)[-12:])
        self._offer(self.venue.seed(at_id))

    def _take(self, move: str) -> None:
        self.taken = self.venue.seed()

    def _late_seed(self, move: str) -> None:
        if self.taken is not None:
            self._offer(self.taken)

    def _offer(self, seed: DepthSnapshot) -> None:
        """Deliver a seed; no REST server lags so long that a whole row of seeds is too old."""
        is_old = self.sync.state is State.BUFFERING and seed.last_id < self.min_last_id
        self.old_seeds = self.old_seeds + 1 if is_old else 0
        if self.old_seeds < SEEKS:
            self.hear(seed)

    def _leave(self, move: str) -> None:
        self.on_the_way.clear()
        self.delivered.clear()
        self._note(self.sync.leave("session_lost"))

    def _other(self, move: str) -> None:
        act = {"S": self.sync.mark_stale, "h": self.sync.unhalt, "k": self.sync.seek}
        self._note(self.sync.halt("BREAK") if move == "H" else act[move]())
