"""
Faults one after the other against a running stream, then a table of what the store says of each.

A `flows.streaming.host.StreamHost` with its file on disk streams from a loopback venue; only its waits are
shorter than usual. A fault's times come from the venue's ledger and from ``book_events``; whether a book
was right, from the venue's own book at the same id.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.address import beside
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreOwned
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.loopback import Options, ThreadedVenue, run_in_thread
from tests.drills.fault_lines import Line, judge, short, table
from tests.drills.faults import CLOCK_SKEW_S, SPOT, USDM, VICTIM, Named
from tests.drills.scorecard import Card
from tests.storage.ingest.full_disk import allow
from tests.tasks.feeding import until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "PEPEUSDT")
SPEED = 4.0
WITHIN_S = 60.0
DB = "faults.duckdb"
ONE_TRY_S = 0.7
BORNE_S = 0.8  # a fault that shows nowhere is watched so long after it is over
SOON: dict[str, Any] = {
    "patience": Patience(resubscribe_s=1.0, line_s=60.0),
    "status_every_s": 0.5,
    "clock_every_s": 1.0,
    "rest_timeout_s": 1.0,
    "backoff_first_s": 0.1,
    "backoff_cap_s": 0.5,
    "settled_s": 0.0,
    "quiet_s": 0.5,
}

_REASONS = """
SELECT symbol, reason FROM book_events WHERE epoch_ns(ts) >= $since ORDER BY ts
"""
_SEEDED = "SELECT coalesce(max(last_id), 0) FROM seeds WHERE symbol = $symbol"
_CLOCK = "SELECT offset_ms, error_ms FROM clock ORDER BY ts DESC LIMIT 1"


@dataclass(slots=True)
class Endured:
    """What faults came to."""

    lines: list[Line] = field(default_factory=list)
    compared: int = 0  # books held against the venue's
    astray: list[str] = field(default_factory=list)  # what is wrong and belongs to no fault


@contextmanager
def _stream(venue: ThreadedVenue, folder: Path) -> Iterator[StreamHost]:
    settings = Settings(
        db=folder / DB,
        home=folder / "home",
        venue=f"loopback-{venue.kind}",
        symbols=SYMBOLS,
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        weight_per_minute=1_000_000,
        stats_every_s=0.5,
    )
    with patch("leadline.flows.streaming.host.FeedConfig", partial(FeedConfig, **SOON)):
        host = StreamHost(settings, host_grace_s=0)
        host.open()
    try:
        yield host
    finally:
        host.close()


def endure(kind: str, names: tuple[Named, ...], folder: Path, *, seed: int = 1) -> Endured:
    """Order each fault of a market, wait until it is over, and judge all of them by the store."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Endured()
    market: dict[str, Any] = {"kind": kind, "symbols": SYMBOLS, "speed": SPEED, "history_s": 2000.0}
    market |= {"attempts": 100_000, "weight_limit": 1_000_000, "seed": seed}
    if any(each.told == "clock" for each in names):  # a clock that runs faster has no offset to find
        market |= {"clock_skew_s": CLOCK_SKEW_S, "speed": 1.0}
    with run_in_thread(Options(**market)) as venue:
        with _stream(venue, folder) as host:
            _settle(host)
            for number, named in enumerate(names):
                found.lines.append(_Trial(host, venue, named, SYMBOLS[number % len(SYMBOLS)]).run())
        found.compared, found.astray = judge(folder / DB, venue, found.lines, seed)
    return found


def play(folder: Path, card: Card) -> None:
    """Endure all faults of both markets; print the table and score it."""
    parts = [endure("spot", SPOT, folder / "spot"), endure("usdm", USDM, folder / "usdm")]
    lines = [line for part in parts for line in part.lines]
    print("\n".join(table(lines)), file=sys.stderr, flush=True)
    for line in lines:
        card.same(f"{line.market}: {line.fault.name}, {line.symbol}: {line.said()}", line.verdict, "ok")
    shown = [line for line in lines if line.fault.must_show]
    card.least("faults by name", len({line.fault.name for line in lines}), 25)
    card.note("faults ordered", len(lines))
    card.note("… of them that have to be detected", len(shown))
    card.same("… of these not detected", sum("not detected" in line.wrong for line in shown), 0)
    card.same("update ids lost while LIVE", sum(line.lost for line in lines), 0)
    card.note("update ids in holes that coverage shows", sum(line.named for line in lines))
    card.note("LIVE books compared with the venue's, level by level", sum(part.compared for part in parts))
    astray = [each for part in parts for each in part.astray]
    for words in astray:
        card.note("found wrong", words)
    card.same("books wrong or ids missing without a fault that says so", len(astray), 0)


def _settle(host: StreamHost) -> None:
    """Wait until every book is LIVE and has moved since: holes are told by diffs on both sides."""
    until(lambda: host.feed.status().live == len(SYMBOLS), "all books LIVE", within_s=WITHIN_S)
    stood = {book.symbol: book.last_id for book in host.feed.status().symbols}

    def moved() -> bool:
        status = host.feed.status()
        return status.live == len(stood) and all(
            book.last_id > stood[book.symbol] for book in status.symbols
        )

    until(moved, "all books LIVE and moving", within_s=WITHIN_S)


class _Trial:
    """One fault, from its order until every book is LIVE again."""

    def __init__(self, host: StreamHost, venue: ThreadedVenue, named: Named, symbol: str) -> None:
        self.host, self.venue, self.named, self.symbol = host, venue, named, symbol
        self.line = Line(venue.kind, named, "all" if named.every_symbol else symbol, time.time_ns())
        self._before = host.feed.status()
        self._numbers: list[int] = []

    def run(self) -> Line:
        """Order it, wait, and note what was seen while it ran."""
        named, line = self.named, self.line
        with connect(self.host.settings.db) as self.con:
            try:
                self._order()
                if named.told:
                    until(self._is_told, f"{named.name}: told", within_s=WITHIN_S)
                if named.silent:
                    self._spoil()
                elif named.reasons:
                    until(self._is_seen, f"{named.name}: seen", within_s=WITHIN_S)
                until(self._is_over, f"{named.name}: over", within_s=WITHIN_S)
                if not named.must_show:
                    time.sleep(BORNE_S)
                _settle(self.host)
            except AssertionError as exc:
                line.wrong.append(str(exc))
                with suppress(AssertionError):
                    _settle(self.host)
            self._account()
        line.until_ns = time.time_ns()
        return line

    def _order(self) -> None:
        if self.named.told == "owner":
            other = StreamHost(self.host.settings, host_grace_s=0)
            try:
                other.open()
            except StoreOwned as exc:
                self._tell(f"refused: {type(exc).__name__}")
            finally:
                other.close()
        elif self.named.told == "disk":
            self._fill_the_disk()
        for fault in self.named.orders:
            symbol = self.symbol if fault.symbol == VICTIM else fault.symbol
            self._numbers.append(self.venue.inject(replace(fault, symbol=symbol))["number"])

    def _fill_the_disk(self) -> None:
        """Let no file of this process grow until the writer says that it is full."""
        log = beside(self.host.settings.db, ".wal")
        allow((log.stat().st_size if log.exists() else 0) + 64 * 1024)
        try:
            until(lambda: self.host.status().writer.state == "full", "the disk is full", within_s=WITHIN_S)
            self._tell("writer full, rows wait")
        finally:
            allow(resource.RLIM_INFINITY)
        until(lambda: self.host.status().writer.state == "running", "room again", within_s=WITHIN_S)
        self.line.live_ms = (time.time_ns() - self.line.since_ns) / 1e6

    def _spoil(self) -> None:
        """Order one more diff at a time: a level set anew before it was the top shows nowhere."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            until(self._is_over, f"{self.named.name}: struck", within_s=WITHIN_S)
            with suppress(AssertionError):
                until(self._is_healed, "found and healed", within_s=ONE_TRY_S)
                return
            assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {self.named.name} found"
            if not self._is_seen():
                self._order()

    def _is_healed(self) -> bool:
        seeded = int(self.con.execute(_SEEDED, {"symbol": self.symbol}).fetchall()[0][0])
        hits = self._hits()
        if self._is_seen() and seeded >= hits[-1]["last_id"]:
            self.line.exposed = (hits[0]["first_id"], seeded - 1)
            return True
        return False

    def _entries(self) -> list[dict[str, Any]]:
        return [each for each in self.venue.ledger()["faults"] if each["number"] in self._numbers]

    def _hits(self) -> list[dict[str, Any]]:
        return [hit for entry in self._entries() for hit in entry["hits"]]

    def _is_over(self) -> bool:
        return all(entry["done"] for entry in self._entries() if entry["kind"] != "shutdown")

    def _is_seen(self) -> bool:
        rows = self.con.execute(_REASONS, {"since": self.line.since_ns}).fetchall()
        return any(
            short(reason) in self.named.reasons and (self.named.every_symbol or symbol == self.symbol)
            for symbol, reason in rows
        )

    def _is_told(self) -> bool:
        told, now = self.named.told, self.host.feed.status()
        if self.line.seen_as:
            return True
        if told in ("bad_frames", "takeovers") and getattr(now, told) > getattr(self._before, told):
            self._tell(f"{told} +{getattr(now, told) - getattr(self._before, told)}")
        elif told == "clock" and (rows := self.con.execute(_CLOCK).fetchall()):
            offset_ms, error_ms = rows[0]
            self._tell(f"offset {offset_ms:.1f} ± {error_ms:.1f} ms")
            before_ns, venue_ns, after_ns = time.time_ns(), self.venue.status()["now_ns"], time.time_ns()
            least_ms, most_ms = (venue_ns - after_ns) / 1e6, (venue_ns - before_ns) / 1e6
            if not least_ms - error_ms <= offset_ms <= most_ms + error_ms:
                self.line.wrong.append(f"the offset is {least_ms:.1f} to {most_ms:.1f} ms")
        elif told.startswith("error ") and told.removeprefix("error ") in now.last_error:
            self._tell(told)
        return bool(self.line.seen_as)

    def _tell(self, what: str) -> None:
        self.line.seen_as = what
        self.line.seen_ms = (time.time_ns() - self.line.since_ns) / 1e6

    def _account(self) -> None:
        hits = self._hits()
        self.line.hits = len(hits)
        firsts = [hit for hit in hits if hit.get("first_id", -1) > 0]
        self.line.ids = sum(hit["last_id"] - hit["first_id"] + 1 for hit in firsts)
        self.line.at_ns = min((hit["at_ns"] for hit in self._worst()), default=self.line.since_ns)
        self.host.sample()

    def _worst(self) -> list[dict[str, Any]]:
        """Return the hits of the last order: where a seed fails, the diff whose loss asked for it."""
        number = self._numbers[-1] if self._numbers and not self.named.silent else None
        entries = [each for each in self._entries() if number in (None, each["number"])]
        return [hit for entry in entries for hit in entry["hits"]]
