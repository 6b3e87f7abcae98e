"""
Holds one book after the other against the venue's REST order book, out of the stream's way.

Audits take what request weight is spare: a share of the budget at most, nothing while a seed is needed
or half of the minute is spent. One that fails or cannot be told is counted and forgotten. Levels that
differ discard the book, like a refuting book ticker.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from book.audit import Audit, Change, Standing, audit, changes_in
from book.batch import Batch
from book.decode import decode_snapshot
from book.errors import LeadlineError
from book.events import Refuted, State
from book.live import LiveBook
from tasks.feed_config import AuditCounts, FeedConfig
from tasks.feed_seeds import Seeds
from tasks.limits import MINUTE_S
from tasks.rest import Rest
from tasks.router import Router

log = logging.getLogger("leadline.feed")

LEVELS = 100  # asked for on each side: the lowest weight on spot, 5 of 6,000 a minute
NOTED = 500  # levels a side noted down before: the price may move until the answer is there
SHARE = 0.1  # of our request weight
REACH_S = 5.0  # a diff stream that is not where the snapshot is by then tells nothing
LOOK_S = 0.02


@dataclass(slots=True)
class _Watch:
    """The book under audit, and what was handed to the sink of it since it was noted down."""

    book: int
    epoch: int
    changes: list[Change] = field(default_factory=list)


class Auditor:
    """Audits the books of a router; runs on the feed's loop. `note_batch` sees every batch."""

    def __init__(self, router: Router, rest: Rest, seeds: Seeds, *, config: FeedConfig) -> None:
        self.counts = AuditCounts()
        self._router = router
        self._rest = rest
        self._seeds = seeds
        self._config = config
        self._weight = config.profile.depth_weight(LEVELS)
        self._turn = 0
        self._audited: dict[str, int] = {}  # symbol -> its last turn
        self._watch: _Watch | None = None

    @property
    def pause_s(self) -> float:
        """Seconds from one audit to the next: each book once in ``audit_every_s``, within our share."""
        governor = self._rest.governor
        per_minute = governor.per_minute * governor.share * SHARE
        every_s = self._config.audit_every_s / max(1, len(self._router.books))
        return max(every_s, self._weight * MINUTE_S / per_minute)

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
        """Return the LIVE book audited longest ago; None while request weight is wanted elsewhere."""
        if not self._is_weight_spare:
            return None
        live = [book for book in self._router.books.values() if book.state is State.LIVE]
        return min(live, key=lambda book: self._audited.get(book.market.symbol, 0), default=None)

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
        found = await self._hold(book)
        if found is not None and found.misses and not found.is_exact:
            again = await self._hold(book) if self._is_weight_spare else None
            found = again and found.confirmed(again)
        if found is None:
            self.counts.untold += 1
            return
        self.counts.done += 1
        self.counts.levels += found.levels
        self.counts.misses += len(found.misses)
        ts_ns, symbol = self._config.clock.wall_ns(), book.market.symbol
        events = book.receive_audit(found, ts_ns, self._router.batch)
        if found.misses:
            log.warning("%s: %d levels unlike the venue's; %s", symbol, len(found.misses), book.why)
        if self._config.tap is not None and any(isinstance(event, Refuted) for event in events):
            self._config.tap.left([symbol], Refuted.reason, ts_ns)  # no frame shows it
        self._seeds.hear([(book, event) for event in events])

    async def _hold(self, book: LiveBook) -> Audit | None:
        """Compare once; None where nothing can be told. Raises a `LeadlineError` if the request failed."""
        epoch, reach, market = book.epoch, book.reach, book.market
        if book.state is not State.LIVE or epoch is None or reach is None:
            return None
        standing = Standing.of(book.last_id, book.last_recv_ns, book.top(NOTED), NOTED, reach)
        watch = self._watch = _Watch(book.index, epoch)
        await asyncio.sleep(self._config.audit_lead_s)
        reply = await self._rest.depth(market.symbol, LEVELS)
        snapshot = decode_snapshot(
            reply.body,
            market.symbol,
            market.scale,
            reply.received_ns,
            time_unit_ns=self._config.profile.time_unit_ns,
        )
        for _ in range(int(REACH_S / LOOK_S)):
            if book.last_id >= snapshot.last_id or book.epoch != epoch:
                break
            await asyncio.sleep(LOOK_S)
        if book.epoch != epoch or self._router.books.get(market.symbol) is not book:
            return None
        changes = watch.changes + changes_in(self._router.batch, book.index, epoch)
        return audit(standing, changes, snapshot, LEVELS)
