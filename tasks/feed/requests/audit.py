"""
Holds one book after the other against the venue's REST order book, out of the stream's way.

Audits take what request weight is spare: a share of the budget at most, nothing while a seed is needed
or half of the minute is spent. They reach as deep as every book in its turn can have it for that. One that
fails or cannot be told is counted and forgotten. Levels that differ discard the book, like a refuting book
ticker; where none does, the snapshot teaches the book what lies beyond its seed (`book.trust.ghosts`).

A book that a bracketed ticker contradicted (`book.trust.attestation`) is the next in turn. Where it is
still SUSPECT after `SUSPECT_S`, it gets an audit of its own sooner: one book after the other, for as much
weight again at most. So twenty that become SUSPECT at once are not twenty requests at once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from leadline.book.engine.live import LiveBook
from leadline.book.errors import LeadlineError
from leadline.book.messages import DepthSnapshot
from leadline.book.rows.batch import Batch
from leadline.book.sync.events import Refuted, State
from leadline.book.trust.audit import Audit, Change, audit
from leadline.tasks.feed.requests.seeds import Seeds
from leadline.tasks.feed.routing.config import AuditCounts, FeedConfig
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.net.limits import MINUTE_S
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

LEAST_LEVELS = 100  # on each side, if so many may be asked for: weight 5 of 6,000 a minute on spot
NOTED_MORE = 400  # levels a side noted down before: the price may move until the answer is there
SHARE = 0.1  # of our request weight
REACH_S = 5.0  # a diff stream that is not where the snapshot is by then tells nothing
LOOK_S = 0.02
SUSPECT_S = 1.0  # a ticker that explains it has come by then, as a rule
AGAIN_S = 10.0  # one that stays SUSPECT all the same is audited again
DOUBTS_LOOK_S = 0.25


@dataclass(slots=True)
class _Watch:
    """The book under audit, and what was handed to the sink of it since it was noted down."""

    book: LiveBook
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
        self._asking: dict[str, float] = {}  # symbol that asks for an audit -> when it gets its own
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
        return max(self._turn_s, self._pace_s)

    @property
    def _pace_s(self) -> float:
        return self._weight * MINUTE_S / self._share_a_minute

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
        now_s = asyncio.get_running_loop().time
        turn_at_s, suspect_at_s = now_s() + self.pause_s, 0.0
        while True:
            await asyncio.sleep(max(0.0, min(DOUBTS_LOOK_S, turn_at_s - now_s())))
            self.hear_doubts(now_s())
            if now_s() >= turn_at_s:
                await self._try(self.choose())
                turn_at_s = now_s() + self.pause_s
            elif now_s() >= suspect_at_s and (book := self.choose_suspect(now_s())) is not None:
                self._asking[book.market.symbol] = now_s() + AGAIN_S
                await self._try(book)
                suspect_at_s = now_s() + self._pace_s

    def choose(self) -> LiveBook | None:
        """Return the book audited longest ago; None while request weight is wanted elsewhere."""
        if not self._is_weight_spare:
            return None
        books = [book for book in self._router.books.values() if book.is_auditable]
        return min(books, key=self._last_turn, default=None)

    def choose_suspect(self, now_s: float) -> LiveBook | None:
        """Return a SUSPECT book that needs an audit of its own now, if there is weight for it."""
        due = [symbol for symbol, at_s in self._asking.items() if at_s <= now_s]
        books = [book for symbol in due if (book := self._router.books.get(symbol)) is not None]
        books = [book for book in books if book.state is State.SUSPECT and book.is_auditable]
        return min(books, key=self._last_turn) if books and self._is_weight_spare else None

    def hear_doubts(self, now_s: float) -> None:
        """Note which books ask for an audit, and move those that are new to the head of the turn."""
        asking = [symbol for symbol, book in self._router.books.items() if book.asks_for_audit]
        for symbol in asking:
            if symbol not in self._asking:
                self._audited.pop(symbol, None)
        self._asking = {symbol: self._asking.get(symbol, now_s + SUSPECT_S) for symbol in asking}

    def note_batch(self, batch: Batch) -> None:
        """Keep the watched book's diffs of a batch on its way to the sink."""
        if self._watch is not None:
            self._watch.changes += self._watch.book.changes(batch, self._watch.epoch)

    def _last_turn(self, book: LiveBook) -> int:
        return self._audited.get(book.market.symbol, 0)

    @property
    def _is_weight_spare(self) -> bool:
        governor = self._rest.governor
        return not self._seeds.pending and (
            governor.remaining - self._weight >= governor.per_minute * governor.share / 2
        )

    async def _try(self, book: LiveBook | None) -> None:
        """Audit a book, if there is one; whatever goes wrong ends this turn alone."""
        if book is None:
            return
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
        watch = self._watch = _Watch(book, epoch)
        await asyncio.sleep(self._config.audit_lead_s)
        reply = await self._rest.depth(market.symbol, limit)
        snapshot = book.read_snapshot(reply.body, reply.received_ns)
        for _ in range(int(REACH_S / LOOK_S)):
            if book.witness_id >= snapshot.witness_id or book.epoch != epoch:
                break
            await asyncio.sleep(LOOK_S)
        if book.epoch != epoch or self._router.books.get(market.symbol) is not book:
            return None
        changes = watch.changes + book.changes(self._router.batch, epoch)
        found = audit(standing, changes, snapshot, limit)
        return None if found is None else _Held(found, snapshot, limit, changes)
