"""
The book a window opens on, as a Parquet file of its own: ``seeds_opening/venue=…/symbol=…/date=…``.

A run of diffs that began before the window cannot be followed without it. It is rebuilt, not the venue's,
so it is no part of the content hash; and it stands apart, so that whoever reads ``seeds`` of several days
sees each seed once.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from leadline.storage.access.sql import ns_of
from leadline.storage.exports.covered import intervals
from leadline.storage.lifecycle.archive import Day, Exported
from leadline.storage.queries.rebuild import book_of_epoch

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

TABLE = "seeds_opening"
_JUST = dt.timedelta(microseconds=1)

_LIST = pa.list_(pa.float64())
_SCHEMA = pa.schema(
    {
        "epoch": pa.int64(),
        "ts_event": pa.timestamp("us"),
        "ts_recv": pa.timestamp("us"),
        "recv_ns": pa.int64(),
        "last_id": pa.int64(),
        "bid_px": _LIST,
        "bid_qty": _LIST,
        "ask_px": _LIST,
        "ask_qty": _LIST,
        "source": pa.string(),
    }
)


def write(con: Connection, venue: str, symbol: str, day: Day, root: Path) -> list[Exported]:
    """Write the books of the intervals that were under way when the window began; often none or one."""
    date, since, until = day
    rows = []
    for interval in intervals(con, venue, symbol, since, until):
        if interval.ts_from >= since:
            continue
        book = book_of_epoch(
            con, venue, symbol, interval.epoch, until_id=interval.last_id, until_ts=since - _JUST
        )
        rows.append(
            {
                "epoch": interval.epoch,
                "ts_event": None,
                "ts_recv": book.as_of,
                "recv_ns": ns_of(book.as_of),
                "last_id": book.last_id,
                "bid_px": [price for price, _ in book.bids],
                "bid_qty": [qty for _, qty in book.bids],
                "ask_px": [price for price, _ in book.asks],
                "ask_qty": [qty for _, qty in book.asks],
                "source": "rebuilt",
            }
        )
    if not rows:
        return []
    place = root / TABLE / f"venue={venue}" / f"symbol={symbol}" / f"date={date}"
    place.mkdir(parents=True, exist_ok=True)
    path, draft = place / "part-0.parquet", place / ".draft"
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), draft, compression="zstd")
    draft.replace(path)
    return [Exported(TABLE, path, len(rows))]
