"""What a live book says of messages whose diffs are whole: how often it doubted, and that it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from leadline.book.engine.live import LiveBook
from leadline.book.rows.batch import Batch
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import Event, Mismatched, Refuted, SnapshotNeeded, State
from tests.book.crashes import OVERTAKEN_MS, Crash
from tests.book.fake_venue import MS
from tests.book.silent_faults import Line, Player, Source

SHARES = (0.02, 0.3, 0.7)


@dataclass(slots=True)
class Watched:
    """Sums over books that were right all along."""

    books: int = 0
    bracketed_misses: int = 0
    equal_id_misses: int = 0
    suspect: int = 0  # times
    refuted: int = 0  # books, as all below
    seeds_wanted: int = 0
    not_live: int = 0  # after a last ticker at their very id

    def note(self, book: LiveBook, events: Iterable[Event], kinds: Iterable[Kind]) -> None:
        """Add a book at its end: all it said since its seed, and its misses."""
        events, kinds = list(events), list(kinds)
        self.books += 1
        self.bracketed_misses += kinds.count(Kind.BRACKETED)
        self.equal_id_misses += kinds.count(Kind.EQUAL_ID)
        self.suspect += sum(isinstance(one, Mismatched) for one in events)
        self.refuted += any(isinstance(one, Refuted) for one in events)
        self.seeds_wanted += any(isinstance(one, SnapshotNeeded) for one in events)
        self.not_live += book.state is not State.LIVE

    def add(self, other: Watched) -> None:
        """Add what was seen of other books."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def false(self) -> int:
        """Books that were refuted, wanted a seed, or were not LIVE again."""
        return max(self.refuted, self.seeds_wanted, self.not_live)


def play_crash(crash: Crash, engine: str, batch: Batch, watched: Watched) -> LiveBook:
    """Give a crash to a new book."""
    book, said, is_seeded = crash.venue.book(engine), [], False
    for message in crash.messages():
        told = getattr(book, message.method)(*message.frame, message.ts_ns, batch)
        if is_seeded:
            said += told
        elif message.method == "receive_depth":
            book.receive_snapshot(crash.body, message.ts_ns, batch)
            is_seeded = True
    watched.note(book, said, [row.miss.kind for row in batch.mismatches])
    return book


def batch_for(crash: Crash) -> Batch:
    """Make a batch that holds any crash."""
    return crash.venue.batch(diff_rows=64, level_rows=8192, trade_rows=1, ticker_rows=4096)


# -- recordings ------------------------------------------------------------------------------------


def left_out(lines: list[Line], share: float, random: Random) -> list[Line]:
    """Leave a share of the tickers out."""
    return [line for line in lines if line.kind != "ticker" or random.random() >= share]


def overtaking(lines: list[Line], random: Random) -> list[Line]:
    """Let tickers come later by up to `OVERTAKEN_MS`, each by its own time."""
    late = [
        (line.ts_ns + (random.randrange(OVERTAKEN_MS * MS) if line.kind == "ticker" else 0), n)
        for n, line in enumerate(lines)
    ]
    return [Line(ts, lines[n].frame, lines[n].start, lines[n].kind) for ts, n in sorted(late)]


def play_recording(source: Source, lines: list[Line], watched: Watched, engine: str = "auto") -> Player:
    """Play a recording's lines; whether the book is LIVE at the end is not asked."""
    player = Player(source, engine)
    for line in lines:
        player.hear(line)
    misses = [*player.mismatches, *player.batch.mismatches]
    watched.books += 1
    watched.bracketed_misses += sum(row.miss.kind is Kind.BRACKETED for row in misses)
    watched.equal_id_misses += sum(row.miss.kind is Kind.EQUAL_ID for row in misses)
    watched.suspect += player.suspects
    is_kept = player.book.epoch == seeded_at(lines)
    watched.refuted += any(row.refuted for row in misses) or not is_kept
    return player


def seeded_at(lines: list[Line]) -> int:
    """Return the epoch of a book that is kept from its seed to the end."""
    return next(line.ts_ns for line in lines if line.kind == "seed") // 1000
