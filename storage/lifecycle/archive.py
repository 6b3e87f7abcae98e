"""
Stored rows of one symbol as Parquet files: ``<dir>/<table>/venue=…/symbol=…/date=…/part-0.parquet``.

A file is written beside its place, read back and held against the store, and only then renamed into it;
so a file that is there is whole and equal. DuckDB, pandas and polars read the folders as partitions.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from leadline.storage.access.sql import utc_naive
from leadline.storage.errors import BadExport, NoStore

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

_HOUR = dt.timedelta(hours=1)  # of diffs at once: tens of MB of a busy symbol, a day would be hundreds

_ROWS = {
    "depth_diffs": """SELECT * FROM depth_diffs WHERE venue = $venue AND symbol = $symbol
                      AND ts_recv >= $since AND ts_recv < $until ORDER BY epoch, last_id""",
    "seeds": """SELECT * FROM seeds WHERE venue = $venue AND symbol = $symbol
                AND ts_recv >= $since AND ts_recv < $until ORDER BY epoch, last_id""",
    "trades": """SELECT * FROM trades WHERE venue = $venue AND symbol = $symbol
                 AND ts_recv >= $since AND ts_recv < $until ORDER BY trade_id, recv_ns""",
    "book_tickers": """SELECT * FROM book_tickers WHERE venue = $venue AND symbol = $symbol
                       AND ts_recv >= $since AND ts_recv < $until ORDER BY recv_ns, update_id""",
    "depth_snapshots": """SELECT * FROM depth_snapshots WHERE venue = $venue AND symbol = $symbol
                          AND ts >= $since AND ts < $until ORDER BY ts""",
    "book_events": """SELECT * FROM book_events WHERE venue = $venue AND symbol = $symbol
                      AND ts >= $since AND ts < $until ORDER BY ALL""",
    "coverage": """SELECT * FROM coverage WHERE venue = $venue AND symbol = $symbol
                   AND ts_from >= $since AND ts_from < $until ORDER BY epoch, ts_from""",
}

_HOURS = """
SELECT DISTINCT date_trunc('hour', ts_recv) AS hour FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND ts_recv >= $since AND ts_recv < $until ORDER BY hour
"""

TABLES = tuple(_ROWS)
Day: TypeAlias = tuple[dt.date, dt.datetime, dt.datetime]  # and where in it the window begins and ends

_VENUES = "SELECT DISTINCT venue FROM coverage WHERE symbol = $symbol ORDER BY venue"


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written."""

    table: str
    path: Path
    rows: int


def export_parquet(
    con: Connection,
    symbol: str,
    since: dt.datetime,
    until: dt.datetime,
    folder: Path | str,
    *,
    leave_fuller: bool = False,
) -> list[Exported]:
    """
    Write all rows of ``symbol`` received in ``since .. until`` (UTC, end excluded), by venue and day.

    Files that are there already are replaced, each at once, but never by fewer rows: with
    ``leave_fuller`` such a file stays and is not in the answer. Raises `NoStore` when ``folder`` does not
    exist, `BadExport` for fewer rows and when what was written does not equal what is stored.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NoStore(f"the folder {root} does not exist; make it first")
    written = []
    for (venue,) in con.execute(_VENUES, {"symbol": symbol}).fetchall():
        for day, begin, end in days(since, until):
            for table in TABLES:
                con.begin()  # written and compared in one view of the store, whatever arrives meanwhile
                try:
                    window = (day, begin, end)
                    written += write_day(con, venue, symbol, table, window, root, leave_fuller=leave_fuller)
                finally:
                    con.rollback()
    return written


def write_day(
    con: Connection,
    venue: str,
    symbol: str,
    table: str,
    day: Day,
    root: Path,
    *,
    leave_fuller: bool = False,
) -> list[Exported]:
    """Write one table's rows of one day, inside the open transaction; nothing where there are none."""
    place = root / table / f"venue={venue}" / f"symbol={symbol}" / f"date={day[0]}"
    market = {"venue": venue, "symbol": symbol}
    rows = _write_day(con, table, market, day[1], day[2], place, leave_fuller=leave_fuller)
    return [Exported(table, place / "part-0.parquet", rows)] if rows else []


def days(since: dt.datetime, until: dt.datetime) -> Iterator[Day]:
    """Cut a window at midnight UTC: each day with its begin and end, UTC without zone."""
    begin, last = utc_naive(since), utc_naive(until)
    while begin < last:
        midnight = dt.datetime.combine(begin.date() + dt.timedelta(days=1), dt.time())
        end = min(midnight, last)
        yield begin.date(), begin, end
        begin = end


def _write_day(
    con: Connection,
    table: str,
    params: dict[str, str],
    begin: dt.datetime,
    end: dt.datetime,
    place: Path,
    *,
    leave_fuller: bool,
) -> int:
    """Write one file, part by part; return its rows, 0 when nothing was written."""
    draft = place / f".draft-{uuid.uuid4().hex}"
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for part in _parts(con, table, params, begin, end):
            if writer is None:
                place.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(draft, part.schema, compression="zstd")
            writer.write_table(part, row_group_size=part.num_rows)
            rows += part.num_rows
        if writer is None:
            return 0
        writer.close()
        _compare(con, table, params, begin, end, draft)
        try:
            _keep_the_fuller(place / "part-0.parquet", rows)
        except BadExport:
            if leave_fuller:
                return 0
            raise
        draft.replace(place / "part-0.parquet")
    finally:
        if writer is not None:
            writer.close()
        draft.unlink(missing_ok=True)
    return rows


def _keep_the_fuller(path: Path, rows: int) -> None:
    """Refuse to replace a file by one with fewer rows: the store may have let them go since."""
    if path.exists() and (there := pq.read_metadata(path).num_rows) > rows:
        raise BadExport(
            f"{path} holds {there} rows, the store has {rows} of that window: it was left as it is"
        )


def _parts(
    con: Connection, table: str, params: dict[str, str], begin: dt.datetime, end: dt.datetime
) -> Iterator[pa.Table]:
    """Read stored rows in parts that fit memory, without the columns that the folders' names carry."""
    parts = [(begin, end)]
    if table == "depth_diffs":
        found = con.execute(_HOURS, {**params, "since": begin, "until": end}).fetchall()
        parts = [(max(begin, hour), min(hour + _HOUR, end)) for (hour,) in found]
    for since, until in parts:
        rows = con.execute(_ROWS[table], {**params, "since": since, "until": until}).arrow()
        if rows.num_rows:
            yield rows.drop_columns(["venue", "symbol"])


def _compare(
    con: Connection, table: str, params: dict[str, str], begin: dt.datetime, end: dt.datetime, draft: Path
) -> None:
    file = pq.ParquetFile(draft)
    group = 0
    for part in _parts(con, table, params, begin, end):
        if group >= file.num_row_groups or not file.read_row_group(group).equals(part):
            raise BadExport(f"{draft.parent}: rows read back differ from {table}; nothing was kept")
        group += 1
    if group != file.num_row_groups:
        raise BadExport(f"{draft.parent}: more was written than {table} holds; nothing was kept")
