"""
Seeds: which books need one and why, and getting it without disturbing any other book.

The books say when (`SnapshotNeeded`); each gets one need at a time, whatever happens meanwhile. How
deep a seed is asked for follows from how many books wait and what is left of the request weight. Where a
venue's stream begins with the whole book, the stream is asked for anew instead.

Seeds that came and did not do are counted for each symbol. After some in a row the symbol is asked for at a
pace of its own, so that one that can never fit costs little and takes no weight from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from leadline.book.engine.live import LiveBook
from leadline.book.errors import BadFrame, OffScale
from leadline.book.sync.events import (
    BookReady,
    BufferTrimmed,
    Crossed,
    Event,
    GapFound,
    Left,
    Refuted,
    Restarted,
    SnapshotNeeded,
    State,
)
from leadline.tasks.feed.requests.needs import Need
from leadline.tasks.feed.requests.runner import Desk
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.router import Router, Told
from leadline.tasks.feed.routing.stats import Totals
from leadline.tasks.net.errors import RestFailed, SeedRefused, SinkFull, UnknownSymbol
from leadline.tasks.net.limits import MINUTE_S
from leadline.tasks.venues.common.rest import Reply, Rest

FIRST_SEED = "first seed"
ROOM_RETRY_S = 0.01  # how soon a full sink is asked again
LONGEST_ROOM_WAIT_S = 60.0
# Of our request weight, for a symbol whose seeds do not do: one a minute of the deepest on spot.
UNFIT_SHARE = 0.05
# So many may come at once. One that is too old, or cannot be read, is often followed by one that will do.
FREE_UNFIT = {Crossed.reason: 3}
FREE_USUALLY = 8
STREAM_SEED_S, STREAM_LOOK_S = 10.0, 0.02  # a stream asked for anew begins with the book by then


@dataclass(slots=True)
class Seat:
    """What the feed remembers of one symbol."""

    why: str = FIRST_SEED  # the next seed is needed
    need: Need | None = None
    gaps: int = 0
    seeds: int = 0
    epoch: int = -1  # of the last seed that came with the stream
    unfit: int = 0  # seeds in a row that came and did not do
    not_before_s: float = 0.0  # … so the next is asked for then; monotonic

    @property
    def resyncs(self) -> int:
        """Seeds after the first."""
        return max(0, self.seeds - 1)


class Seeds:
    """Hears what the books tell and gets their seeds; runs on the feed's loop."""

    def __init__(
        self,
        router: Router,
        rest: Rest,
        desk: Desk,
        *,
        config: FeedConfig,
        totals: Totals,
        ask_anew: Callable[[str], None],
        on_unknown: Callable[[str], None],
    ) -> None:
        """``ask_anew`` subscribes a symbol's depth stream again, ``on_unknown`` hears of one refused."""
        self.seats: dict[str, Seat] = {}
        self._router = router
        self._rest = rest
        self._desk = desk
        self._config = config
        self._totals = totals
        self._ask_anew = ask_anew
        self._on_unknown = on_unknown
        self._slots = asyncio.Semaphore(config.seeds_at_once)

    def hear(self, told: Told) -> None:
        """Take what books told, in order."""
        for book, event in told:
            self._hear(book.market.symbol, event)

    def void(self, symbol: str, why: str) -> None:
        """End the symbol's need; if it has one again, then because of ``why``."""
        seat = self._seat(symbol)
        seat.why = why
        if seat.need is not None:
            seat.need.finish()
            seat.need = None

    def forget(self, symbol: str) -> None:
        """Forget a symbol that is carried no more."""
        self.void(symbol, FIRST_SEED)
        self.seats.pop(symbol, None)

    async def fetch(self, need: Need) -> None:
        """Fetch one seed and give it to its book; raises a `VenueError` when that did not do."""
        assert need.symbol is not None
        if self._config.profile.seeds_in_stream:
            await self._await_stream(need, need.symbol)
            return
        self._keep_pace(need.symbol)
        reply = await self._ask(need, need.symbol)
        book = self._router.books.get(need.symbol)
        if reply is None or need.is_over or book is None or book.state is not State.BUFFERING:
            return  # what it was for is gone; the next need fetches its own
        await self._give(need, book, reply)

    async def _await_stream(self, need: Need, symbol: str) -> None:
        """Ask for the stream anew; return once the book it begins with has come."""
        self._ask_anew(symbol)
        for _ in range(int(STREAM_SEED_S / STREAM_LOOK_S)):
            book = self._router.books.get(symbol)
            if need.is_over or book is None or book.state is not State.BUFFERING:
                return
            await asyncio.sleep(STREAM_LOOK_S)
        raise SeedRefused(f"{symbol}: no book within {STREAM_SEED_S:.0f} s of asking for its stream anew")

    async def _ask(self, need: Need, symbol: str) -> Reply | None:
        async with self._slots:
            if need.is_over:
                return None
            limit = self._config.profile.seed_limit(self.pending, self._rest.governor.remaining)
            try:
                reply = await self._rest.depth(symbol, limit)
            except UnknownSymbol:
                self._on_unknown(symbol)
                raise
        if self._config.tap is not None:
            self._config.tap.depth(symbol, reply.body, reply.received_ns)
        return reply

    @property
    def pending(self) -> int:
        """How many books wait for a seed."""
        return sum(seat.need is not None and not seat.need.is_over for seat in self.seats.values())

    async def _give(self, need: Need, book: LiveBook, reply: Reply) -> None:
        symbol = book.market.symbol
        try:
            events = await self._give_when_room(book, reply)
        except OffScale as exc:
            self._router.off_scale[symbol] = str(exc)
            raise RestFailed(f"depth of {symbol}: {exc}; asking for its scale") from exc
        except BadFrame as exc:
            self._note_unfit(symbol, reply, BadFrame.__name__)
            raise RestFailed(f"depth of {symbol}: {exc}") from exc
        asked_again = [event for event in events if isinstance(event, SnapshotNeeded)]
        for event in events:
            self._hear(symbol, event)
        if asked_again:
            last = asked_again[-1]
            self._note_unfit(symbol, reply, last.reason)
            raise SeedRefused(f"{symbol}: {last.reason}; needed is {last.min_last_id} or later")
        seat = self._seat(symbol)
        seat.seeds += 1
        seat.unfit = 0
        if seat.need is need:
            seat.need = None
        self._totals.resyncs += seat.seeds > 1

    def _keep_pace(self, symbol: str) -> None:
        """Raise `SeedRefused` if too many seeds of a symbol did not do and another would be too soon."""
        seat = self._seat(symbol)
        left_s = seat.not_before_s - self._config.clock.mono_s()
        if left_s > 0:
            said = f"{symbol}: {seat.unfit} seeds in a row did not fit; the next one in {left_s:.0f} s"
            raise SeedRefused(said, retry_after_s=left_s)

    def _note_unfit(self, symbol: str, reply: Reply, reason: str) -> None:
        seat, governor = self._seat(symbol), self._rest.governor
        seat.unfit += 1
        if seat.unfit >= FREE_UNFIT.get(reason, FREE_USUALLY):
            pace_s = reply.weight * MINUTE_S / (governor.per_minute * governor.share * UNFIT_SHARE)
            seat.not_before_s = self._config.clock.mono_s() + pace_s

    async def _give_when_room(self, book: LiveBook, reply: Reply) -> list[Event]:
        for _ in range(int(LONGEST_ROOM_WAIT_S / ROOM_RETRY_S)):
            try:
                return list(self._router.receive_snapshot(book, reply.body, reply.received_ns))
            except SinkFull:
                await asyncio.sleep(ROOM_RETRY_S)
        raise RestFailed(f"{book.market.symbol}: no room for the seed in {LONGEST_ROOM_WAIT_S:.0f} s")

    def _seat(self, symbol: str) -> Seat:
        return self.seats.setdefault(symbol, Seat())

    def _hear(self, symbol: str, event: Event) -> None:
        seat = self._seat(symbol)
        if isinstance(event, GapFound):
            seat.gaps += 1
            seat.why = f"gap: expected {event.expected_id}, got {event.got_id}"
        elif isinstance(event, Crossed):
            seat.why = f"crossed at {event.last_id}"
        elif isinstance(event, Refuted):
            seat.why = f"refuted by the venue's own word at {event.last_id}"
        elif isinstance(event, Restarted):
            seat.why = f"restarted by the venue: {event.last_id} is followed by {event.got_id}"
        elif isinstance(event, BufferTrimmed):
            seat.why = f"buffer full, {event.dropped} diffs dropped"
        elif isinstance(event, Left):
            seat.why = event.reason
        elif isinstance(event, SnapshotNeeded):
            self._want(symbol, seat, event)
        elif isinstance(event, BookReady):
            self._hear_ready(seat, event)

    def _hear_ready(self, seat: Seat, event: BookReady) -> None:
        if self._config.profile.seeds_in_stream and event.epoch != seat.epoch:
            seat.epoch, seat.seeds = event.epoch, seat.seeds + 1
            self._totals.resyncs += seat.seeds > 1
        if seat.need is not None:
            seat.need.finish()
            seat.need = None

    def _want(self, symbol: str, seat: Seat, event: SnapshotNeeded) -> None:
        if seat.need is None or seat.need.is_over:
            reason = event.reason if event.reason != "start" else seat.why
            seat.need = Need("resync", symbol, reason, asyncio.get_running_loop(), symbol=symbol)
            seat.need.detail = (
                seat.why if event.reason in {"start", "gap", "crossed", "refuted"} else event.reason
            )
            seat.need.min_last_id = event.min_last_id
            self._desk.open(seat.need)
        seat.need.min_last_id = event.min_last_id
