"""
Asks for trades that the stream left out: small holes in their ids, by REST, out of the stream's way.

    hole in the ids ──backfill_after_s──▶ asked for ──▶ all there: rows, and a row of `trade_backfills`
       │    ▲                                │
       │    └── backfill_again_s, 3 times ───┴─ some are missing, or it was refused
       └── a late trade fills it, or it is larger than ``backfill_trades``: told, not asked for

Requests wait while less than half of our weight is left (`Rest.has_weight_to_spare`): seeds and audits come
first. What comes is stored as what it is. Where the stream tells aggregates, ids are theirs. Where it tells
single trades, an aggregate stands for the ids that it covers; one that reaches beyond the hole is left out,
because its quantity would count twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from leadline.book.errors import LeadlineError
from leadline.book.messages import Trade
from leadline.book.rows.batch import Batch, Count, TradeCol
from leadline.book.rows.feed import BackfillRow
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.net.errors import SinkFull
from leadline.tasks.venues.common.adapter import PastTrades
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

MOST_TRIES = 3
MOST_PAGES = 20  # answers about one hole
MOST_HOLES = 1_000  # that wait; further ones are told and not asked for
MS = 1_000_000


@dataclass(slots=True)
class Hole:
    """Trades ``first_id .. last_id`` of a market that did not come; traded between the two times, ns."""

    book: int
    first_id: int
    last_id: int
    from_ns: int
    to_ns: int
    due_s: float
    tries: int = 0

    @property
    def count(self) -> int:
        """How many ids are missing."""
        return self.last_id - self.first_id + 1


@dataclass(slots=True)
class _Newest:
    """The newest trade of a market."""

    trade_id: int
    traded_ns: int


@dataclass(slots=True)
class _Found:
    """What the answers about a hole held so far, in the ids of the stream."""

    trades: list[Trade] = field(default_factory=list)
    ids: int = 0


class Backfiller:
    """Finds holes in what goes to the store, and fills them; see the head of this module."""

    def __init__(self, router: Router, rest: Rest, *, config: FeedConfig) -> None:
        self._router = router
        self._rest = rest
        self._config = config
        self._newest: dict[int, _Newest] = {}
        self._stored_before = dict(config.trades_stored)
        self.holes: list[Hole] = []
        spec = config.profile.spec
        self._most = config.backfill_trades
        self._is_on = self._most > 0 and spec.numbers_trades and spec.parse_trades is not None

    def note_batch(self, batch: Batch) -> None:
        """Look for holes in the trades of a batch on its way to the sink."""
        n = int(batch.counts[Count.TRADES])
        if not self._is_on or n == 0:
            return
        rows = batch.trades[:n]
        rows = rows[rows[:, TradeCol.BACKFILLED] == 0]
        for book in np.unique(rows[:, TradeCol.BOOK]).tolist():
            self._note(
                book, rows[rows[:, TradeCol.BOOK] == book][:, [TradeCol.TRADE_ID, TradeCol.TS_TRADE_NS]]
            )

    def _note(self, book: int, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
        ids, newest = rows[:, 0], self._newest.get(book) or self._stored(book)
        if (newest is None or ids[0] == newest.trade_id + 1) and bool((np.diff(ids) == 1).all()):
            self._newest[book] = _Newest(int(ids[-1]), int(rows[:, 1].max()))
            return
        for trade_id, traded_ns in rows.tolist():
            self._note_one(book, trade_id, traded_ns)

    def _stored(self, book: int) -> _Newest | None:
        """Where an earlier stream's trades end, for the first trade of a symbol to go on from."""
        symbol = self._router.markets[book].symbol
        newest = self._stored_before.pop(symbol, None)
        if newest is not None:
            self._newest[book] = _Newest(*newest)
        return self._newest.get(book)

    def _note_one(self, book: int, trade_id: int, traded_ns: int) -> None:
        newest = self._newest.get(book)
        if newest is None or (trade_id <= newest.trade_id and traded_ns > newest.traded_ns):
            self._newest[book] = _Newest(trade_id, traded_ns)  # the first, or the venue counts anew
        elif trade_id <= newest.trade_id:
            self._fill(book, trade_id)
        else:
            if trade_id > newest.trade_id + 1:
                due_s = self._config.clock.mono_s() + self._config.backfill_after_s
                times = (newest.traded_ns, max(traded_ns, newest.traded_ns))
                self._open(Hole(book, newest.trade_id + 1, trade_id - 1, *times, due_s))
            self._newest[book] = _Newest(trade_id, max(traded_ns, newest.traded_ns))

    def _open(self, hole: Hole) -> None:
        if hole.count > self._most:
            self._tell(hole, 0, hole.count, f"larger than backfill_trades ({self._most})")
        elif len(self.holes) >= MOST_HOLES:
            self._tell(hole, 0, hole.count, f"{MOST_HOLES} holes wait already")
        else:
            self.holes.append(hole)

    def _fill(self, book: int, trade_id: int) -> None:
        """Take a trade that came late out of the holes."""
        left: list[Hole] = []
        for hole in self.holes:
            if hole.book == book and hole.first_id <= trade_id <= hole.last_id:
                parts = ((hole.first_id, trade_id - 1), (trade_id + 1, hole.last_id))
                left += [replace(hole, first_id=a, last_id=z) for a, z in parts if a <= z]
            else:
                left.append(hole)
        self.holes = left

    async def tend(self) -> None:
        """Ask for the hole that is due longest, if there is weight to spare."""
        now_s, weight = self._config.clock.mono_s(), self._config.profile.trade_weight
        due = [hole for hole in self.holes if hole.due_s <= now_s]
        if not due or not self._rest.has_weight_to_spare(weight):
            return
        hole = min(due, key=lambda one: one.due_s)
        reason, found = "", _Found()
        try:
            found = await self._ask(hole)
        except LeadlineError as exc:
            reason = str(exc)
            log.warning("past trades: %s", exc)
        if hole not in self.holes:  # a late trade came meanwhile: what is left of it has its own turn
            return
        hole.tries += 1
        missing = hole.count - found.ids
        if missing and hole.tries < MOST_TRIES:
            hole.due_s = self._config.clock.mono_s() + self._config.backfill_again_s
            return
        try:
            self._router.add_trades(hole.book, found.trades)
        except SinkFull:
            hole.tries -= 1
            return
        self.holes.remove(hole)
        why = reason or "the venue did not list them"
        self._tell(hole, len(found.trades), missing, why if missing else "")

    async def _ask(self, hole: Hole) -> _Found:
        """Fetch what the venue lists of a hole; raises what goes wrong, as a `LeadlineError`."""
        profile, market = self._config.profile, self._router.markets[hole.book]
        parse = profile.spec.parse_trades
        assert parse is not None, "switched off without it"
        from_id = hole.first_id if profile.spec.aggregates_trades else None
        found = _Found()
        for _ in range(MOST_PAGES):
            wanted = PastTrades(from_id, hole.from_ns // MS, -(-hole.to_ns // MS))
            reply = await self._rest.past_trades(market.symbol, wanted)
            listed = parse(
                reply.body,
                market.symbol,
                market.scale,
                reply.received_ns,
                time_unit_ns=profile.time_unit_ns,
            )
            self._pick(hole, listed, found)
            if not listed or found.ids == hole.count or self._is_beyond(hole, listed[-1]):
                break
            from_id = listed[-1].trade_id + 1
        return found

    def _pick(self, hole: Hole, listed: Sequence[Trade], found: _Found) -> None:
        """Take the trades that lie within the hole, by the ids of the stream."""
        for trade in listed:
            first, last = self._span(trade)
            if hole.first_id <= first and last <= hole.last_id:
                found.trades.append(replace(trade, trade_id=first))
                found.ids += last - first + 1

    def _span(self, trade: Trade) -> tuple[int, int]:
        """Which ids of the stream a listed aggregate stands for."""
        if self._config.profile.spec.aggregates_trades:
            return trade.trade_id, trade.trade_id
        return trade.covers or (-1, -1)

    def _is_beyond(self, hole: Hole, trade: Trade) -> bool:
        return self._span(trade)[1] >= hole.last_id

    def _tell(self, hole: Hole, stored: int, missing: int, reason: str) -> None:
        market = self._router.markets[hole.book]
        ts_ns = self._config.clock.wall_ns()
        ids = (hole.first_id, hole.last_id)
        row = BackfillRow(market.venue, market.symbol, ts_ns, *ids, stored, missing, reason)
        self._router.batch.backfills.append(row)
