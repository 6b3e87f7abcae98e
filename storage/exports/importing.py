"""
Back into a store what `storage.exports.export` wrote as Parquet, day by day, each whole or not at all.

Every file is held against its SHA-256, and before a day is committed the content hash of what was taken in
against the certificate's. Coverage is the certificate's too: an interval that the export cut off ends as
``imported``, and goes on when the next day of the same run follows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leadline.storage.access.sql import utc_naive
from leadline.storage.errors import BadImport, NoStore
from leadline.storage.exports import opening
from leadline.storage.exports.certificate import SUFFIX, read_certificate, sha256_of
from leadline.storage.exports.content import content
from leadline.storage.ingest.order import Orders
from leadline.storage.queries.chain import GAP, before
from leadline.storage.schema.trade_runs import find_runs

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

CUT_OFF = "imported"

_HAS_SEED = """
SELECT count(*) FROM seeds
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id <= $last_id
"""

_CUT_OFF_AT = """
SELECT last_id FROM coverage
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id <= $first_id
  AND ended_by = 'imported'
ORDER BY last_id DESC LIMIT 1
"""

_LEADS_ON = f"""
SELECT coalesce(max(last_id), $after_id) = $first_id AND NOT coalesce(bool_or({GAP}), false)
FROM (SELECT first_id, last_id, prev_id, $after_id AS start_id, {before()} AS before_id FROM depth_diffs
      WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch
        AND last_id > $after_id AND last_id <= $first_id)
"""  # noqa: S608  constants of `storage.queries.chain`

_GO_ON = """
UPDATE coverage SET ts_to = $ts_to, last_id = $last_id, ended_by = $ended_by,
       ts_event = make_timestamp_ns(CAST($event_ns AS BIGINT))::TIMESTAMP
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id = $after_id
  AND ended_by = 'imported'
"""

_COVER = """
INSERT INTO coverage BY NAME
SELECT CAST($venue AS VARCHAR) AS venue, CAST($symbol AS VARCHAR) AS symbol,
       CAST($epoch AS BIGINT) AS epoch, CAST($ts_from AS TIMESTAMP) AS ts_from,
       CAST($ts_to AS TIMESTAMP) AS ts_to, CAST($first_id AS BIGINT) AS first_id,
       CAST($last_id AS BIGINT) AS last_id, CAST($ended_by AS VARCHAR) AS ended_by,
       CAST($seq AS BIGINT) AS seq, CAST($numbering AS BIGINT) AS numbering,
       make_timestamp_ns(CAST($event_ns AS BIGINT))::TIMESTAMP AS ts_event
"""

# What is taken in may be older than what is stored: the venue's time says so.
_EVENT_NS = """
SELECT epoch_ns(max(ts_event)) FROM depth_diffs
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND last_id = $last_id
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """One day that is in; ``content`` is its hash, equal to the certificate's."""

    venue: str
    symbol: str
    ts_from: str
    ts_to: str
    rows: dict[str, int]
    content: str


def import_parquet(
    con: Connection, folder: Path, *, tick: Callable[[str], None] | None = None
) -> list[Imported]:
    """
    Take in every exported day in ``folder``; ``con`` must be able to write.

    Raises `NoStore` when there is no certificate, `BadImport` for a file that is missing or changed, for
    content that differs, and for a window of which the store holds rows already. Days before it are in.
    """
    told = [read_certificate(path) for path in folder.glob(f"*.parquet{SUFFIX}")]
    if not told:
        raise NoStore(f"{folder} holds no export as Parquet: there is no *.parquet{SUFFIX} in it")
    told.sort(key=lambda one: (one["venue"], one["symbol"], one["ts_from"]))
    for certificate in told:
        _check_files(certificate, folder)
    done: list[Imported] = []
    try:
        for certificate in told:
            if tick is not None:
                tick(f"{certificate['symbol']} {certificate['ts_from'][:10]}")
            done.append(_take_in(con, certificate, folder))
    finally:  # once for each market, whatever its number of days
        for venue, symbol in sorted({(one.venue, one.symbol) for one in done}):
            find_runs(con, venue, symbol)
    return done


def _check_files(certificate: dict[str, Any], folder: Path) -> None:
    for file in certificate["files"]:
        path = folder / file["path"]
        if not path.is_file():
            raise BadImport(f"{path} is missing; the certificate names it")
        if (found := sha256_of(path)) != file["sha256"]:
            raise BadImport(f"{path}: expected SHA-256 {file['sha256']}, got {found}; export it again")


def _take_in(con: Connection, certificate: dict[str, Any], folder: Path) -> Imported:
    market = {"venue": certificate["venue"], "symbol": certificate["symbol"]}
    since, until = _time(certificate["ts_from"]), _time(certificate["ts_to"])
    window = (market["venue"], market["symbol"], since, until)
    con.begin()
    try:
        _refuse_copies(con, window)
        rows = {}
        for file in certificate["files"]:
            table = Path(file["path"]).parts[0]
            if table == "coverage":
                continue
            take = _take_opening if table == opening.TABLE else _take_table
            rows[table] = take(con, table, folder / file["path"], market)
        found = _same_content(con, certificate, window)
        _cover(con, certificate["intervals"], market)
    except BaseException:
        con.rollback()
        raise
    con.commit()
    return Imported(
        **market, ts_from=certificate["ts_from"], ts_to=certificate["ts_to"], rows=rows, content=found
    )


def _same_content(
    con: Connection, certificate: dict[str, Any], window: tuple[str, str, dt.datetime, dt.datetime]
) -> str:
    """Return the content hash of what was taken in; raises `BadImport` when it is not the certificate's."""
    found = content(con, *window).digest
    if found != (expected := certificate["content"]["sha256"]):
        what = f"{window[1]} {certificate['ts_from']}: expected content {expected}, got {found}"
        raise BadImport(f"{what}; nothing of it was kept")
    return found


def _refuse_copies(con: Connection, window: tuple[str, str, dt.datetime, dt.datetime]) -> None:
    there = {table: n for table, n in content(con, *window).rows.items() if n}
    if there:
        what = ", ".join(f"{n} rows of {table}" for table, n in there.items())
        raise BadImport(
            f"the store holds {what} of {window[0]} {window[1]} between {window[2]} and {window[3]} UTC: "
            "a second copy would count twice; give another --db"
        )


def _take_table(con: Connection, table: str, path: Path, market: dict[str, str]) -> int:
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        _append(con, table, file.read_row_group(group), market)
    return int(file.metadata.num_rows)


def _take_opening(con: Connection, _: str, path: Path, market: dict[str, str]) -> int:
    """Keep a rebuilt book only where its run cannot be followed from an earlier seed."""
    taken = 0
    rows = pq.ParquetFile(path).read()
    for n, row in enumerate(rows.select(["epoch", "last_id"]).to_pylist()):
        if con.execute(_HAS_SEED, {**market, **row}).fetchone() == (0,):
            _append(con, "seeds", rows.slice(n, 1), market)
            taken += 1
    return taken


def _append(con: Connection, table: str, rows: pa.Table, market: dict[str, str]) -> None:
    for name, value in market.items():
        rows = rows.append_column(name, pa.array([value] * rows.num_rows, pa.string()))
    con.append(table, _with_kinds(rows) if table == "trades" else rows)


def _with_kinds(trades: pa.Table) -> pa.Table:
    """Give trades of an export that has no kinds what a migration gives to stored ones."""
    if "kind" in trades.column_names:
        return trades
    has_price = pc.not_equal(trades["px"], 0.0)
    kinds = pc.if_else(has_price, "market", "other")
    in_market = pc.if_else(has_price, trades["qty"], 0.0)
    trades = trades.append_column("kind", kinds).append_column("market_qty", in_market)
    return trades.append_column("is_backfilled", pa.array([False] * trades.num_rows, pa.bool_()))


def _cover(con: Connection, intervals: list[dict[str, Any]], market: dict[str, str]) -> None:
    for interval in intervals:
        params = {
            **market,
            **interval,
            "ts_from": _time(interval["ts_from"]),
            "ts_to": _time(interval["ts_to"]),
            "ended_by": interval["ended_by"] or CUT_OFF,
        }
        after_id = _goes_on_from(con, {name: params[name] for name in (*market, "epoch", "first_id")})
        ends = {name: params[name] for name in (*market, "epoch", "last_id")}
        event_ns = params["event_ns"] = con.execute(_EVENT_NS, ends).fetchall()[0][0]
        if after_id is None:
            orders = Orders(is_recorded=True)
            orders.load(con)
            key = (market["venue"], market["symbol"])
            params["numbering"] = orders.numbering(key, int(interval["first_id"]), event_ns)
            con.execute(_COVER, {**params, "seq": orders.next_seq()})
        else:
            params["after_id"] = after_id
            con.execute(_GO_ON, {k: v for k, v in params.items() if k not in {"ts_from", "first_id"}})


def _goes_on_from(con: Connection, begins: dict[str, Any]) -> int | None:
    """Return where an interval was cut off that this one goes on from: no update between is missing."""
    for (after_id,) in con.execute(_CUT_OFF_AT, begins).fetchall():
        if con.execute(_LEADS_ON, {**begins, "after_id": after_id}).fetchone() == (True,):
            return int(after_id)
    return None


def _time(text: str) -> dt.datetime:
    return utc_naive(dt.datetime.fromisoformat(text))
