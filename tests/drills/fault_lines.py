"""What became of each fault, by the store: the lines of the scorecard and how they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from leadline.storage.access.owner import Owner
from leadline.storage.queries import invariants as audit
from leadline.tasks.loopback import ThreadedVenue
from tests.drills.faults import Named
from tests.drills.store_checks import Con, wrong_books

IDS_EACH = 2  # of every epoch, at which its book is held against the venue's

_EVENTS = """
SELECT symbol, epoch_ns(ts), reason FROM book_events
WHERE epoch_ns(ts) BETWEEN $since AND $until AND reason NOT IN ('start', 'pruned') ORDER BY ts
"""
_TRUSTED = """
SELECT count(DISTINCT d.last_id) FROM depth_diffs d JOIN coverage c USING (venue, symbol, epoch)
WHERE symbol = $symbol AND d.last_id BETWEEN c.first_id AND c.last_id
    AND d.last_id BETWEEN $first AND $last
"""
_WHEN = "SELECT min(recv_ns) FROM depth_diffs WHERE symbol = $symbol AND first_id = $first"
_SEEDS = "SELECT count(*) FROM seeds WHERE symbol = $symbol AND last_id > $after AND last_id <= $to"
HEAD = (
    *("market", "fault", "symbol", "detected as", "after ms", "LIVE again ms", "messages", "ids"),
    *("ids not stored", "lost while LIVE", "trusted till found", "verdict"),
)


@dataclass(slots=True)
class Line:
    """One fault; times in ms from the first message that was hit."""

    market: str
    fault: Named
    symbol: str
    since_ns: int
    at_ns: int = 0
    until_ns: int = 0
    seen_as: str = ""
    seen_ms: float | None = None
    live_ms: float | None = None
    hits: int = 0  # messages, connections or requests
    ids: int = 0  # update ids in the messages hit
    exposed: tuple[int, int] = (0, -1)  # ids of a book that is wrong behind the sequence check
    trusted: int = 0  # of these, diffs in coverage still: from the fault to the last agreement
    named: int = 0  # ids not stored as trusted, in holes that coverage shows
    lost: int = 0  # ids missing where coverage says LIVE
    wrong: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Say what is wrong, or ok."""
        return "; ".join(self.wrong) or "ok"

    def said(self) -> str:
        """Say how it was seen and how soon."""
        times = ((self.seen_ms, "after"), (self.live_ms, "LIVE again after"))
        words = [self.seen_as or "borne", *(f"{word} {ms:,.0f} ms" for ms, word in times if ms is not None)]
        return ", ".join(words)

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table."""
        times = ("" if each is None else f"{each:,.1f}" for each in (self.seen_ms, self.live_ms))
        counts = (self.hits, self.ids, self.named, self.lost, self.trusted)
        seen = self.seen_as or ("not" if self.fault.must_show else "borne")
        return (
            *(self.market, self.fault.name, self.symbol, seen, *times),
            *(f"{each:,}" for each in counts),
            self.verdict,
        )


def table(lines: Iterable[Line]) -> list[str]:
    """Lay the lines out."""
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("─" * width for width in widths))
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def judge(db: Path, venue: ThreadedVenue, lines: list[Line], seed: int) -> tuple[int, list[str]]:
    """Fill the lines in from a closed store; return how many books were compared, and what no line has."""
    with Owner(db) as owner:
        con = owner.cursor()
        for line in lines:
            _read_events(con, line)
            _count_trusted(con, line)
        astray = [*_count_missing(con, lines)]
        astray += [f"stored twice: {row}" for row in audit.copies(con).rows]
        ends = audit.wrong_ends(con).rows
        astray += [f"coverage that ends elsewhere: {row}" for row in ends]
        samples = audit.false_trust(con).rows
        astray += [f"wrong sample: {row}" for row in samples if not _was_taken_back(con, lines, row)]

        def truth(symbol: str, at_id: int) -> dict[str, Any]:
            return venue.truth(symbol, at_id).as_json()

        compared = 0
        for symbol, at_id, complaint in wrong_books(con, truth, Random(seed), IDS_EACH, every_epoch=True):
            compared += 1
            if complaint and not any(_is_exposed(line, symbol, at_id) for line in lines):
                astray.append(f"LIVE and wrong: {complaint}")
    return compared, astray


def _read_events(con: Con, line: Line) -> None:
    """Find when the fault was seen, when the book was LIVE again, and who else was disturbed."""
    fault = line.fault
    rows = con.execute(_EVENTS, {"since": line.since_ns, "until": line.until_ns}).fetchall()
    mine = [row for row in rows if fault.every_symbol or row[0] == line.symbol]
    for symbol, _, reason in rows:
        if not (fault.every_symbol or symbol == line.symbol):
            line.wrong.append(f"{symbol} disturbed: {reason}")
    if not fault.reasons:
        line.wrong += [f"not borne: {s} {reason}" for s, _, reason in mine if reason not in fault.may]
        line.seen_as = line.seen_as or ", ".join(dict.fromkeys(row[2] for row in mine))
    sought = (*fault.reasons, "mismatch") if fault.silent else fault.reasons
    seen = [(ns, short(reason)) for _, ns, reason in mine if short(reason) in sought]
    if seen:
        line.seen_ms = (seen[0][0] - line.at_ns) / 1e6
        words = dict.fromkeys(reason for _, reason in seen)
        line.seen_as = ", ".join([*words, *([line.seen_as] if line.seen_as else [])])
        ready = [ns for _, ns, reason in mine if reason == "ready" and ns >= seen[0][0]]
        if ready:
            line.live_ms = (ready[-1] - line.at_ns) / 1e6
        else:
            line.wrong.append("not LIVE again")
    if fault.must_show and (not line.seen_as or (fault.reasons and not seen)):
        line.wrong.append("not detected")


def _count_trusted(con: Con, line: Line) -> None:
    first, last = line.exposed
    if last >= first:
        asked = {"symbol": line.symbol, "first": first, "last": last}
        line.trusted = int(con.execute(_TRUSTED, asked).fetchall()[0][0])


def _count_missing(con: Con, lines: list[Line]) -> Iterator[str]:
    """Give every hole in the ids to the fault it belongs to; yield those that belong to none."""
    for _, symbol, _, _, before, first, _ in audit.lost_ids(con).rows:
        if (line := _line_of(con, lines, symbol, first)) is None:
            yield f"{symbol}: nothing between {before} and {first}, and no fault"
        else:
            line.named += first - before - 1
    for _, symbol, _, before, first, _ in audit.untiled(con).rows:
        missing = 1 if before is None else max(1, first - before - 1)
        if (line := _line_of(con, lines, symbol, first)) is None:
            yield f"{symbol}: lost within LIVE before {first}"
        else:
            line.lost += missing
            line.wrong.append(f"lost within LIVE before {first}")


def _line_of(con: Con, lines: list[Line], symbol: str, first: int) -> Line | None:
    """Return the last fault that may have cost ids before the diff that begins with ``first``."""
    (recv_ns,) = con.execute(_WHEN, {"symbol": symbol, "first": first}).fetchall()[0]
    before = (
        line
        for line in reversed(lines)
        if line.since_ns <= recv_ns and (line.fault.every_symbol or line.symbol == symbol)
    )
    return next((line for line in before if line.fault.reasons or line.fault.may), None)


def _was_taken_back(con: Con, lines: list[Line], sample: tuple[Any, ...]) -> bool:
    """Whether a silent fault, found later, took the trust back of the epoch that the sample shows."""
    _, symbol, _, last_id, what = sample
    for line in lines:
        first, last = line.exposed
        if what == "outside coverage" and line.symbol == symbol and last_id <= last:
            asked = {"symbol": symbol, "after": last_id, "to": first}
            return con.execute(_SEEDS, asked).fetchall() == [(0,)]
    return False


def _is_exposed(line: Line, symbol: str, at_id: int) -> bool:
    return line.symbol == symbol and line.exposed[0] <= at_id <= line.exposed[1]


def short(reason: str) -> str:
    """Return the word a reason begins with: ``halted`` of ``halted: HALT``."""
    return reason.partition(":")[0]
