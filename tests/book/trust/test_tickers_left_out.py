"""A complete book whose tickers are left out, late or out of order: SUSPECT perhaps, never discarded."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from leadline.book.engine.live import LiveBook
from leadline.book.rows.batch import MismatchRow
from leadline.book.sync.events import BookReady, Mismatched, Refuted, State
from tests.book.engine.test_differential import Pair
from tests.book.fake_venue import ENGINES, FakeVenue, needs_numba
from tests.book.heard import is_live
from tests.book.silent_faults import SOURCES, Line, Player, read
from tests.book.trust.test_attestation import ticker
from tests.recordings import recording

OVERTAKEN_NS = 20_000_000


class Crash:
    """A venue whose diffs are whole, each over some updates, and whose tickers are not all sent."""

    def __init__(self, seed: int, *, futures: bool, kept: float, overtaking: float) -> None:
        self.venue = FakeVenue(seed, futures=futures)
        self.pair = Pair(self.venue)
        self.kept, self.overtaking = kept, overtaking
        self.said: list = []
        self.diff()
        self.tell("receive_snapshot", self.venue.snapshot())

    def tell(self, name: str, *arguments: object) -> None:
        self.said += self.pair.tell(name, *arguments, self.venue.now_ns) or []
        self.pair.compare(self.venue)

    def diff(self) -> None:
        """Change the book in some updates; send one diff, and a ticker of most that changed the top."""
        venue, random = self.venue, self.venue.random
        venue.tick()
        first, prev, sides, tickers = venue.last_id + 1, venue.sent_id, ({}, {}), []
        for _ in range(random.randrange(1, 7)):
            before = top(venue)
            levels = venue.change(2)
            venue.diff(levels, step=0)
            for side, some in zip(sides, levels, strict=True):
                side.update(some)
            if top(venue) != before and random.random() < self.kept:
                tickers.append(venue.ticker())
        for n in range(1, len(tickers)):
            if random.random() < self.overtaking:
                tickers[n - 1], tickers[n] = tickers[n], tickers[n - 1]
        bids, asks = (list(side.items()) for side in sides)
        told = {"U": first, "u": venue.last_id, "pu": prev, "b": bids, "a": asks}
        at = random.randrange(len(tickers) + 1)  # either message may come first
        for frame in tickers[:at]:
            self.tell("receive_ticker", *frame)
        self.tell("receive_depth", *venue.frame(told))
        for frame in tickers[at:]:
            self.tell("receive_ticker", *frame)


def top(venue: FakeVenue) -> tuple[int, ...]:
    bid, ask = max(venue.bids), min(venue.asks)
    return bid, venue.bids[bid], ask, venue.asks[ask]


@needs_numba
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    futures=st.booleans(),
    kept=st.sampled_from([0.98, 0.7, 0.3]),
    overtaking=st.sampled_from([0.0, 0.3]),
)
@example(seed=1, futures=False, kept=0.7, overtaking=0.0)
@example(seed=2, futures=True, kept=0.3, overtaking=0.3)
def test_a_complete_book_is_never_discarded(
    seed: int, futures: bool, kept: float, overtaking: float
) -> None:
    crash = Crash(seed, futures=futures, kept=kept, overtaking=overtaking)
    book: LiveBook = crash.pair.books[0]
    epoch = book.epoch
    for _ in range(40):
        crash.diff()
    crash.tell("receive_ticker", *crash.venue.ticker())
    crash.pair.compare_rows()
    event(f"{sum(isinstance(one, Mismatched) for one in crash.said)} times SUSPECT")
    assert not any(isinstance(one, Refuted) for one in crash.said)
    assert (book.state, book.epoch) == (State.LIVE, epoch), "the last ticker agreed at an equal id"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fast_fall_that_leaves_tickers_out_is_explained_by_the_next_one(engine: str) -> None:
    """The best bid goes and comes back within three updates, with no ticker of either, four times."""
    heard = is_live(engine)
    epoch = heard.book.epoch
    for n in range(10, 50, 10):
        heard.depth(n, n)
        assert ticker(heard, n) == []
        heard.depth(n + 1, n + 3, '["1.00","0"]')
        heard.depth(n + 4, n + 9, '["1.00","5"]')
        # A diff in the middle contradicts the ticker in force, and the end of the next one agrees.
        assert ticker(heard, n + 9) == [Mismatched(n + 9), BookReady(epoch, n + 9)]
        ended, opened = heard.batch.coverage[-2:]
        assert (ended.last_id, opened.first_id) == (n, n + 9), "not covered where the miss was"
    assert (heard.book.state, heard.book.epoch) == (State.LIVE, epoch)
    assert [row.refuted for row in heard.batch.mismatches] == [False] * 4


# -- recordings ------------------------------------------------------------------------------------


def left_out(lines: list[Line], share: float, random: Random) -> list[Line]:
    return [line for line in lines if line.kind != "ticker" or random.random() >= share]


def overtaking(lines: list[Line], random: Random) -> list[Line]:
    """Let tickers come later by up to `OVERTAKEN_NS`, each by its own time."""
    late = [
        (line.ts_ns + (random.randrange(OVERTAKEN_NS) if line.kind == "ticker" else 0), n)
        for n, line in enumerate(lines)
    ]
    return [Line(ts, lines[n].frame, lines[n].start, lines[n].kind) for ts, n in sorted(late)]


def play(name: str, lines: list[Line]) -> tuple[Player, list[MismatchRow]]:
    """Play a recording; return the player and what disagreed."""
    player = Player(SOURCES[name])
    for line in lines:
        player.hear(line)
    return player, [*player.mismatches, *player.batch.mismatches]


@pytest.mark.recordings
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
@pytest.mark.parametrize("name", SOURCES)
def test_recordings_with_tickers_left_out_keep_their_book(name: str, share: float) -> None:
    lines = read(recording(SOURCES[name].name))
    player, mismatches = play(name, left_out(lines, share, Random(f"{name} {share}")))
    assert mismatches, "some that were left out were missed"
    assert not any(row.refuted for row in mismatches)
    assert player.book.epoch == seeded_at(lines), "the one book from its seed to the end"


@pytest.mark.recordings
@pytest.mark.parametrize("name", SOURCES)
def test_recordings_whose_tickers_overtake_each_other_keep_their_book(name: str) -> None:
    lines = read(recording(SOURCES[name].name))
    player, mismatches = play(name, overtaking(lines, Random(name)))
    assert not any(row.refuted for row in mismatches)
    assert player.book.epoch == seeded_at(lines)


def seeded_at(lines: list[Line]) -> int:
    return next(line.ts_ns for line in lines if line.kind == "seed") // 1000
