"""
Export of a market and a window, day by day: the files, verified, and the certificate beside them.

Each day is read in one transaction, so files, hashes and coverage speak of the same rows even while a
stream writes. Nothing takes its place before it was read back and found equal to the store.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.book.errors import BadInput
from leadline.storage.access.sql import utc_naive
from leadline.storage.errors import BadExport, NoStore
from leadline.storage.exports import hftbacktest, opening, tardis
from leadline.storage.exports.certificate import (
    CarriedRows,
    Certificate,
    FileEntry,
    certificate_name,
    entry,
    iso,
    read_certificate,
    told_caveat,
    told_content,
    told_coverage,
)
from leadline.storage.exports.content import Content, content
from leadline.storage.exports.covered import covered_s, cut, gaps, intervals
from leadline.storage.exports.rows import Carried, Reader
from leadline.storage.lifecycle import archive as parquet
from leadline.storage.schema.migrate import REVISIONS

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

FORMATS = ("parquet", "hftbacktest", "tardis")

_MARKETS = """
SELECT venue, min(a), max(z) FROM (
    SELECT venue, min(ts_recv) AS a, max(ts_recv) AS z FROM depth_diffs WHERE symbol = $symbol
    GROUP BY venue
    UNION ALL SELECT venue, min(ts_recv), max(ts_recv) FROM seeds WHERE symbol = $symbol GROUP BY venue
    UNION ALL SELECT venue, min(ts_recv), max(ts_recv) FROM trades WHERE symbol = $symbol GROUP BY venue
    UNION ALL SELECT venue, min(ts_recv), max(ts_recv) FROM book_tickers WHERE symbol = $symbol
    GROUP BY venue)
GROUP BY venue ORDER BY venue
"""

# How far our clock ran behind the venue's at worst, ns; negative where it never did.
_BEHIND = """
SELECT max(ahead) FROM (
    SELECT max(epoch_us(coalesce(ts_transaction, ts_event)) * 1000 - recv_ns) AS ahead FROM depth_diffs
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
    UNION ALL SELECT max(epoch_us(ts_trade) * 1000 - recv_ns) FROM trades
    WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until
      AND kind = 'market')
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What to export; times in UTC, end excluded, None for as far as there are rows."""

    symbol: str
    style: str
    folder: Path
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    venue: str | None = None
    made_by: str = ""


def export(
    con: Connection, job: Job, *, now: dt.datetime, tick: Callable[[str], None] | None = None
) -> list[Certificate]:
    """
    Export and return the certificates, one a day; ``tick`` is told now and then what is in work.

    Raises `NoStore` when the window holds no rows of the symbol, `BadInput` for an unknown format, an empty
    window or a symbol of several venues, `BadExport` when what was written is not what is stored.
    """
    if job.style not in FORMATS:
        raise BadInput(f"format {job.style!r}: expected one of {', '.join(FORMATS)}")
    venue, since, until = _bounds(con, job)
    job.folder.mkdir(parents=True, exist_ok=True)
    made = []
    for day in parquet.days(since, until):
        con.begin()
        try:
            made.append(_Day(con, job, venue, day, tick or _nothing).run(now))
        finally:
            con.rollback()
    return made


def _bounds(con: Connection, job: Job) -> tuple[str, dt.datetime, dt.datetime]:
    """Settle the venue, and cut the window to where there are rows."""
    found = {
        venue: (first, last)
        for venue, first, last in con.execute(_MARKETS, {"symbol": job.symbol}).fetchall()
        if job.venue in {None, venue}
    }
    if not found:
        where = f" of {job.venue}" if job.venue else ""
        raise NoStore(f"{job.symbol}{where}: not one row is stored; leadline sql shows what there is")
    if len(found) > 1:
        raise BadInput(f"{job.symbol} is stored for {', '.join(found)}: say which venue")
    ((venue, (first, last)),) = found.items()
    since = first if job.since is None else utc_naive(job.since)
    until = last + dt.timedelta(microseconds=1) if job.until is None else utc_naive(job.until)
    if since >= until:
        raise BadInput(f"the window from {since} to {until} UTC is empty")
    if until <= first or since > last:
        raise NoStore(
            f"{job.symbol}: rows are stored from {first} to {last} UTC, none from {since} to {until} UTC"
        )
    midnight = dt.time()
    first_day = dt.datetime.combine(first.date(), midnight)
    last_day = dt.datetime.combine(last.date(), midnight) + dt.timedelta(days=1)
    return venue, max(since, first_day), min(until, last_day)


@dataclass(frozen=True, slots=True)
class _Day:
    """One day of one market on its way out."""

    con: Connection
    job: Job
    venue: str
    day: parquet.Day
    tick: Callable[[str], None]

    def run(self, now: dt.datetime) -> Certificate:
        """Write everything and the certificate."""
        date, since, until = self.day
        market = (self.venue, self.job.symbol)
        found = content(self.con, *market, since, until)
        self._refuse_less(found)
        covered = intervals(self.con, *market, since, until)
        missing = gaps(self.con, *market, since, until, covered)
        total = covered_s(self.con, *market, since, until)
        covered = [cut(self.con, *market, interval, since, until) for interval in covered]
        write = {"parquet": self._parquet, "hftbacktest": self._hftbacktest, "tardis": self._tardis}
        files, carried, notes = write[self.job.style]()
        made = Certificate(
            format=self.job.style,
            venue=self.venue,
            symbol=self.job.symbol,
            ts_from=iso(since),
            ts_to=iso(until),
            made_at=iso(utc_naive(now)),
            made_by=self.job.made_by,
            schema_version=REVISIONS[-1],
            rows=found.rows,
            content=told_content(found),
            carried=carried,
            files=files,
            notes={**notes, **told_caveat(self.venue)},
            **told_coverage((since, until), total, covered, missing),
        )
        made.write(self.job.folder)
        self.tick(f"{self.job.symbol} {date}: done")
        return made

    def _refuse_less(self, found: Content) -> None:
        """Keep an earlier export of the day that holds more; the store may have let rows go since."""
        name = certificate_name(self.venue, self.job.symbol, str(self.day[0]), self.job.style)
        path = self.job.folder / name
        if not path.exists():
            return
        there, here = sum(read_certificate(path)["rows"].values()), sum(found.rows.values())
        if there > here:
            raise BadExport(
                f"{path} speaks of {there} rows, the store has {here} of this window: "
                "it was left as it is; give another folder"
            )

    def _parquet(self) -> tuple[list[FileEntry], dict[str, CarriedRows], dict[str, Any]]:
        files = []
        for table in parquet.TABLES:
            self.tick(f"{self.job.symbol} {self.day[0]}: {table}")
            files += parquet.write_day(
                self.con, self.venue, self.job.symbol, table, self.day, self.job.folder
            )
        files += opening.write(self.con, self.venue, self.job.symbol, self.day, self.job.folder)
        return [entry(file.path, self.job.folder, file.rows) for file in files], {}, {}

    def _reader(self) -> Reader:
        return Reader(self.con, self.venue, self.job.symbol, self.day[1], self.day[2])

    def _hftbacktest(self) -> tuple[list[FileEntry], dict[str, CarriedRows], dict[str, Any]]:
        market = {"venue": self.venue, "symbol": self.job.symbol}
        behind = self.con.execute(
            _BEHIND, {**market, "since": self.day[1], "until": self.day[2]}
        ).fetchone()
        shift_ns = max(0, int(behind[0])) if behind and behind[0] is not None else 0
        reader, hashes = self._reader(), {name: Carried(name) for name in ("depth", "trades")}
        path = self.job.folder / f"{self.venue}_{self.job.symbol}_{self.day[0]}.npz"
        with _draft(path) as draft, hftbacktest.EventWriter(draft, shift_ns=shift_ns) as writer:
            for hour in reader.hours():
                self.tick(f"{self.job.symbol} {self.day[0]}: {writer.events:,} events")
                hashes["depth"].update(hour.depth)
                hashes["trades"].update(hour.trades)
                writer.write(hour)
            writer.finish()
            back = {name: Carried(name) for name in hashes}
            for depth, trades in hftbacktest.read_rows(draft):
                back["depth"].update(depth)
                back["trades"].update(trades)
            _same(path, hashes, back)
        notes = {
            "local_ts_moved_ns": shift_ns,
            "times_raised": reader.raised,
            "not_carried": ["book_tickers"],
        }
        return [entry(path, self.job.folder, writer.events)], _told(hashes), notes

    def _tardis(self) -> tuple[list[FileEntry], dict[str, CarriedRows], dict[str, Any]]:
        reader, hashes = self._reader(), {name: Carried(name) for name in tardis.DATA_SETS}
        names = tardis.file_names(self.venue, self.job.symbol, str(self.day[0]))
        paths = {name: self.job.folder / file for name, file in names.items()}
        with _draft(*paths.values()) as drafts:
            by_name = dict(zip(paths, drafts, strict=True))
            with tardis.CsvWriter(by_name, self.venue, self.job.symbol) as writer:
                for hour in reader.hours():
                    self.tick(f"{self.job.symbol} {self.day[0]}: {hashes['depth'].rows:,} levels")
                    for name, rows in zip(hashes, (hour.depth, hour.trades, hour.tickers), strict=True):
                        hashes[name].update(rows)
                    writer.write(hour)
            back = {name: Carried(name) for name in hashes}
            for name, draft in by_name.items():
                for rows in tardis.read_rows(draft, name):
                    back[name].update(rows)
            _same(paths["depth"], hashes, back)
        files = [entry(path, self.job.folder, hashes[name].rows) for name, path in paths.items()]
        return files, _told(hashes), {"times_raised": reader.raised, "not_carried": ["update ids"]}


def _same(path: Path, wrote: dict[str, Carried], read: dict[str, Carried]) -> None:
    for name, made in wrote.items():
        if read[name].digest != made.digest:
            raise BadExport(
                f"{path}: {read[name].rows} {name} rows read back differ from the {made.rows} of the store"
            )


def _told(hashes: dict[str, Carried]) -> dict[str, CarriedRows]:
    return {name: CarriedRows(made.rows, made.digest) for name, made in hashes.items()}


@contextmanager
def _draft(*paths: Path) -> Iterator[Any]:
    """Give names to write to; what is there at the end takes its place, after an error it goes."""
    drafts = [path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}") for path in paths]
    try:
        yield drafts[0] if len(drafts) == 1 else drafts
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


def _nothing(_: str) -> None:
    return None
