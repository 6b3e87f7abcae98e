"""
Holds one book after the other against the venue's REST order book, out of the stream's way.

Audits take what request weight is spare: a share of the budget at most, nothing while a seed is needed
or half of the minute is spent. They reach as deep as every book in its turn can have it for that. One that
fails or cannot be told is counted and forgotten. Where none of the levels differs, the snapshot teaches
the book what lies beyond its seed (`book.trust.ghosts`).

    differs ── audit_settle_s ──▶ lasts, no diff set the price ── second audit ──▶ lasts: discarded
                    └──▶ set by a diff: agrees                         └──▶ could not be had: SUSPECT

Every other turn is for books that tickers left in doubt (`book.trust.attestation`). One still SUSPECT
after `SUSPECT_S`, or that nothing but an audit can heal, gets an audit of its own sooner: one book after
the other, for as much weight again at most. So twenty that become SUSPECT at once are not twenty requests
at once. Without audits in turn (``audit_every_s`` 0) only books that nothing else can heal are audited: a
seed, which they would need instead, costs more.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, field, replace

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
USUAL_S = 60.0  # from one audit of a book to the next, where there are none in turn: how deep they are
SUSPECT_S = 1.0  # a ticker that agrees has come by then, as a rule
AGAIN_S = 10.0  # one that stays SUSPECT all the same is audited again
DOUBTS_LOOK_S = 0.25


@dataclass(slots=True)
class _Watch:
    """The book under audit, and what was handed to the sink of it since it was noted down."""

    book: LiveBook
    epoch: int
    handed_over: list[Change] = field(default_factory=list)

    def changes(self, batch: Batch) -> list[Change]:
        """Return all diffs that the book applied since; ``batch`` holds the newest."""
        return self.handed_over + self.book.changes(batch, self.epoch)


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
        self._asking: set[str] = set()  # symbols whose books ask for an audit
        self._was_asked = False  # for the audit of the last turn
        self._own_at_s: dict[str, float] = {}  # of these, those that are SUSPECT: when they get their own
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
        return (self._config.audit_every_s or USUAL_S) / max(1, len(self._router.books))

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
        first_s = self.pause_s if self._config.audit_every_s else math.inf
        turn_at_s, suspect_at_s = now_s() + first_s, 0.0
        while True:
            await asyncio.sleep(max(0.0, min(DOUBTS_LOOK_S, turn_at_s - now_s())))
            self.hear_doubts(now_s())
            if now_s() >= turn_at_s:
                book = self.choose()
                self._was_asked = not self._was_asked and book is not None
                await self._try(book)
                turn_at_s = now_s() + self.pause_s
            elif now_s() >= suspect_at_s and (book := self.choose_suspect(now_s())) is not None:
                self._own_at_s[book.market.symbol] = now_s() + AGAIN_S
                await self._try(book)
                suspect_at_s = now_s() + self._pace_s

    def choose(self) -> LiveBook | None:
        """
        Return the book whose turn it is; None while request weight is wanted elsewhere.

        That is the one audited longest ago; every other time, of those that ask for it.
        """
        if not self._is_weight_spare:
            return None
        books = [book for book in self._router.books.values() if book.is_auditable]
        asking = [book for book in books if book.market.symbol in self._asking]
        return min(books if self._was_asked or not asking else asking, key=self._last_turn, default=None)

    def choose_suspect(self, now_s: float) -> LiveBook | None:
        """Return a SUSPECT book that needs an audit of its own now, if there is weight for it."""
        due = [symbol for symbol, at_s in self._own_at_s.items() if at_s <= now_s]
        books = [book for symbol in due if (book := self._router.books.get(symbol)) is not None]
        books = [book for book in books if book.state is State.SUSPECT and book.is_auditable]
        if not self._config.audit_every_s:
            books = [book for book in books if book.awaits_audit]
        return min(books, key=self._last_turn) if books and self._is_weight_spare else None

    def hear_doubts(self, now_s: float) -> None:
        """Note which books ask for an audit, and when those that are SUSPECT get one of their own."""
        asking = {symbol: book for symbol, book in self._router.books.items() if book.asks_for_audit}
        self._asking = set(asking)
        self._own_at_s = {
            symbol: self._own_at_s.get(symbol, now_s + (0.0 if book.awaits_audit else SUSPECT_S))
            for symbol, book in asking.items()
            if book.state is State.SUSPECT
        }

    def note_batch(self, batch: Batch) -> None:
        """Keep the watched book's diffs of a batch on its way to the sink."""
        if self._watch is not None:
            self._watch.handed_over += self._watch.book.changes(batch, self._watch.epoch)

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
        if book.epoch is None:
            return
        watch = self._watch = _Watch(book, book.epoch)
        held = first = await self._hold(watch)
        if held is not None and held.audit.misses:
            held = await self._confirm(watch, held)
        if held is None:
            self.counts.untold += 1
            return
        found = held.audit
        self.counts.done += 1
        self.counts.levels += found.levels
        self.counts.misses += len(found.misses)
        ts_ns, symbol = self._config.clock.wall_ns(), book.market.symbol
        events = book.receive_audit(found, ts_ns, self._router.batch)
        if found.misses:
            log.warning("%s: %d levels unlike the venue's; %s", symbol, len(found.misses), book.why)
        elif held is first:
            self._learn(book, held)
        if self._config.tap is not None and any(isinstance(event, Refuted) for event in events):
            self._config.tap.left([symbol], Refuted.reason, ts_ns)  # no frame shows it
        self._seeds.hear([(book, event) for event in events])

    async def _confirm(self, watch: _Watch, first: _Held) -> _Held | None:
        """Return what lasts of an audit that disagreed: confirmed by a second one, if that can be had."""
        first = await self._settled(watch, first)
        if not first.audit.misses:
            return first if self._is_watched(watch) else None
        second = None
        if self._is_weight_spare:
            try:
                second = await self._hold(watch)
            except LeadlineError as exc:
                log.warning("second audit of %s: %s", watch.book.market.symbol, exc)
        if second is not None and second.audit.misses:
            second = await self._settled(watch, second)
        if not self._is_watched(watch):
            return None
        return first if second is None else replace(second, audit=first.audit.confirmed(second.audit))

    async def _settled(self, watch: _Watch, held: _Held) -> _Held:
        """Leave out what diffs set, from the first note to some time after the snapshot."""
        await asyncio.sleep(self._config.audit_settle_s)
        return replace(held, audit=held.audit.lasting(watch.changes(self._router.batch)))

    def _is_watched(self, watch: _Watch) -> bool:
        """Whether it is still the same run of the same book."""
        book = watch.book
        return book.epoch == watch.epoch and self._router.books.get(book.market.symbol) is book

    def _learn(self, book: LiveBook, held: _Held) -> None:
        """Let a book that agreed know what the snapshot lists beyond its reach."""
        widened = book.widen(held.snapshot, held.limit, held.changes)
        if widened is not None:
            self.counts.learned += widened.learned
            self.counts.ghosts += widened.dropped

    async def _hold(self, watch: _Watch) -> _Held | None:
        """Compare once; None where nothing can be told. Raises a `LeadlineError` if the request failed."""
        book, market, limit = watch.book, watch.book.market, self.levels
        standing = book.stand(limit + NOTED_MORE)
        if standing is None:
            return None
        await asyncio.sleep(self._config.audit_lead_s)
        reply = await self._rest.depth(market.symbol, limit)
        snapshot = book.read_snapshot(reply.body, reply.received_ns)
        for _ in range(int(REACH_S / LOOK_S)):
            if book.witness_id >= snapshot.witness_id or book.epoch != watch.epoch:
                break
            await asyncio.sleep(LOOK_S)
        if not self._is_watched(watch):
            return None
        changes = watch.changes(self._router.batch)
        found = audit(standing, changes, snapshot, limit)
        return None if found is None else _Held(found, snapshot, limit, changes)
