"""
Rows of Tardis' CSV files; what a file holds is told by its first line.

Times are whole us since 1970. Columns may stand in any order, and others beside them are ignored.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from leadline.storage.recordings.dialects import whole_ns
from leadline.storage.recordings.tables import (
    BAD_ROW,
    BadRow,
    Depth,
    Gone,
    Note,
    Row,
    Side,
    Top,
    TradeRow,
    plain_decimal,
)

LONGEST_HEAD: Final = 4_096  # bytes; names of columns are no longer
HEAD: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
COLUMNS: Final = {
    "incremental_book_L2": (*HEAD, "is_snapshot", "side", "price", "amount"),
    "trades": (*HEAD, "id", "side", "price", "amount"),
    "book_ticker": (*HEAD, "ask_amount", "ask_price", "bid_price", "bid_amount"),  # of quotes as well
}
_SIDES: Final[Mapping[str, Side]] = {"bid": "bid", "ask": "ask"}
_TRUTH: Final = {"true": True, "false": False}
_TAKERS: Final = {"buy": False, "sell": True}

T = TypeVar("T")


def is_csv(first_line: bytes) -> bool:
    """Whether a file begins as Tardis' files do, or as a spreadsheet writes them, marked or quoted."""
    text = first_line[:LONGEST_HEAD].decode("utf-8-sig", errors="replace").strip()
    return {"exchange", "local_timestamp"} <= {name.strip('"') for name in text.split(",")}


def exchange_of(text: io.TextIOBase) -> str | None:
    """Return the exchange of the first row; None without rows. Raises `BadRow` as `rows` does."""
    reader = csv.DictReader(text)
    _reader(list(reader.fieldnames or ()))
    return next((str(row["exchange"]) for row in reader), None)


def rows(text: io.TextIOBase, exchange: str, note: Note) -> Iterator[Row]:
    """
    Yield the rows of ``exchange`` that can be read; ``note`` gets the number of the line and what is wrong.

    A depth row that cannot be read ends the book: a level of it is unknown from then on. Raises `BadRow`
    for columns that are no data set of ours.
    """
    reader = csv.DictReader(text)
    names = list(reader.fieldnames or ())
    read = _reader(names)
    for record in reader:
        try:
            if record["exchange"] != exchange:
                raise BadRow(f"exchange {record['exchange']!r}: expected {exchange}, as before")
            yield read(record)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            words = str(exc) if isinstance(exc, ValueError) else f"expected {len(names)} columns"
            note(reader.line_num, words)
            if read is _depth and (gone := _gone(record)) is not None:
                yield gone


def _reader(names: list[str]) -> Callable[[Mapping[str, str]], Row]:
    for name, read in (("incremental_book_L2", _depth), ("trades", _trade), ("book_ticker", _top)):
        if set(COLUMNS[name]) <= set(names):
            return read
    known = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in COLUMNS.items())
    raise BadRow(f"columns {', '.join(names)}: expected those of one of {known}")


def _depth(row: Mapping[str, str]) -> Row:
    return Depth(
        row["symbol"],
        _ns(row["timestamp"]),
        _ns(row["local_timestamp"]),
        _one_of(_TRUTH, row["is_snapshot"].lower(), "is_snapshot"),
        _one_of(_SIDES, row["side"], "side"),
        plain_decimal(row["price"], "price"),
        plain_decimal(row["amount"], "amount", zero=True),
    )


def _trade(row: Mapping[str, str]) -> Row:
    trade_id = row["id"]
    return TradeRow(
        row["symbol"],
        _ns(row["timestamp"]),
        _ns(row["local_timestamp"]),
        int(trade_id) if trade_id.isascii() and trade_id.isdigit() else None,
        plain_decimal(row["price"], "price"),
        plain_decimal(row["amount"], "amount"),
        _one_of(_TAKERS, row["side"], "side of the taker"),
    )


def _top(row: Mapping[str, str]) -> Row:
    return Top(
        row["symbol"],
        _ns(row["timestamp"]),
        _ns(row["local_timestamp"]),
        (plain_decimal(row["bid_price"], "bid_price"), plain_decimal(row["bid_amount"], "bid_amount")),
        (plain_decimal(row["ask_price"], "ask_price"), plain_decimal(row["ask_amount"], "ask_amount")),
    )


def _gone(row: Mapping[str, str]) -> Gone | None:
    """End the book of a row that cannot be read; None where not even its symbol and time can."""
    try:
        return Gone(row["symbol"], _ns(row["local_timestamp"]), BAD_ROW) if row["symbol"] else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _ns(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadRow(f"time {text!r}: expected whole us since 1970")
    return whole_ns(text.encode())


def _one_of(known: Mapping[str, T], text: str, what: str) -> T:
    try:
        return known[text]
    except KeyError:
        raise BadRow(f"{what} {text!r}: expected {' or '.join(known)}") from None
