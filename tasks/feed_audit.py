"""
Holds one book after the other against the venue's REST order book, out of the stream's way.

Audits take what request weight is spare: a share of the budget at most, nothing while a seed is needed
or half of the minute is spent. They reach as deep as every book in its turn can have it for that. One that
fails or cannot be told is counted and forgotten. Levels that differ discard the book, like a refuting book
ticker; where none does, the snapshot teaches the book what lies beyond its seed (`book.ghosts`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from book.audit import Audit, Change, audit, changes_in
from book.batch import Batch
from book.errors import LeadlineError
from book.events import Refuted
from book.live import LiveBook
from book.messages import DepthSnapshot
from tasks.feed_config import AuditCounts, FeedConfig
from tasks.feed_seeds import Seeds
from tasks.limits import MINUTE_S
from tasks.rest import Rest
from tasks.router import Router

log = logging.getLogger("leadline.feed")

LEAST_LEVELS = 100  # on each side, if so many may be asked for: weight 5 of 6,000 a minute on spot
NOTED_MORE = 400  # levels a side noted down before: the price may move until the answer is there
SHARE = 0.1  # of our request weight
REACH_S = 5.0  # a diff stream that is not where the snapshot is by then tells nothing
LOOK_S = 0.02


@dataclass(slots=True)
class _Watch:
    """The book under audit, and what was handed to the sink of it since it was noted down."""

    book: int
    epoch: int
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Held:
    """A snapshot that a book was held against, what came of it, and what the book heard since its note."""

    audit: Audit
    snapshot: DepthSnapshot
    limit: int
    changes: list[Change]


class Auditor:
    """Audits the books of a router; runs on the feed's loop. `note_batch` sees every batch."""

    def __init__(self, router: Router, rest: Rest, seeds: Seeds, *, config: FeedConfig) -> None:
        self.counts = AuditCounts()
        self._router = router
        self._rest = rest
        self._seeds = seeds
        self._config = config
        self._turn = 0
        self._audited: dict[str, int] = {}  # symbol -> its last turn
        self._watch: _Watch | None = None

    @property
    def levels(self) -> int:
        """Levels a side to ask for: the most that leaves each book its turn in ``audit_every_s``."""
        profile, most = self._config.profile, self._config.audit_levels
        steps = [step for step in profile.depth_weights if LEAST_LEVELS <= step.levels <= most]
        for step in steps:
            if step.weight * MINUTE_S / self._share_a_minute <= self._turn_s:
                return step.levels
        return steps[-1].levels if steps else most

    @property
    def pause_s(self) -> float:
        """Seconds from one audit to the next: each book once in ``audit_every_s``, within our share."""
        return max(self._turn_s, self._weight * MINUTE_S / self._share_a_minute)

    @property
    def _turn_s(self) -> float:
        return self._config.audit_every_s / max(1, len(self._router.books))

    @property
    def _share_a_minute(self) -> float:
        governor = self._rest.governor
        return governor.per_minute * governor.share * SHARE

    @property
    def _weight(self) -> int:
        return self._config.profile.depth_weight(self.levels)

    async def run(self) -> None:
        """Audit again and again, until cancelled."""
        while True:
            await asyncio.sleep(self.pause_s)
            book = self.choose()
            if book is None:
                continue
            self._turn += 1
            self._audited[book.market.symbol] = self._turn
            try:
                await self._audit(book)
            except LeadlineError as exc:
                self.counts.failed += 1
                log.warning("audit of %s: %s", book.market.symbol, exc)
            except Exception:  # the timer's outer door: one bad turn must not end it
                self.counts.failed += 1
                log.exception("an audit failed; they go on")
            finally:
                self._watch = None

    def choose(self) -> LiveBook | None:
        """Return the book audited longest ago; None while request weight is wanted elsewhere."""
        if not self._is_weight_spare:
            return None
        books = [book for book in self._router.books.values() if book.is_auditable]
        return min(books, key=lambda book: self._audited.get(book.market.symbol, 0), default=None)

    def note_batch(self, batch: Batch) -> None:
        """Keep the watched book's diffs of a batch on its way to the sink."""
        if self._watch is not None:
            self._watch.changes += changes_in(batch, self._watch.book, self._watch.epoch)

    @property
    def _is_weight_spare(self) -> bool:
        governor = self._rest.governor
        return not self._seeds.pending and (
            governor.remaining - self._weight >= governor.per_minute * governor.share / 2
        )

    async def _audit(self, book: LiveBook) -> None:
        first = held = await self._hold(book)
        if first is not None and first.audit.misses and not first.audit.is_exact:
            held = await self._hold(book) if self._is_weight_spare else None
        if first is None or held is None:
            self.counts.untold += 1
            return
        found = held.audit if held is first else first.audit.confirmed(held.audit)
        self.counts.done += 1
        self.counts.levels += found.levels
        self.counts.misses += len(found.misses)
        ts_ns, symbol = self._config.clock.wall_ns(), book.market.symbol
        events = book.receive_audit(found, ts_ns, self._router.batch)
        if found.misses:
            log.warning("%s: %d levels unlike the venue's; %s", symbol, len(found.misses), book.why)
        elif not held.audit.misses:
            self._learn(book, held)
        if self._config.tap is not None and any(isinstance(event, Refuted) for event in events):
            self._config.tap.left([symbol], Refuted.reason, ts_ns)  # no frame shows it
        self._seeds.hear([(book, event) for event in events])

    def _learn(self, book: LiveBook, held: _Held) -> None:
        """Let a book that agreed know what the snapshot lists beyond its reach."""
        widened = book.widen(held.snapshot, held.limit, held.changes)
        if widened is not None:
            self.counts.learned += widened.learned
            self.counts.ghosts += widened.dropped

    async def _hold(self, book: LiveBook) -> _Held | None:
        """Compare once; None where nothing can be told. Raises a `LeadlineError` if the request failed."""
        epoch, market, limit = book.epoch, book.market, self.levels
        standing = book.stand(limit + NOTED_MORE)
        if epoch is None or standing is None:
            return None
        watch = self._watch = _Watch(book.index, epoch)
        await asyncio.sleep(self._config.audit_lead_s)
        reply = await self._rest.depth(market.symbol, limit)
        snapshot = book.read_snapshot(reply.body, reply.received_ns)
        for _ in range(int(REACH_S / LOOK_S)):
            if book.last_id >= snapshot.last_id or book.epoch != epoch:
                break
            await asyncio.sleep(LOOK_S)
        if book.epoch != epoch or self._router.books.get(market.symbol) is not book:
            return None
        changes = watch.changes + changes_in(self._router.batch, book.index, epoch)
        found = audit(standing, changes, snapshot, limit)
        return None if found is None else _Held(found, snapshot, limit, changes)
