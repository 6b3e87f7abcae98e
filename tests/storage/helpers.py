"""Markets, batches of plain diffs, a plain ladder, and processes that own a database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from leadline.book.messages import DepthDiff, DepthSnapshot, Level
from leadline.book.rows.batch import Batch, CoverageOpened, Market, SeedRow
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import FUTURES, SPOT

BTC = Market("loopback-spot", "BTCUSDT", Scale(2, 5), SPOT)
ODD = Market("loopback-spot", "币安人生USDT", Scale(4, 0), SPOT)
COIN = Market("loopback-coinm", "BTCUSD_PERP", Scale(1, 0), FUTURES)
MARKETS = [BTC, ODD, COIN]

START_NS = 1_780_000_000_000_000_000  # 2026-05-28 20:26:40 UTC
STEP_NS = 100_000_000


def diff(
    first: int,
    last: int,
    bids: Sequence[Level] = (),
    asks: Sequence[Level] = (),
    *,
    prev: int | None = None,
) -> DepthDiff:
    """A diff received 100 ms after the one with an id less."""
    at = START_NS + last * STEP_NS
    return DepthDiff("", first, last, prev, at - 3_000_000, at, tuple(bids), tuple(asks))


def seed(last: int, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> DepthSnapshot:
    return DepthSnapshot("", last, START_NS + last * STEP_NS, tuple(bids), tuple(asks))


@dataclass
class Plain:
    """The book, kept the plainest way."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)

    def apply(self, message: DepthDiff | DepthSnapshot) -> None:
        for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
            for price, qty in levels:
                side.pop(price, None)
                if qty:
                    side[price] = qty

    def sides(self, market: Market) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Both sides best first, in the decimals of the wire."""
        scale = market.scale
        bids = [(scale.price(p), scale.quantity(q)) for p, q in sorted(self.bids.items(), reverse=True)]
        asks = [(scale.price(p), scale.quantity(q)) for p, q in sorted(self.asks.items())]
        return tuple(bids), tuple(asks)


def fill(
    batch: Batch,
    book: int,
    diffs: Iterable[DepthDiff],
    *,
    epoch: int = 1,
    seeded: DepthSnapshot | None = None,
) -> Batch:
    """Put diffs of one book in a batch; with ``seeded`` also the seed, and coverage from there on."""
    if seeded is not None:
        batch.seeds.append(SeedRow(book, epoch, seeded))
        batch.coverage.append(CoverageOpened(book, epoch, seeded.ts_recv_ns, seeded.last_id))
    for one in diffs:
        batch.add_diff(book, epoch, one)
    return batch


def wait_until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Look again and again until something observable holds; fail after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        pause.wait(0.005)


@dataclass(frozen=True)
class Stage:
    """A database and how it is reached."""

    db: Path
    remote: bool


def in_zone(zone: str) -> dict[str, str]:
    """An environment like ours, on a machine whose time zone is ``zone``."""
    return {**os.environ, "TZ": zone}


class Served:
    """Another process that owns a database and serves it, until it is stopped or killed."""

    def __init__(self, db: Path, *, serve: bool = True, zone: str | None = None) -> None:
        self.db = db
        self._serve = serve
        self._env = in_zone(zone) if zone else None
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.own", str(self.db), "serve" if self._serve else "keep"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._env,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Let it end in order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0

    def restart(self) -> None:
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
