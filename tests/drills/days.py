"""
Days of a stream, compressed: each ends with the venue's cut, and something goes wrong in the middle.

    planned     the connection's rotation before the cut; a shutdown that the venue announces
    unplanned   a cut, diffs lost, a depth stream that is mute for a while

No update id may be lost at what is planned, each hole must be in ``coverage`` with its exact ids, and no
book may ever have been LIVE and different from the venue's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any

from book.batch import Market
from book.errors import NotLive
from storage.connect import connect
from storage.owner import Owner
from storage.writer import Writer
from tasks.feed import Feed
from tasks.loopback import Fault, FaultKind, ThreadedVenue, run_in_thread
from tests.drills.scorecard import Card
from tests.tasks.feeding import all_live, config_for, standing, until

LONG_S = 90.0
SPEED = 2.0
DAY_S = 6.0
WRONGS = ("shutdown", "drop", "mute", "cut")
MUTE_S = 3.0  # longer than is borne: STALE comes first, then the hole shows in the ids

_BREAKS = """
SELECT count(*) FROM (
    SELECT first_id, lag(last_id) OVER (PARTITION BY symbol, epoch ORDER BY last_id) AS before
    FROM depth_diffs
) WHERE first_id > before + 1
"""
_INTERVALS = "SELECT first_id, last_id, ended_by FROM coverage WHERE symbol = $symbol ORDER BY last_id"


@dataclass(slots=True)
class Found:
    """What the days brought."""

    days: int = 0
    rotations: int = 0
    unplanned: int = 0
    sessions_lost: int = 0
    late: int = 0  # sessions that the venue cut at the day's end, the machine being too busy to rotate
    compared: int = 0
    wrong: list[str] = field(default_factory=list)  # books LIVE and unlike the venue's
    missing: list[str] = field(default_factory=list)  # holes that coverage does not have with their ids
    unexplained: list[str] = field(default_factory=list)  # ends of coverage that nothing explains
    breaks_in_epochs: int = 0


def live(folder: Path, days: int, *, day_s: float = DAY_S, seed: int = 1) -> Found:
    """Stream for so many days and hold what is stored against what the venue says it did."""
    found, db, markets = Found(days), folder / "days.duckdb", list[Market]()
    market = {"count": 2, "speed": SPEED, "seed": seed, "day_s": day_s, "history_s": 600.0}
    with run_in_thread(**market, attempts=100_000, weight_limit=1_000_000) as venue, Owner(db) as owner:
        writer = Writer(owner, markets)
        writer.start()
        config = config_for(
            venue,
            profile={"session_life_s": day_s},
            quiet_s=0.5,
            rotate_share=0.7,
            rotate_jitter=0.1,
            check_every_s=0.1,
        )
        feed = Feed(config, writer, rng=Random(seed))
        feed.start()
        try:
            all_live(feed, within_s=LONG_S)
            for day, wrong in zip(range(days), cycle(WRONGS), strict=False):
                _live_a_day(feed, venue, wrong, venue.symbols[day % 2], found)
        finally:
            feed.stop(LONG_S)
            writer.close()
        ledger = venue.ledger()
    _judge(db, venue.symbols, ledger, found)
    return found


def _live_a_day(feed: Feed, venue: ThreadedVenue, wrong: str, symbol: str, found: Found) -> None:
    takeovers, sessions = feed.status().takeovers, feed.status().sessions
    until(
        lambda: _compare(feed, venue, found) and feed.status().live == 2, "the day begins", within_s=LONG_S
    )
    if wrong == "shutdown":
        venue.inject(Fault(FaultKind.SHUTDOWN, seconds=LONG_S))
        until(lambda: feed.status().takeovers > takeovers, "left in time", within_s=LONG_S)
    elif wrong == "cut":
        found.sessions_lost += 1
        venue.inject(Fault(FaultKind.CUT))
        until(lambda: feed.status().sessions > sessions, "back", within_s=LONG_S)
    else:
        found.unplanned += 1
        gaps = feed.status().symbol(symbol).gaps
        venue.inject(Fault(FaultKind(wrong), symbol, seconds=MUTE_S if wrong == "mute" else 0.0))
        until(
            lambda: _compare(feed, venue, found) and feed.status().symbol(symbol).gaps > gaps,
            "the hole is found",
            within_s=LONG_S,
        )
    all_live(feed, within_s=LONG_S)
    takeovers = feed.status().takeovers
    until(
        lambda: _compare(feed, venue, found) and feed.status().takeovers > takeovers,
        "the day's rotation",
        within_s=LONG_S,
    )
    found.rotations = feed.status().takeovers


def _compare(feed: Feed, venue: ThreadedVenue, found: Found) -> bool:
    """Hold every LIVE book against the venue's own at the same id."""
    for symbol in venue.symbols:
        try:
            last_id, (low, high), bids, asks = standing(feed, symbol)
        except (NotLive, TypeError):
            continue  # not LIVE, or not there
        truth = venue.truth(symbol, last_id)
        found.compared += 1
        for held, true in ((bids, truth.bids), (asks, truth.asks)):
            inside = [level for level in held if low <= level[0] <= high]
            if inside != [level for level in true if low <= level[0] <= high] or not set(held) <= set(true):
                found.wrong.append(f"{symbol} at {last_id}")
    return True


def _judge(db: Path, symbols: tuple[str, ...], ledger: dict[str, Any], found: Found) -> None:
    """Compare coverage with what the venue did."""
    found.late = sum(note["what"] == "day_cut" for note in ledger["notes"])
    with connect(db) as con:
        (found.breaks_in_epochs,) = con.execute(_BREAKS).fetchone() or (-1,)
        for symbol in symbols:
            intervals = con.execute(_INTERVALS, {"symbol": symbol}).fetchall()
            holes = dict(_holes(ledger, symbol))
            for before, after in pairwise(intervals):
                _, last_id, ended_by = before
                if (lost := holes.pop(int(last_id) + 1, None)) is not None:
                    if int(after[0]) < lost:
                        found.missing.append(f"{symbol}: LIVE again at {after[0]}, lost up to {lost}")
                elif ended_by != "session_lost":
                    found.unexplained.append(f"{symbol}: {ended_by} after {last_id}")
            found.missing += [f"{symbol}: {first}..{last}" for first, last in holes.items()]
            lost_sessions = sum(ended_by == "session_lost" for _, _, ended_by in intervals)
            if not found.sessions_lost <= lost_sessions <= found.sessions_lost + found.late:
                found.unexplained.append(f"{symbol}: {lost_sessions} sessions lost")


def _holes(ledger: dict[str, Any], symbol: str) -> Iterator[tuple[int, int]]:
    """Yield first and last id of what each fault kept from the stream of a symbol."""
    for entry in ledger["faults"]:
        if entry["kind"] in {"drop", "mute"} and entry["symbol"] == symbol and entry["hits"]:
            yield entry["hits"][0]["first_id"], entry["hits"][-1]["last_id"]


def play(folder: Path, card: Card, *, days: int) -> None:
    """Live the days and score them."""
    began = time.monotonic()
    found = live(folder, days)
    card.note("days lived", found.days)
    card.least("planned takeovers (rotations and announced shutdowns)", found.rotations, days)
    card.note("unplanned: diffs lost or streams mute", found.unplanned)
    card.note("unplanned: sessions cut", found.sessions_lost)
    card.same("sessions the venue cut at the day's end, before their rotation", found.late, 0)
    for words in found.unexplained + found.missing + found.wrong:
        card.note("found wrong", words)
    card.same("ends of coverage that no unplanned fault explains", len(found.unexplained), 0)
    card.same("update ids lost within an epoch, across its takeovers", found.breaks_in_epochs, 0)
    card.same("holes not in coverage with their exact ids", len(found.missing), 0)
    card.note("LIVE books compared with the venue's, level by level", found.compared)
    card.same("… of them wrong", len(found.wrong), 0)
    card.note("one day, s", (time.monotonic() - began) / max(1, days))
