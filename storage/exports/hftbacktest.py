"""
Depth and trades as hftbacktest reads them: one compressed npz, its array ``data`` of `EVENT`.

Layout and meaning as hftbacktest 2.x documents them (its ``types.py`` and "Data" page): times in ns, an
event is seen by the exchange side at ``exch_ts`` if flagged so and by the local side at ``local_ts`` if
flagged so, and each side's events stand in the order of its own time. Where the two orders differ, an
event is written twice, once for each side.

    ours                    theirs
    change of a level       DEPTH, side; ``ival`` is the diff's last update id
    book at the beginning   CLEAR of both sides, then SNAPSHOT level by level; ``ival`` its update id
    interval ended          CLEAR of both sides, if another book follows: there is none until then
    trade                   TRADE, side of the aggressor; ``ival`` is the trade id
    trade of another kind   not carried: it met no order of the book
    best prices             not carried

A CLEAR has NaN as its price, which clears a whole side. Trades stand before depth of the same instant, so
that a queue does not shrink twice. If our clock ran behind the venue's, all ``local_ts`` are moved by the
same amount so that no event is seen before it happened; the certificate says by how much.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from leadline.storage.exports.rows import ASK, BID, CHANGE, DEPTH, END, SNAPSHOT, TRADES, Hour, Rows

EVENT = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ],
    align=True,
)
DEPTH_EVENT, TRADE_EVENT, DEPTH_CLEAR_EVENT, DEPTH_SNAPSHOT_EVENT = 1, 2, 3, 4
EXCH_EVENT, LOCAL_EVENT, BUY_EVENT, SELL_EVENT = 1 << 31, 1 << 30, 1 << 29, 1 << 28
KIND = 0xFF

MEMBER = "data.npy"
# Events of one hour may have happened before the last of the hour before; none is later than this.
HOLD_BACK_NS = 60_000_000_000
CHUNK = 1 << 18  # events read at once: 16 MB

Events = NDArray[np.void]


class EventWriter(AbstractContextManager["EventWriter"]):
    """Collects hours in a plain file beside ``path`` and packs it at the end; a context manager."""

    def __init__(self, path: Path, *, shift_ns: int = 0) -> None:
        """Begin; ``shift_ns`` is added to every local time."""
        self.events = 0
        self._path = path
        self._raw_path = path.with_name(f".{path.name}.raw")
        self._raw: IO[bytes] = self._raw_path.open("wb")
        self._shift_ns = shift_ns
        self._held = np.zeros(0, EVENT)

    def __exit__(self, *_: object) -> None:
        self._raw.close()
        self._raw_path.unlink(missing_ok=True)

    def write(self, hour: Hour) -> None:
        """Take the next hour."""
        new = np.concatenate([trade_events(hour.trades), depth_events(hour.depth)])
        # Both columns ascend within depth and within trades, and so does the greater of them.
        new["local_ts"] = np.maximum(new["local_ts"] + self._shift_ns, new["exch_ts"])
        events = np.concatenate([self._held, new])
        if not len(events):
            return
        n, ordered = in_order(events, before_ns=int(events["exch_ts"].max()) - HOLD_BACK_NS)
        self._held = events[n]
        self._put(ordered)

    def finish(self) -> None:
        """Write what was held back, and the file itself."""
        _, ordered = in_order(self._held)
        self._held = np.zeros(0, EVENT)
        self._put(ordered)
        self._raw.close()
        with (
            zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(MEMBER, "w", force_zip64=True) as out,
            self._raw_path.open("rb") as raw,
        ):
            header = np.lib.format.header_data_from_array_1_0(np.zeros(0, EVENT))
            header["shape"] = (self.events,)
            np.lib.format.write_array_header_1_0(out, header)
            while block := raw.read(CHUNK * EVENT.itemsize):
                out.write(block)

    def _put(self, events: Events) -> None:
        self._raw.write(events.tobytes())
        self.events += len(events)


def depth_events(rows: Rows) -> Events:
    """Turn depth rows into events without the flags of who sees them."""
    clears = _before_each_book(rows)
    at = np.sort(np.concatenate([np.arange(len(rows)), np.flatnonzero(clears), np.flatnonzero(clears)]))
    # A marked row stands three times: two clears, then the row itself, which for an end says nothing more.
    nth = np.arange(len(at)) - np.searchsorted(at, at)
    is_clear = clears[at] & (nth < 2)  # noqa: PLR2004
    keep = is_clear | (rows["kind"][at] != END)
    at, nth, is_clear = at[keep], nth[keep], is_clear[keep]
    source = rows[at]
    events = _events(source)
    side = np.where(is_clear, nth, source["side"])
    kind = np.where(source["kind"] == SNAPSHOT, DEPTH_SNAPSHOT_EVENT, DEPTH_EVENT)
    kind = np.where(is_clear, DEPTH_CLEAR_EVENT, kind)
    events["ev"] = kind | np.where(side == BID, BUY_EVENT, SELL_EVENT)
    events["px"] = np.where(is_clear, np.nan, source["px"])
    events["qty"] = np.where(is_clear, 0.0, source["qty"])
    return events


def _before_each_book(rows: Rows) -> NDArray[np.bool_]:
    """Mark the rows before which both sides are cleared: the first of each book, and every end."""
    is_book: NDArray[np.bool_] = rows["kind"] == SNAPSHOT
    starts = is_book.copy()
    starts[1:] &= ~is_book[:-1] | (rows["id"][1:] != rows["id"][:-1])
    starts |= rows["kind"] == END
    return starts


def trade_events(rows: Rows) -> Events:
    """Turn trades into events; the buyer being the maker means that the aggressor sold."""
    events = _events(rows)
    events["ev"] = TRADE_EVENT | np.where(rows["buyer_is_maker"] == 1, SELL_EVENT, BUY_EVENT)
    events["px"], events["qty"] = rows["px"], rows["qty"]
    return events


def _events(rows: Rows) -> Events:
    events = np.zeros(len(rows), EVENT)
    events["exch_ts"] = rows["ts_us"] * 1000
    events["local_ts"], events["ival"] = rows["recv_ns"], rows["id"]
    return events


def in_order(events: Events, *, before_ns: int | None = None) -> tuple[NDArray[np.intp], Events]:
    """
    Flag and order events for both sides; return which were left for later, and the ordered ones.

    Cut is only where everything before the cut comes before everything after it in both orders, and
    happened before ``before_ns``; without it nothing is left.
    """
    n = len(events)
    by_exch = np.argsort(events["exch_ts"], kind="stable")
    by_local = np.argsort(events["local_ts"], kind="stable")
    rank = np.empty(n, np.int64)
    rank[by_local] = np.arange(n)
    # A block ends where the events so far are the same ones in both orders.
    ends = np.maximum.accumulate(rank[by_exch]) == np.arange(n) if n else np.zeros(0, bool)
    if before_ns is not None:
        early = ends & (events["exch_ts"][by_exch] < before_ns)
        cut = int(np.flatnonzero(early)[-1]) + 1 if early.any() else 0
        left, by_exch, by_local, ends = np.sort(by_exch[cut:]), by_exch[:cut], by_local[:cut], ends[:cut]
    else:
        left = np.zeros(0, np.intp)
    block = np.concatenate([[0], np.cumsum(ends)[:-1]]) if len(ends) else np.zeros(0, np.int64)
    alone = np.bincount(block, minlength=1)[block] == 1 if len(block) else np.zeros(0, bool)
    exch, local = events[by_exch], events[by_local][~alone]
    exch["ev"] |= np.where(alone, EXCH_EVENT | LOCAL_EVENT, EXCH_EVENT).astype(np.uint64)
    local["ev"] |= np.uint64(LOCAL_EVENT)
    order = np.argsort(np.concatenate([2 * block, 2 * block[~alone] + 1]), kind="stable")
    return left, np.concatenate([exch, local])[order]


def read_events(path: Path) -> Iterator[Events]:
    """Yield the events of a file in order, some MB at a time; raises `ValueError` for other fields."""
    with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
        version = np.lib.format.read_magic(member)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        _, _, dtype = read(member)
        if not set(EVENT.names or ()) <= set(dtype.names or ()):
            raise ValueError(f"fields {dtype.names}: expected {EVENT.names}, as hftbacktest 2 writes them")
        while block := member.read(CHUNK * dtype.itemsize):
            yield np.frombuffer(block, dtype).astype(EVENT)


def read_rows(path: Path) -> Iterator[tuple[Rows, Rows]]:
    """Yield ``(depth, trades)`` as the local side sees them; a CLEAR is in neither."""
    for events in read_events(path):
        seen = events[(events["ev"] & LOCAL_EVENT) != 0]
        kind = seen["ev"] & KIND
        sells = (seen["ev"] & SELL_EVENT) != 0
        is_depth = (kind == DEPTH_EVENT) | (kind == DEPTH_SNAPSHOT_EVENT)
        depth = _back(seen[is_depth], DEPTH)
        depth["kind"] = np.where(kind[is_depth] == DEPTH_SNAPSHOT_EVENT, SNAPSHOT, CHANGE)
        depth["side"] = np.where(sells[is_depth], ASK, BID)
        trades = _back(seen[kind == TRADE_EVENT], TRADES)
        trades["buyer_is_maker"] = sells[kind == TRADE_EVENT]
        yield depth, trades


def _back(events: Events, dtype: np.dtype[np.void]) -> Rows:
    rows = np.zeros(len(events), dtype)
    rows["ts_us"], rows["recv_ns"], rows["id"] = (
        events["exch_ts"] // 1000,
        events["local_ts"],
        events["ival"],
    )
    rows["px"], rows["qty"] = events["px"], events["qty"]
    return rows
