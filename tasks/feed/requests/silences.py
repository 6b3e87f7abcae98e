"""
Finds out whether a silent connection is a quiet market, before it is given up.

    silent for long ──> no answer to a ping ─────────────────────────────> given up
                   └──> answered ──> the venue's REST shows a change
                                     that the connection did not bring ──> given up, the next address
                                └──> it shows none, or cannot be asked ──> borne, and looked at again later

What is looked at: the best levels of a few of its symbols with their update ids, or the newest trade where
the connection carries trades only. One look is enough for a book that is held. Elsewhere it takes two in
one silence: what was new before the connection was last heard, it may have brought itself.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from leadline.book.engine.live import LiveBook
from leadline.book.errors import LeadlineError
from leadline.book.messages import Level
from leadline.book.sync.events import State
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.liveness import LineSilent, Liveness
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.rest import Rest

log = logging.getLogger("leadline.feed")

PONG_S = 5.0
LOOKED_AT = 3  # symbols of a connection, those heard last
LEVELS = 20  # a side: weight 5 on spot, 2 on futures
REACH_S, LOOK_S = 3.0, 0.05  # REST may be ahead of the stream for a moment

Top: TypeAlias = tuple[int, list[Level], list[Level]]  # an update id and the best levels


class SilentLine(Protocol):
    """What is asked of a line (`tasks.feed.connections.line`)."""

    name: str
    carries: StreamKind
    liveness: Liveness | None  # of its present session

    async def answers_ping(self, within_s: float) -> bool:
        """Whether the connection answers a ping."""
        ...

    def give_up(self, silent: LineSilent, why: str) -> None:
        """End the session over its silence."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at in one silence of a line, by symbol."""

    liveness: Liveness  # of the session
    heard_ns: int  # monotonic; the silence began then
    tops: dict[str, Top] = field(default_factory=dict)
    trades: dict[str, int] = field(default_factory=dict)  # the newest one's id


class Silences:
    """Looks into one silence a line at a time; runs on the feed's loop."""

    def __init__(self, router: Router, rest: Rest, config: FeedConfig) -> None:
        self._router = router
        self._rest = rest
        self._config = config
        self._looks: dict[str, asyncio.Task[None]] = {}  # by line
        self._seen: dict[str, _Seen] = {}  # … in its present silence

    def look_into(self, line: SilentLine, silent: LineSilent) -> None:
        """Begin to find out; returns at once."""
        running = self._looks.get(line.name)
        if running is None or running.done():
            look = self._find_out(line, silent)
            self._looks[line.name] = asyncio.get_running_loop().create_task(look)

    async def stop(self) -> None:
        """End all looks."""
        for look in self._looks.values():
            look.cancel()
        if self._looks:
            await asyncio.wait(list(self._looks.values()))

    async def _find_out(self, line: SilentLine, silent: LineSilent) -> None:
        liveness = line.liveness
        if liveness is None:
            return
        heard_ns = liveness.last_ns
        why = "" if await line.answers_ping(PONG_S) else "and no answer to a ping"
        if not why and liveness.last_ns == heard_ns:
            why = await self._moved(line, liveness, is_certain=silent.was_busy)
        if line.liveness is not liveness:
            return  # another session has begun
        if why and liveness.last_ns == heard_ns:
            line.give_up(silent, why)
        else:
            liveness.borne(self._config.clock.mono_ns())

    async def _moved(self, line: SilentLine, liveness: Liveness, *, is_certain: bool) -> str:
        """Say that the market moved without the line; ``is_certain``: also where nothing can be learned."""
        pulses = sorted(liveness.pulses, key=lambda pulse: -pulse.last_ns)
        symbols = list(dict.fromkeys(pulse.symbol for pulse in pulses))[:LOOKED_AT]
        seen = self._seen_of(line.name, liveness)
        moved = self._depth_moved if line.carries is StreamKind.DEPTH else self._trades_moved
        trouble = ""
        for symbol in symbols:
            book = self._router.books.get(symbol)
            try:
                if book is not None and await moved(book, symbol, seen):
                    return f"while {symbol} moved"
            except LeadlineError as exc:
                trouble = str(exc)
        if trouble:
            log.info("%s: silent, and nothing to be learned about it: %s", line.name, trouble)
        return "on a busy connection" if trouble and is_certain else ""

    def _seen_of(self, name: str, liveness: Liveness) -> _Seen:
        seen = self._seen.get(name)
        if seen is None or seen.liveness is not liveness or seen.heard_ns != liveness.last_ns:
            seen = self._seen[name] = _Seen(liveness, liveness.last_ns)
        return seen

    async def _depth_moved(self, book: LiveBook, symbol: str, seen: _Seen) -> bool:
        reply = await self._rest.depth(symbol, LEVELS)
        snapshot = book.read_snapshot(reply.body, reply.received_ns)
        now = snapshot.witness_id, list(snapshot.bids[:LEVELS]), list(snapshot.asks[:LEVELS])
        before, seen.tops[symbol] = seen.tops.get(symbol), now
        if book.state is State.LIVE:
            before = (book.witness_id, *book.top(LEVELS))
        if before is None or now[0] <= before[0] or now[1:] == before[1:]:
            return False
        for _ in range(int(REACH_S / LOOK_S)):
            if book.witness_id >= now[0]:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def _trades_moved(self, book: LiveBook, symbol: str, seen: _Seen) -> bool:  # noqa: ARG002 - as for depth
        newest = await self._rest.newest_trade(symbol)
        if newest is None:
            return False
        before, seen.trades[symbol] = seen.trades.get(symbol), newest
        if before is None or newest <= before:
            return False
        await asyncio.sleep(REACH_S)
        return True
