"""Stores with hours of one market: seeds, diffs, gaps, trades, best prices; and what goes out of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from leadline.book.messages import BookTicker, DepthDiff, DepthSnapshot, Trade
from leadline.book.rows.batch import Batch, CoverageEnded, CoverageOpened, Market, SeedRow
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import SPOT
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.exports.certificate import Certificate
from leadline.storage.exports.export import Job, export
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries.rebuild import book_at

ODD = Market("loopback-spot", "币安人生USDT", Scale(8, 3), SPOT)
SYMBOL, VENUE = ODD.symbol, ODD.venue
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
START_NS = 1_780_005_600_000_000_000  # 2026-05-28 22:00:00 UTC
MIDNIGHT_NS = START_NS + 7_200_000_000_000
MINUTE_NS = 60_000_000_000


@dataclass
class Day:
    """What a market said, in order of receipt, message by message with the epoch of each."""

    market: Market = ODD
    messages: list[tuple[int, Any]] = field(default_factory=list)
    coverage: list[CoverageOpened | CoverageEnded] = field(default_factory=list)

    @property
    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        times = [message.ts_recv_ns for _, message in self.messages]
        first, last = (
            dt.datetime.fromtimestamp(ns // 1000 / 1e6, dt.UTC) for ns in (min(times), max(times))
        )
        return first, last + dt.timedelta(milliseconds=1)

    def store(self, db: Path, *, batches: int = 1, shuffle: Random | None = None) -> None:
        """Write it to a new database, in so many batches, or within one in any order."""
        messages = list(self.messages)
        if shuffle is not None:
            shuffle.shuffle(messages)
        cuts = [len(messages) * n // batches for n in range(batches + 1)]
        with Owner(db) as owner:
            writer = Writer(owner, [self.market])
            writer.start()
            for n, (a, b) in enumerate(itertools.pairwise(cuts)):
                batch = Batch([self.market])
                if n == 0:
                    batch.coverage.extend(self.coverage)
                for epoch, message in messages[a:b]:
                    _add(batch, epoch, message)
                writer.submit(batch)
            writer.close()


def _add(batch: Batch, epoch: int, message: Any) -> None:
    match message:
        case DepthDiff():
            batch.add_diff(0, epoch, message)
        case DepthSnapshot():
            batch.seeds.append(SeedRow(0, epoch, message))
        case Trade():
            batch.add_trades(0, message)
        case BookTicker():
            batch.add_ticker(0, message)


def make_day(
    seed: int,
    *,
    runs: int = 3,
    steps: int = 30,
    minutes: float = 3.0,
    behind_ns: int = 0,
    start_ns: int = START_NS,
) -> Day:
    """
    Several runs, each from a seed on and ended by a gap, over hours and a midnight.

    A step takes about ``minutes``; our clock is ``behind_ns`` behind the venue's. It is set back now and
    then where a step takes less than a few hundred milliseconds: receipts are then not in the order of ids.
    """
    rng, day = Random(seed), Day()
    now, at, trade = start_ns, 1000, 1
    for run in range(runs):
        bids = {p: rng.randint(1, 9_000_000) for p in rng.sample(range(1_000, 2_000), 12)}
        asks = {p: rng.randint(1, 9_000_000) for p in rng.sample(range(2_001, 3_000), 12)}
        snapshot = DepthSnapshot(
            "", at, now - behind_ns, tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))
        )
        epoch = snapshot.ts_recv_ns // 1000
        day.messages.append((epoch, snapshot))
        day.coverage.append(CoverageOpened(0, epoch, snapshot.ts_recv_ns, at))
        for _ in range(rng.randint(1, steps)):
            now += int(rng.uniform(0.2, 1.8) * minutes * MINUTE_NS)
            first, at = at + 1, at + rng.randint(1, 5)
            recv_ns = now - behind_ns + rng.randint(1_000_000, 90_000_000)
            levels = [
                tuple(
                    (rng.randint(*span), rng.choice((0, rng.randint(1, 10**9))))
                    for _ in range(rng.randint(0, 4))
                )
                for span in ((1_000, 2_000), (2_001, 3_000))
            ]
            day.messages.append(
                (epoch, DepthDiff("", first, at, None, now // 10**6 * 10**6, recv_ns, *levels))
            )
            if rng.random() < 0.5:
                traded = now - rng.randint(0, 300) * 10**6
                day.messages.append(
                    (
                        epoch,
                        Trade("", trade, rng.randint(1, 10**7), rng.randint(1, 10**6), rng.random() < 0.5,
                              now // 10**6 * 10**6, traded // 10**6 * 10**6, recv_ns + 5),
                    )
                )  # fmt: skip
                trade += 1
            if rng.random() < 0.5:
                day.messages.append(
                    (epoch, BookTicker("", at, 1_999, rng.randint(1, 10**6), 2_001, 7, None, recv_ns + 9))
                )
        day.coverage.append(CoverageEnded(0, epoch, recv_ns, at, "gap" if run < runs - 1 else "stopped"))
        at += 40
        now += 7 * MINUTE_NS
    return day


def plain_content(day: Day) -> str:
    """The content hash as its definition reads, from the messages."""
    scale, parts = day.market.scale, {}

    def texts(levels: Sequence[tuple[int, int]]) -> list[str]:
        return [
            ",".join(repr(float(scale.price(p))) for p, _ in levels),
            ",".join(repr(float(scale.quantity(q))) for _, q in levels),
        ]

    for _, m in day.messages:
        event = "" if getattr(m, "ts_event_ns", None) is None else str(m.ts_event_ns // 1000)
        match m:
            case DepthDiff():
                table, head = "depth_diffs", ["d", m.first_id, m.last_id, m.prev_id or "", event]
                fields = [*head, *texts(m.bids), *texts(m.asks)]
            case DepthSnapshot():
                table, fields = "seeds", ["s", m.last_id, event, *texts(m.bids), *texts(m.asks)]
            case Trade():
                price, qty = texts([(m.price_ticks, m.qty_lots)])
                table = "trades"
                fields = ["t", m.trade_id, event, m.ts_trade_ns // 1000, price, qty, int(m.buyer_is_maker)]
            case _:
                bid, ask = texts([(m.bid_ticks, m.bid_lots)]), texts([(m.ask_ticks, m.ask_lots)])
                table, fields = "book_tickers", ["b", m.update_id, event, *bid, *ask]
        hour = dt.datetime.fromtimestamp(m.ts_recv_ns // 10**9, dt.UTC).strftime("%Y-%m-%dT%H")
        digest = hashlib.sha256("|".join(map(str, fields)).encode()).hexdigest()
        parts.setdefault((hour, table), []).append(digest)
    lines = [
        f"{hour} {table} {len(digests)} {hashlib.sha256(''.join(sorted(digests)).encode()).hexdigest()}\n"
        for (hour, table), digests in parts.items()
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


Stored = Callable[..., tuple[Path, Day]]


def out(db: Path, folder: Path, style: str, **window: Any) -> list[Certificate]:
    with connect(db) as con:
        return export(con, Job(SYMBOL, style, folder, **window), now=NOW)


def books_at_ends(db: Path) -> dict[str, dict[float, float]]:
    """The last book of every interval, bids negative, by the time the interval ends."""
    with connect(db) as con:
        ends = con.execute("SELECT ts_to FROM coverage ORDER BY ts_from").fetchall()
        books = {}
        for (end,) in ends:
            book = book_at(con, SYMBOL, at=end)
            books[str(end)] = {float(p): -float(q) for p, q in book.bids}
            books[str(end)] |= {float(p): float(q) for p, q in book.asks}
    return books
