"""
Silent faults: books made wrong behind the sequence check, on real frames, through the code that is live.

A trial seeds a fresh book with the true one, gives it one doctored diff whose ids are in order, and then
the recording as it is. What finds the fault, and when by the receive times, is what is measured.
"""

from __future__ import annotations

import bisect
import gzip
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random

from leadline.book.engine.factory import make_book
from leadline.book.engine.live import LiveBook
from leadline.book.errors import BatchFull
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.sync.events import Event, State
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from leadline.tasks.feed.routing.partial_depth import Depth20
from tests.recordings import COINM_BTC, SPOT_BTC, SPOT_ETH, USDM_BTC

WITHIN_S = 60.0
WARM_LINES = 40
DATA = b'"data":'


class SilentFault(StrEnum):
    """What becomes of one diff, its ids as sent."""

    LOST_EVENT = "lost event"  # none of its levels is applied
    LOST_LEVEL = "lost level"  # one level it sets is gone instead
    WRONG_SIDE = "wrong side"  # one level it sets goes to the other side
    STALE_QTY = "stale quantity"  # one level it changes stays as it was


@dataclass(frozen=True)
class Source:
    name: str
    market: Market
    equal_ids: int  # ids of both a diff's end and a book ticker: counted without us


SOURCES = {
    "spot BTC": Source(SPOT_BTC, Market("binance-spot", "BTCUSDT", Scale(2, 8), SPOT), 564),
    "spot ETH": Source(SPOT_ETH, Market("binance-spot", "ETHUSDT", Scale(2, 8), SPOT), 577),
    "USD-M BTC": Source(USDM_BTC, Market("binance-usdm", "BTCUSDT", Scale(2, 3), FUTURES), 629),
    "COIN-M BTC": Source(COINM_BTC, Market("binance-coinm", "BTCUSD_PERP", Scale(1, 0), FUTURES), 1124),
}


@dataclass(frozen=True, slots=True)
class Line:
    ts_ns: int
    frame: bytes
    start: int  # of the payload
    kind: str  # depth, ticker, seed


Listings = Mapping[int, bytes]  # line -> partial depth that came after it
Sides = tuple[dict[int, int], dict[int, int]]  # bids and asks: ticks -> lots


@dataclass(frozen=True, slots=True)
class Found:
    """
    How a trial ended: by "mismatch", "crossed" or "gap", after so many seconds; or not at all.

    ``at`` is the line of the spoilt diff, ``wrong`` the levels that it left wrong.
    """

    how: str | None
    seconds: float
    at: int
    wrong: Sides
    with_depth20: bool = False  # found by partial depth, though not by book tickers


def read(path: Path) -> list[Line]:
    """Read a recording's depth, tickers and seed."""
    lines = []
    with gzip.open(path, "rb") as file:
        for raw in file:
            stamp, _, frame = raw.rstrip().partition(b" ")
            start = frame.find(DATA) + len(DATA)
            if start < len(DATA):
                lines.append(Line(int(stamp), frame, 0, "seed"))
            elif b"@bookTicker" in frame[:60]:
                lines.append(Line(int(stamp), frame, start, "ticker"))
            elif b"@depth" in frame[:60]:
                lines.append(Line(int(stamp), frame, start, "depth"))
    return lines


class Player:
    """A book fed line by line; ``wrong_at`` says when and how it was first found wrong."""

    def __init__(self, source: Source, engine: str = "auto") -> None:
        self.book: LiveBook = make_book(0, source.market, specs.SPOT, engine=engine)
        rooms = {"diff_rows": 1024, "level_rows": 131_072, "trade_rows": 1, "ticker_rows": 4096}
        self.batch = Batch([source.market], **rooms)
        self.depth20 = Depth20(self.book)
        self.tally = [0, 0, 0, 0]
        self.found: tuple[str, int] | None = None
        self.mismatches: list = []
        self.suspects = 0

    def hear(self, line: Line) -> None:
        book, batch = self.book, self.batch
        try:
            if line.kind == "depth":
                events = book.receive_depth(line.frame, line.start, line.ts_ns, batch)
            elif line.kind == "ticker":
                events = book.receive_ticker(line.frame, line.start, line.ts_ns, batch)
            else:
                events = book.receive_snapshot(line.frame, line.ts_ns, batch)
        except BatchFull:
            self.sweep()
            self.hear(line)
            return
        self._note(events, line.ts_ns)

    def list(self, partial: bytes, ts_ns: int) -> None:
        """Hear partial depth."""
        self._note(self.depth20.receive(partial, 0, ts_ns, self.batch, 0), ts_ns)

    def _note(self, events: Sequence[Event], ts_ns: int) -> None:
        self.suspects += sum(event.reason == "mismatch" for event in events)
        if self.found is None:
            for event in events:
                if event.reason in {"mismatch", "refuted", "crossed", "gap"}:
                    self.found = ("mismatch" if event.reason == "refuted" else event.reason, ts_ns)
                    break

    def sweep(self) -> None:
        """Count what the batch holds and empty it."""
        self.depth20.note_batch(self.batch)
        for row in self.batch.attestations:
            self.tally = [a + b for a, b in zip(self.tally, list(vars_of(row.tally)), strict=True)]
        self.mismatches += self.batch.mismatches
        self.batch.clear()


def vars_of(tally) -> tuple[int, int, int, int]:
    return tally.equal_id, tally.bracketed, tally.misses, tally.unchecked


def play_clean(source: Source, lines: Sequence[Line], engine: str = "auto") -> Player:
    """Play a recording as it is."""
    player = Player(source, engine)
    for line in lines:
        player.hear(line)
    player.book.leave("end", lines[-1].ts_ns, player.batch)
    player.sweep()
    return player


def body(book: LiveBook) -> bytes:
    """Write a live book as the venue's REST answer."""
    scale = book.market.scale

    def side(levels) -> list[list[str]]:
        return [
            [f"{p / 10**scale.price_decimals:.{scale.price_decimals}f}", exact(q, scale.qty_decimals)]
            for p, q in levels
        ]

    bids, asks = book.levels()
    return json.dumps(
        {"lastUpdateId": book.last_id, "bids": side(bids), "asks": side(asks)}, separators=(",", ":")
    ).encode()


def listing(book: LiveBook) -> bytes:
    """Write the best 20 levels of a live book as spot's partial depth."""
    scale, (bids, asks) = book.market.scale, book.top(20)
    sides = ([[f"{scale.price(p):f}", f"{scale.quantity(q):f}"] for p, q in side] for side in (bids, asks))
    names = ("lastUpdateId", "bids", "asks")
    return json.dumps(dict(zip(names, (book.last_id, *sides), strict=True)), separators=(",", ":")).encode()


def exact(lots: int, decimals: int) -> str:
    whole, fraction = divmod(lots, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


def payload_of(line: Line) -> dict:
    """Return what a stream's frame carries."""
    return json.loads(line.frame[line.start : -1])


def sides_of(source: Source, payload: dict) -> Sides:
    """Return what a diff sets, in ticks and lots."""
    scale = source.market.scale
    bids, asks = ({scale.ticks(p): scale.lots(q) for p, q in payload[key]} for key in "ba")
    return bids, asks


def differing(before: Sides, true: Sides, bad: Sides) -> Sides:
    """Return where a book that had the ``bad`` diff is unlike one that had the true one, and its lots."""
    found: Sides = ({}, {})
    for side in (0, 1):
        for price in true[side].keys() | bad[side].keys():
            held = before[side].get(price, 0)
            ours = bad[side].get(price, held)
            if ours != true[side].get(price, held):
                found[side][price] = ours
    return found


def doctor(line: Line, fault: SilentFault, random: Random) -> Line | None:
    """Return the diff as the fault leaves it; None where it has no level for it."""
    payload = payload_of(line)
    if fault is SilentFault.LOST_EVENT:
        payload["b"] = payload["a"] = []
    else:
        asked = [(side, n) for side in "ba" for n in range(len(payload[side]))]
        if fault is not SilentFault.STALE_QTY:
            asked = [(side, n) for side, n in asked if float(payload[side][n][1]) > 0]
        if not asked:
            return None
        side, n = random.choice(asked)
        level = payload[side].pop(n)
        if fault is SilentFault.LOST_LEVEL:
            payload[side].append([level[0], "0"])
        elif fault is SilentFault.WRONG_SIDE:
            payload["a" if side == "b" else "b"].append(level)
    text = json.dumps(payload, separators=(",", ":")).encode()
    return Line(line.ts_ns, line.frame[: line.start] + text + b"}", line.start, "depth")


def trials(
    source: Source,
    lines: Sequence[Line],
    fault: SilentFault,
    count: int,
    *,
    seed: int,
    listings: Listings | None = None,
) -> list[Found]:
    """
    Inject ``count`` faults at random diffs, each into a book of its own.

    What book tickers do not find is tried again with partial depth, if there are ``listings``.
    """
    random = Random(f"{seed} {fault}")
    depth = [n for n, line in enumerate(lines) if line.kind == "depth"]
    last = bisect.bisect_left([lines[n].ts_ns for n in depth], lines[-1].ts_ns - int(WITHIN_S * 1e9))
    first = next(k for k, n in enumerate(depth) if n > [line.kind for line in lines].index("seed")) + 20
    chosen = sorted(random.choices(range(first, last), k=count))
    truth, at, k, results = Player(source), 0, 0, []
    for pick in chosen:
        k, bad = max(pick, k), None
        while bad is None:  # a diff may have no level that the fault could hit
            while at < depth[k]:
                truth.hear(lines[at])
                at += 1
            assert truth.book.state is State.LIVE
            assert truth.found is None
            bad = doctor(lines[depth[k]], fault, random)
            k += bad is None
        places = (depth[k - 1], depth[k])
        result = trial(source, truth.book, lines, *places, bad)
        if listings is not None and result.how is None and any(result.wrong):
            again = trial(source, truth.book, lines, *places, bad, listings)
            result = replace(result, with_depth20=again.how is not None)
        results.append(result)
    return results


def trial(
    source: Source,
    truth: LiveBook,
    lines: Sequence[Line],
    before: int,
    at: int,
    bad: Line,
    listings: Listings | None = None,
) -> Found:
    """Give a copy of the true book a doctored diff, and then what followed, ``listings`` by their line."""
    player = Player(source)
    bids, asks = truth.levels()
    true, spoilt = (sides_of(source, payload_of(line)) for line in (lines[at], bad))
    wrong = differing((dict(bids), dict(asks)), true, spoilt)
    player.hear(lines[before])
    player.hear(Line(lines[before].ts_ns, body(truth), 0, "seed"))
    assert player.book.state is State.LIVE, player.book.why
    for line in lines[max(0, before - WARM_LINES) : at]:
        if line.kind == "ticker":  # as a book that has run for a while has heard them
            player.hear(line)
    if listings is not None:
        player.list(listing(truth), lines[before].ts_ns)
    until_ns = bad.ts_ns + int(WITHIN_S * 1e9)
    for n in range(at, len(lines)):
        line = bad if n == at else lines[n]
        if player.found is not None or line.ts_ns > until_ns:
            break
        if line.kind != "seed":
            player.hear(line)
        if listings is not None and n in listings:
            player.list(listings[n], line.ts_ns)
    if player.found is None:
        return Found(None, 0.0, at, wrong)
    how, ts_ns = player.found
    return Found(how, (ts_ns - bad.ts_ns) / 1e9, at, wrong)


@dataclass(frozen=True, slots=True)
class Share:
    """What came of the trials of one fault on one recording; seconds are of those found."""

    trials: int
    found: int
    by_crossing: int
    median_s: float | None
    p90_s: float | None

    @classmethod
    def of(cls, results: Sequence[Found]) -> Share:
        times = sorted(one.seconds for one in results if one.how)
        return cls(
            len(results),
            len(times),
            sum(one.how == "crossed" for one in results),
            statistics.median(times) if times else None,
            times[int(0.9 * len(times))] if times else None,
        )
