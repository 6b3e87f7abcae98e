"""
Rows as people and programs want them: an aligned table, csv or json; pure text in and out.

Decimals are written plainly: no exponent, no trailing zeros. Times are UTC.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from rich.cells import cell_len, set_cell_size

from leadline.flows.render.visible import json_text

FORMATS = ("table", "csv", "json")
CELL_WIDTH = 60  # wider cells of a table are cut with an ellipsis; csv and json never are
CSV_END = "\r\n"  # Python's csv quotes the characters of line ends only where they are in its own
LIST_ITEMS = 3  # of a list in a table cell

Cell: TypeAlias = Any
Row: TypeAlias = Sequence[Cell]


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and trailing zeros: ``0.10`` -> ``0.1``, ``1E+2`` -> ``100``."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def plain_float(number: float) -> str:
    """Write a float as the shortest plain decimal that reads back as the same float."""
    if not math.isfinite(number):
        return str(number)
    return plain(Decimal(repr(number)))


def _time(value: datetime) -> str:
    """ISO 8601 with a space; the store's times are UTC without saying so."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(sep=" ")


def text_of(value: Cell) -> str:
    """Return one value as it stands in csv; NULL is empty."""
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float():
            text = plain_float(value)
        case Decimal():
            text = plain(value)
        case datetime():
            text = _time(value)
        case list() | tuple() | dict():
            text = json.dumps(json_of(value), ensure_ascii=False)
        case _:
            text = str(value)
    return text


def json_of(value: Cell) -> Cell:
    """Return one value as json takes it: decimals and times as text, NaN and infinities as null."""
    out: Cell = value
    match value:
        case None | bool() | int() | str():
            pass
        case float():
            out = value if math.isfinite(value) else None
        case Decimal():
            out = plain(value)
        case datetime():
            out = _time(value).replace(" ", "T") + "Z"
        case list() | tuple():
            out = [json_of(item) for item in value]
        case dict():
            out = {str(key): json_of(item) for key, item in value.items()}
        case _:
            out = str(value)
    return out


def cell_of(value: Cell) -> str:
    """Return one value as it stands in a table: on one line, long lists and texts cut."""
    if isinstance(value, list | tuple):
        shown = ", ".join(cell_of(item) for item in value[:LIST_ITEMS])
        more = f", … {len(value)} in all" if len(value) > LIST_ITEMS else ""
        return f"[{shown}{more}]"
    text = "NULL" if value is None else text_of(value)
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if cell_len(text) <= CELL_WIDTH else set_cell_size(text, CELL_WIDTH - 1) + "…"


def _pad(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap


def table_lines(names: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of an aligned table; columns of numbers are set right."""
    cells = [[cell_of(value) for value in row] for row in rows]
    numeric = [
        any(row[i] is not None for row in rows)
        and all(row[i] is None or _is_number(row[i]) for row in rows)
        for i in range(len(names))
    ]
    widths = [max([cell_len(name), *(cell_len(row[i]) for row in cells)]) for i, name in enumerate(names)]
    yield "  ".join(_pad(n, w, right=r) for n, w, r in zip(names, widths, numeric, strict=True)).rstrip()
    yield "  ".join("─" * width for width in widths)
    for row in cells:
        yield "  ".join(_pad(c, w, right=r) for c, w, r in zip(row, widths, numeric, strict=True)).rstrip()


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def csv_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield csv (RFC 4180 quoting, newline line ends), header first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=CSV_END)
    for row in _with_header(names, rows):
        writer.writerow(row)
        yield buffer.getvalue().removesuffix(CSV_END)
        buffer.seek(0)
        buffer.truncate()


def _with_header(names: Sequence[str], rows: Iterable[Row]) -> Iterator[Sequence[str]]:
    yield names
    for row in rows:
        yield [text_of(value) for value in row]


def json_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield one json array, one object a line; a name met again gets a number: ``a``, ``a_2``."""
    keys: list[str] = []
    for name in names:
        copies = (f"{name}_{n}" for n in itertools.count(2))
        keys.append(name if name not in keys else next(copy for copy in copies if copy not in keys))
    before = "["
    for row in rows:
        item = {name: json_of(value) for name, value in zip(keys, row, strict=True)}
        yield before + json_text(item)
        before = ","
    yield "]" if before == "," else "[]"


def lines(names: Sequence[str], rows: Sequence[Row], style: str) -> Iterator[str]:
    """Yield the rows in the style asked for, one of `FORMATS`."""
    if style == "csv":
        return csv_lines(names, rows)
    if style == "json":
        return json_lines(names, rows)
    return table_lines(names, rows)
