"""Kinds of value that a setting can have: how one is read, and what is expected in words."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Container
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leadline.book.errors import did_you_mean

MEMORY_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(MB|GB|MIB|GIB)")
MEMORY_BYTES = {"MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}
LEAST_MEMORY, MOST_MEMORY = 64 * 10**6, 4_096 * 10**9  # DuckDB cannot open a database of ours in much less
MOST_USD = Decimal(100_000)
MOST_SHOWN = 80  # characters of a wrong value in a message
# Times are kept as nanoseconds in 64 bits, which end in April 2262; a day more fits at either end.
FIRST_DAY, LAST_DAY = dt.date(1970, 1, 1), dt.date(2261, 12, 31)


class Expected(Exception):
    """What a value should have been; whoever reads it adds where it came from."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value; ``parse`` raises ValueError or TypeError, or `Expected` where it knows better."""

    expected: str  # with unit and bounds
    parse: Callable[[Any], Any]
    metavar: str = "N"

    def read(self, value: object) -> Any:
        """Return the typed value; raises `Expected`."""
        try:
            return self.parse(value)
        except (ValueError, TypeError, ArithmeticError):
            raise Expected(self.expected) from None


def shown(value: object) -> str:
    """Return a wrong value as a message names it: on one line, and not all of a long one."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        text = f"a {type(value).__name__} too long to write"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def utf8(text: str) -> str:
    """
    Return what Python read by another character set, as in an ASCII locale, as the UTF-8 that it is.

    Raises `Expected` for bytes that are none.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise Expected("text in UTF-8") from None


def url(*schemes: str) -> Kind:
    """Make the kind of URLs with one of ``schemes``."""

    def parse(value: object) -> str:
        text = _text(value)
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname or not text.isprintable() or " " in text:
            raise ValueError
        try:
            is_port = parts.port != 0
        except ValueError:  # no number, or above 65535
            is_port = False
        if not is_port:
            raise Expected("a URL whose port, if it has one, is a whole number from 1 to 65535")
        return text

    return Kind(f"a URL that begins with {' or '.join(f'{each}://' for each in schemes)}", parse, "URL")


def choice(
    *allowed: str,
    unlisted: Container[str] = (),
    usual: Callable[[str], str] = str,
    metavar: str = "NAME",
) -> Kind:
    """
    Make the kind of a few words; ``usual`` turns another spelling of one into that.

    Words of ``unlisted`` are taken too; no list of what is expected names them.
    """
    expected = f"one of {', '.join(allowed)}"

    def parse(value: object) -> str:
        name = usual(_text(value))
        if name not in allowed and name not in unlisted:
            raise Expected(expected + did_you_mean(name, allowed))
        return name

    return Kind(expected, parse, metavar)


def number(low: float, high: float, unit: str = "") -> Kind:
    """Make the kind of numbers from ``low`` to ``high``."""
    return Kind(
        f"a number{unit and f' of {unit}'} from {low:.10g} to {high:.10g}", _bounded(float, low, high)
    )


def seconds(low: float, high: float) -> Kind:
    """Make the kind of numbers of seconds."""
    return number(low, high, "seconds")


def days(low: float, high: float) -> Kind:
    """Make the kind of numbers of days."""
    return number(low, high, "days")


def whole(low: int, high: int, unit: str = "") -> Kind:
    """Make the kind of whole numbers from ``low`` to ``high``."""
    return Kind(f"a whole number{unit and f' of {unit}'} from {low} to {high}", _bounded(_whole, low, high))


def _bounded(convert: Callable[[Any], Any], low: Any, high: Any) -> Callable[[object], Any]:
    def parse(value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise TypeError
        found = convert(value)
        if not low <= found <= high:
            raise ValueError
        return found

    return parse


def _whole(value: object) -> int:
    if not isinstance(value, int | str):
        raise TypeError  # not even 2.0
    return int(value)


def _usd(value: object) -> Decimal:
    try:
        found = Decimal(str(value).strip())
        if found.is_finite() and found == round(found, 6):
            return found
    except InvalidOperation:
        pass
    raise ValueError


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return utf8(value.strip())
    raise Expected("a text")


def _path(value: object) -> Path:
    text = _text(str(value) if isinstance(value, Path) else value)
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise Expected("a path without control characters")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Expected(f"a path; no home folder is known for {Path(text).parts[0]}") from None


def _iso(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def _moment(value: object) -> dt.datetime:
    """Read a time, UTC unless it has an offset, into UTC."""
    time = dt.datetime.fromisoformat(_iso(value))
    time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    if not FIRST_DAY <= time.date() <= LAST_DAY:
        raise ValueError
    return time


def _day(value: object) -> dt.date:
    day = dt.date.fromisoformat(_iso(value))
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError
    return day


def _texts(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else _list(value)
    return tuple(dict.fromkeys(_text(part) for part in parts if part != ""))


def _symbols(value: object) -> tuple[str, ...]:
    """Read symbols from a list or text with commas or spaces; in upper case, as venues write them."""
    parts = [part for each in _list(value) for part in _text(each).replace(",", " ").split()]
    found = tuple(dict.fromkeys(part.upper() for part in parts))
    for symbol in found:
        if not symbol.replace("_", "").replace("-", "").isalnum():
            raise Expected(f"symbols of letters and digits, not {symbol!r}")
    if not found:
        raise ValueError
    return found


def _bands(value: object) -> tuple[float, ...]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else _list(value)
    found = tuple(_bounded(float, 0.01, 10_000)(part) for part in parts)
    if not found or list(found) != sorted(set(found)):
        raise ValueError
    return found


def _memory(value: object) -> str:
    """Read a size as DuckDB writes it."""
    size = _text(value).upper()
    found = MEMORY_SIZE.fullmatch(size)
    if found is None or not LEAST_MEMORY <= Decimal(found[1]) * MEMORY_BYTES[found[2]] <= MOST_MEMORY:
        raise ValueError
    return size


def _list(value: object) -> list[object]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


TEXT = Kind("a text", _text, "NAME")
TEXTS = Kind("texts with commas between them", _texts, "NAME")
PATH = Kind("a path", _path, "PATH")
SYMBOLS = Kind("symbols such as BTCUSDT,ETHUSDT", _symbols, "SYMBOL")
BANDS = Kind("half-widths in bps that grow, such as 5,10,25", _bands)
MEMORY = Kind("a size such as 512MB or 2GB, 64MB at least and 4096GB at most", _memory, "SIZE")
_RANGE = f"from {FIRST_DAY} to {LAST_DAY} in UTC"
MOMENT = Kind(f"a time such as 2026-01-31T12:00:00.250, {_RANGE}", _moment, "TIME")
DAY = Kind(f"a UTC day such as 2026-01-31, from {FIRST_DAY} to {LAST_DAY}", _day, "YYYY-MM-DD")
USD = Kind(f"USD from 0 to {MOST_USD}, with at most 6 decimals", _bounded(_usd, Decimal(0), MOST_USD))
