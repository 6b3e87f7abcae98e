"""Audits of right and wrong books whose snapshots' ids lag behind or run ahead of what they list."""

from __future__ import annotations

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from leadline.book.engine.live import LiveBook
from leadline.book.messages import DepthSnapshot
from leadline.book.rows.batch import Batch
from leadline.book.trust.audit import Audit, Change, audit
from tests.book.fake_venue import FakeVenue

LIMIT = 1000
MOST_LAG = 6  # diffs
SETTLE = MOST_LAG + 1  # diffs that come within `audit_settle_s`, and within `audit_lead_s`

Sides = tuple[dict[int, int], dict[int, int]]


class Audited:
    """A book, the venue's true one at every diff, and audits of it as the feed makes them."""

    def __init__(self, seed: int, *, futures: bool, lag: int) -> None:
        self.venue = FakeVenue(seed, futures=futures, depth=20)
        self.lag = lag  # diffs by which content is newer than its id; below 0: older
        self.book: LiveBook = self.venue.book("auto")
        self.batch: Batch = self.venue.batch(diff_rows=512, level_rows=8192)
        self.past: list[tuple[int, Sides]] = []
        self.diff()
        self.book.receive_snapshot(self.venue.snapshot(), self.venue.now_ns, self.batch)
        self.diffs(2 * MOST_LAG)

    def diff(self) -> None:
        venue = self.venue
        venue.tick()
        self.book.receive_depth(*venue.frame(venue.diff()), venue.now_ns, self.batch)
        self.past.append((venue.last_id, (dict(venue.bids), dict(venue.asks))))

    def diffs(self, count: int) -> None:
        for _ in range(count):
            self.diff()

    def snapshot(self) -> DepthSnapshot:
        """Return a snapshot that belongs to one of the newest ids, and lists what it listed by mistake."""
        at = len(self.past) - 1 - max(0, self.lag)
        last_id, _ = self.past[at]
        _, (bids, asks) = self.past[at + self.lag]
        sides = sorted(bids.items(), reverse=True), sorted(asks.items())
        return DepthSnapshot(self.venue.market.symbol, last_id, 0, *map(tuple, sides))

    def audited(self) -> Audit:
        """Do what `tasks.feed.requests.audit` does, with diffs instead of seconds."""
        since = self.book.last_id
        first = self._settled(since)
        return first.confirmed(self._settled(since)) if first.misses else first

    def _settled(self, since: int) -> Audit:
        standing = self.book.stand(LIMIT)
        assert standing is not None
        self.diffs(SETTLE)
        snapshot, changes = self.snapshot(), self._changes(since)
        found = audit(standing, changes, snapshot, LIMIT)
        assert found is not None
        self.diffs(SETTLE)
        return found.lasting(self._changes(since))

    def _changes(self, since: int) -> list[Change]:
        assert self.book.epoch is not None
        return [one for one in self.book.changes(self.batch, self.book.epoch) if one.last_id > since]

    @property
    def wrong(self) -> bool:
        """Whether any level differs from the venue's now."""
        bids, asks = self.book._ladder.top()
        return (dict(bids), dict(asks)) != (self.venue.bids, self.venue.asks)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), futures=st.booleans(), lag=st.integers(-MOST_LAG, MOST_LAG))
@example(seed=1, futures=False, lag=3)
@example(seed=2, futures=True, lag=-3)
def test_a_right_book_is_refuted_by_no_audits(seed: int, futures: bool, lag: int) -> None:
    audited = Audited(seed, futures=futures, lag=lag)
    for _ in range(3):
        found = audited.audited()
        assert found.misses == ()
        assert not audited.wrong


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    futures=st.booleans(),
    lag=st.integers(-MOST_LAG, MOST_LAG),
    deep=st.integers(0, 30),
)
@example(seed=1, futures=False, lag=3, deep=12)
@example(seed=2, futures=True, lag=0, deep=25)
def test_what_is_wrong_and_lasts_is_refuted_by_an_audit(
    seed: int, futures: bool, lag: int, deep: int
) -> None:
    audited = Audited(seed, futures=futures, lag=lag)
    bids, asks = audited.book.top(LIMIT)
    ours = [*((level, True) for level in bids), *((level, False) for level in asks)]
    (price, lots), is_bid = ours[deep % len(ours)]
    levels = [(price, lots + 1)]
    audited.book._ladder.set_levels(*((levels, []) if is_bid else ([], levels)))
    found = audited.audited()
    event(f"still wrong: {audited.wrong}")
    assert found.is_confirmed == audited.wrong, "or a diff has set it right"
    if audited.wrong:
        (miss,) = found.misses
        assert (miss.theirs.bid_ticks if is_bid else miss.theirs.ask_ticks) == price
        audited.book.receive_audit(found, audited.venue.now_ns, audited.batch)
        assert audited.book.epoch is None, "discarded"
