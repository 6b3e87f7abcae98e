"""
Depth, trades and best prices as CSV files in the columns of Tardis.dev's downloadable data sets.

Columns, names and units as its "Data types" page documents them: µs since 1970, ``local_timestamp``
ascending, gzip. A row with ``is_snapshot`` after one without means that the book is new; what came between
two books, the certificate says. Update ids are not carried; trade ids are.

    <exchange>_incremental_book_L2_<day>_<SYMBOL>.csv.gz
    <exchange>_trades_<day>_<SYMBOL>.csv.gz
    <exchange>_book_ticker_<day>_<SYMBOL>.csv.gz
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from leadline.book.venues.registry import SPECS
from leadline.storage.exports.rows import ASK, CHANGE, DEPTH, END, SNAPSHOT, TICKERS, TRADES, Hour, Rows

DATA_SETS = {"depth": "incremental_book_L2", "trades": "trades", "book_tickers": "book_ticker"}

_HEAD = {
    "exchange": pa.string(),
    "symbol": pa.string(),
    "timestamp": pa.int64(),
    "local_timestamp": pa.int64(),
}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "depth": {
        **_HEAD,
        "is_snapshot": pa.bool_(),
        "side": pa.string(),
        "price": pa.float64(),
        "amount": pa.float64(),
    },
    "trades": {
        **_HEAD,
        "id": pa.string(),
        "side": pa.string(),
        "price": pa.float64(),
        "amount": pa.float64(),
    },
    "book_tickers": {
        **_HEAD,
        "ask_amount": pa.float64(),
        "ask_price": pa.float64(),
        "bid_price": pa.float64(),
        "bid_amount": pa.float64(),
    },
}
_TICKER_FIELDS = {
    "ask_amount": "ask_qty",
    "ask_price": "ask_px",
    "bid_price": "bid_px",
    "bid_amount": "bid_qty",
}
_PLAIN_FROM, _PLAIN_BELOW = 1e-6, 1e9  # beyond, Arrow writes an exponent


def exchange_of(venue: str) -> str:
    """Return the name of an exchange there; ours for one that is not there."""
    spec = SPECS.get(venue)
    return venue if spec is None else spec.tardis_name or venue


def file_names(venue: str, symbol: str, day: str) -> dict[str, str]:
    """Return the name of each data set's file."""
    exchange = exchange_of(venue)
    return {name: f"{exchange}_{kind}_{day}_{symbol}.csv.gz" for name, kind in DATA_SETS.items()}


class CsvWriter(AbstractContextManager["CsvWriter"]):
    """Writes the three files, ``paths`` by data set; a context manager."""

    def __init__(self, paths: dict[str, Path], venue: str, symbol: str) -> None:
        self._exchange, self._symbol = exchange_of(venue), symbol
        self._files = {
            name: pa.output_stream(str(path), compression="gzip") for name, path in paths.items()
        }
        for name, file in self._files.items():
            file.write((",".join(COLUMNS[name]) + "\n").encode())

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def write(self, hour: Hour) -> None:
        """Write the next hour."""
        depth = hour.depth[hour.depth["kind"] != END]
        self._put(
            "depth",
            depth,
            is_snapshot=pa.array(depth["kind"] == SNAPSHOT),
            side=_choose(depth["side"] == ASK, "ask", "bid"),
            price=_decimals(depth["px"]),
            amount=_decimals(depth["qty"]),
        )
        trades = hour.trades
        self._put(
            "trades",
            trades,
            id=pa.array(trades["id"]),
            side=_choose(trades["buyer_is_maker"] == 1, "sell", "buy"),
            price=_decimals(trades["px"]),
            amount=_decimals(trades["qty"]),
        )
        tickers = hour.tickers
        self._put(
            "book_tickers",
            tickers,
            **{name: _decimals(tickers[field]) for name, field in _TICKER_FIELDS.items()},
        )

    def _put(self, name: str, rows: Rows, **columns: pa.Array) -> None:
        if not len(rows):
            return
        table = pa.table(
            {
                "exchange": pa.array([self._exchange] * len(rows), pa.string()),
                "symbol": pa.array([self._symbol] * len(rows), pa.string()),
                "timestamp": pa.array(rows["ts_us"].copy()),
                "local_timestamp": pa.array(rows["recv_ns"] // 1000),
                **columns,
            }
        )
        csv.write_csv(
            table, self._files[name], csv.WriteOptions(include_header=False, quoting_style="none")
        )


def read_rows(path: Path, name: str) -> Iterator[Rows]:
    """Yield the rows of one file of data set ``name``, some MB at a time."""
    reader = csv.open_csv(str(path), convert_options=csv.ConvertOptions(column_types=COLUMNS[name]))
    for batch in reader:
        yield _READERS[name](pa.table(batch))


def _depth(table: pa.Table) -> Rows:
    rows = _times(table, DEPTH)
    rows["kind"] = np.where(_numbers(table, "is_snapshot"), SNAPSHOT, CHANGE)
    rows["side"] = _numbers(pa.table({"x": pc.equal(table["side"], "ask")}), "x")  # BID is 0
    rows["px"], rows["qty"] = _numbers(table, "price"), _numbers(table, "amount")
    return rows


def _trades(table: pa.Table) -> Rows:
    rows = _times(table, TRADES)
    rows["id"] = pc.cast(table["id"], pa.int64()).to_numpy()
    rows["buyer_is_maker"] = _numbers(pa.table({"x": pc.equal(table["side"], "sell")}), "x")
    rows["px"], rows["qty"] = _numbers(table, "price"), _numbers(table, "amount")
    return rows


def _tickers(table: pa.Table) -> Rows:
    rows = _times(table, TICKERS)
    for name, field in _TICKER_FIELDS.items():
        rows[field] = _numbers(table, name)
    return rows


_READERS = {"depth": _depth, "trades": _trades, "book_tickers": _tickers}


def _times(table: pa.Table, dtype: np.dtype[np.void]) -> Rows:
    rows = np.zeros(table.num_rows, dtype)
    rows["ts_us"] = _numbers(table, "timestamp")
    rows["recv_ns"] = _numbers(table, "local_timestamp") * 1000
    return rows


def _numbers(table: pa.Table, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = table[name].to_numpy()
    return values


def _choose(which: NDArray[np.bool_], yes: str, no: str) -> pa.Array:
    return pa.array(np.where(which, yes, no), pa.string())


def _decimals(values: NDArray[np.float64]) -> pa.Array:
    """Write doubles as the shortest plain decimals that read back as the same doubles."""
    values = np.ascontiguousarray(values)
    size = np.abs(values[values != 0])
    if not len(size) or (size.min() >= _PLAIN_FROM and size.max() < _PLAIN_BELOW):
        return pa.array(values)
    return pa.array([np.format_float_positional(value, trim="-") for value in values], pa.string())
