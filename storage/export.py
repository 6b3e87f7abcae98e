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
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import BadExport, NoStore
from storage.literals import utc_naive

if TYPE_CHECKING:
    from storage.connect import Connection

_STEP = dt.timedelta(hours=1)  # bounds memory: an hour of a busy symbol is a few hundred MB at most

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

_VENUES = "SELECT DISTINCT venue FROM coverage WHERE symbol = $symbol ORDER BY venue"


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written."""

    table: str
    path: Path
    rows: int


def export_parquet(
    con: Connection, symbol: str, since: dt.datetime, until: dt.datetime, folder: Path | str
) -> list[Exported]:
    """
    Write all rows of ``symbol`` received in ``since .. until`` (UTC, end excluded), by venue and day.

    Files that are there already are replaced, each at once. Raises `NoStore` when ``folder`` does not
    exist and `BadExport` when what was written does not equal what is stored.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NoStore(f"the folder {root} does not exist; make it first")
    written = []
    for (venue,) in con.execute(_VENUES, {"symbol": symbol}).fetchall():
        for day, begin, end in _days(utc_naive(since), utc_naive(until)):
            for table in _ROWS:
                place = root / table / f"venue={venue}" / f"symbol={symbol}" / f"date={day}"
                params = {"venue": venue, "symbol": symbol}
                con.begin()  # written and compared in one view of the store, whatever arrives meanwhile
                try:
                    rows = _write_day(con, table, params, begin, end, place)
                finally:
                    con.rollback()
                if rows:
                    written.append(Exported(table, place / "part-0.parquet", rows))
    return written


def _days(since: dt.datetime, until: dt.datetime) -> Iterator[tuple[dt.date, dt.datetime, dt.datetime]]:
    begin = since
    while begin < until:
        midnight = dt.datetime.combine(begin.date() + dt.timedelta(days=1), dt.time())
        end = min(midnight, until)
        yield begin.date(), begin, end
        begin = end


def _write_day(
    con: Connection, table: str, params: dict[str, str], begin: dt.datetime, end: dt.datetime, place: Path
) -> int:
    """Write one file, hour by hour; return its rows, 0 when there was nothing to write."""
    draft = place / f".draft-{uuid.uuid4().hex}"
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for hour in _hours(con, table, params, begin, end):
            if writer is None:
                place.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(draft, hour.schema, compression="zstd")
            writer.write_table(hour, row_group_size=hour.num_rows)
            rows += hour.num_rows
        if writer is None:
            return 0
        writer.close()
        _compare(con, table, params, begin, end, draft)
        draft.replace(place / "part-0.parquet")
    finally:
        if writer is not None:
            writer.close()
        draft.unlink(missing_ok=True)
    return rows


def _hours(
    con: Connection, table: str, params: dict[str, str], begin: dt.datetime, end: dt.datetime
) -> Iterator[pa.Table]:
    """Read the stored rows hour by hour, without the columns that the folders' names carry."""
    while begin < end:
        stop = min(begin + _STEP, end)
        rows = con.execute(_ROWS[table], {**params, "since": begin, "until": stop}).arrow()
        if rows.num_rows:
            yield rows.drop_columns(["venue", "symbol"])
        begin = stop


def _compare(
    con: Connection, table: str, params: dict[str, str], begin: dt.datetime, end: dt.datetime, draft: Path
) -> None:
    file = pq.ParquetFile(draft)
    group = 0
    for hour in _hours(con, table, params, begin, end):
        if group >= file.num_row_groups or not file.read_row_group(group).equals(hour):
            raise BadExport(f"{draft.parent}: rows read back differ from {table}; nothing was kept")
        group += 1
    if group != file.num_row_groups:
        raise BadExport(f"{draft.parent}: more was written than {table} holds; nothing was kept")
