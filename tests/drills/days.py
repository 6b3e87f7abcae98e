"""
Days of a stream, compressed: each ends with the venue's cut, and something goes wrong in the middle.

    planned     the connection's rotation before the cut; a shutdown that the venue announces
    unplanned   a cut, diffs lost, a depth stream that is mute for a while

No update id may be lost at what is planned, each hole must be in ``coverage`` with its exact ids, and no
book may have been LIVE and different from the venue's own at any id: every LIVE book is compared at each
id where it stood, in memory and as stored (`tests.drills.every_id`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any

from leadline.book.rows.batch import Market
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Fault, FaultKind, Options, ThreadedVenue, run_in_thread
from leadline.tasks.loopback.base.faults import DEEPEST
from tests.drills.every_id import Compared, seeds_cut, stored, watching
from tests.drills.scorecard import Card
from tests.tasks.feeding import all_live, config_for, until

LONG_S = 90.0
SPEED = 2.0
DAY_S = 6.0
LEVELS = 400  # a side at first: with what comes later, still fewer than a seed holds
HISTORY_S = 3_600.0  # of market time: more than all days together
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
    in_memory: Compared = field(default_factory=Compared)  # LIVE books, at every id
    stored: Compared = field(default_factory=Compared)  # what coverage vouches for, at every id
    changed: list[str] = field(default_factory=list)  # books that were two things at one id
    seeds_cut: int = 0  # … of which not every level was known
    missing: list[str] = field(default_factory=list)  # holes that coverage does not have with their ids
    unexplained: list[str] = field(default_factory=list)  # ends of coverage that nothing explains
    breaks_in_epochs: int = 0


def live(folder: Path, days: int, *, day_s: float = DAY_S, seed: int = 1) -> Found:
    """Stream for so many days and hold what is stored against what the venue says it did."""
    found = Found(days)
    with _streaming(folder, day_s=day_s, seed=seed, found=found) as (feed, venue):
        for day, wrong in zip(range(days), cycle(WRONGS), strict=False):
            _live_a_day(feed, venue, wrong, venue.symbols[day % 2], found)
    return found


def spoil_one_level(folder: Path) -> Found:
    """
    Let the venue spoil one level, far from the top, of one diff whose ids are in order.

    Nothing can show it soon: the book goes on LIVE and wrong. This is to see that the comparison does.
    """
    found = Found(1)
    with _streaming(folder, day_s=LONG_S, seed=1, found=found) as (feed, venue):
        symbol = venue.symbols[0]
        venue.inject(Fault(FaultKind.LOST_LEVEL, symbol, text=DEEPEST))
        until(lambda: venue.ledger()["faults"][0]["done"], "one level is spoilt", within_s=LONG_S)
        spoilt = venue.ledger()["faults"][0]["hits"][0]["last_id"]
        until(lambda: feed.status().symbol(symbol).last_id > spoilt, "and in the book", within_s=LONG_S)
    return found


@contextmanager
def _streaming(
    folder: Path, *, day_s: float, seed: int, found: Found
) -> Iterator[tuple[Feed, ThreadedVenue]]:
    """A feed into a store, all books LIVE; afterwards everything is judged."""
    db, markets = folder / "days.duckdb", list[Market]()
    market = {"count": 2, "levels": LEVELS, "speed": SPEED, "seed": seed, "day_s": day_s}
    limits = {"attempts": 100_000, "weight_limit": 1_000_000, "history_s": HISTORY_S}
    with run_in_thread(Options(**market, **limits)) as venue, Owner(db) as owner, watching() as watch:
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
            yield feed, venue
        finally:
            feed.stop(LONG_S)
            writer.close()
        ledger, truths = venue.ledger(), {symbol: venue.digests(symbol) for symbol in venue.symbols}
    _judge(db, venue.symbols, ledger, found)
    scales = {market.symbol: market.scale for market in markets}
    with connect(db) as con:
        found.seeds_cut = seeds_cut(con)
        for symbol, digests in truths.items():
            found.in_memory.add(symbol, watch.seen.get(symbol, {}), digests)
            found.stored.add(symbol, stored(con, symbol, scales[symbol]), digests)
    found.changed = watch.changed


def _live_a_day(feed: Feed, venue: ThreadedVenue, wrong: str, symbol: str, found: Found) -> None:
    takeovers, sessions = feed.status().takeovers, feed.status().sessions
    all_live(feed, within_s=LONG_S)
    if wrong == "shutdown":
        venue.inject(Fault(FaultKind.SHUTDOWN, seconds=LONG_S))
        until(lambda: feed.status().takeovers > takeovers, "left in time", within_s=LONG_S)
    elif wrong == "cut":
        found.sessions_lost += 1
        venue.inject(Fault(FaultKind.CUT))
        until(lambda: feed.status().sessions > sessions, "back", within_s=LONG_S)
    else:
        found.unplanned += 1
        venue.inject(Fault(FaultKind(wrong), symbol, seconds=MUTE_S if wrong == "mute" else 0.0))
        until(lambda: _is_behind(feed, venue, symbol), "the hole is behind the book", within_s=LONG_S)
    all_live(feed, within_s=LONG_S)
    takeovers = feed.status().takeovers
    until(lambda: feed.status().takeovers > takeovers, "the day's rotation", within_s=LONG_S)
    found.rotations = feed.status().takeovers


def _is_behind(feed: Feed, venue: ThreadedVenue, symbol: str) -> bool:
    """Tell whether the newest fault is over and the book stands after what it kept back."""
    fault = venue.ledger()["faults"][-1]
    last_id = feed.status().symbol(symbol).last_id
    return bool(fault["done"] and fault["hits"]) and last_id > fault["hits"][-1]["last_id"]


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
                elif ended_by == "session_lost":  # on a busy machine a cut may meet another fault
                    for first in [n for n, end in holes.items() if last_id < n and end < after[0]]:
                        del holes[first]
                else:
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
    wrong = found.in_memory.wrong + found.stored.wrong + found.changed
    for words in found.unexplained + found.missing + wrong:
        card.note("found wrong", words)
    card.same("ends of coverage that no unplanned fault explains", len(found.unexplained), 0)
    card.same("update ids lost within an epoch, across its takeovers", found.breaks_in_epochs, 0)
    card.same("holes not in coverage with their exact ids", len(found.missing), 0)
    for what, compared in (("LIVE in memory", found.in_memory), ("vouched for by coverage", found.stored)):
        card.least(f"ids {what}, compared with the venue's truth, every one", compared.ids, 50 * days)
        card.same("… of them wrong", sum(compared.counts.values()), 0)
        card.same("… outside the truth that the venue keeps", compared.unknown, 0)
    card.same("books that changed at one id", len(found.changed), 0)
    card.same("seeds that did not hold the whole book", found.seeds_cut, 0)
    card.note("one day, s", (time.monotonic() - began) / max(1, days))
    spoilt = spoil_one_level(_folder(folder, "spoilt"))
    for what, compared in (("LIVE in memory", spoilt.in_memory), ("vouched for", spoilt.stored)):
        n = sum(compared.counts.values())
        card.least(f"ids {what} found wrong when the venue spoils one level silently", n, 1)


def _folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made
