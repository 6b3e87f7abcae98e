"""Kinds of value that a setting can have: how one is read, and what is expected in words."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leadline.book.errors import did_you_mean

MEMORY_UNITS = ("MB", "GB", "MIB", "GIB")
MOST_USD = Decimal(100_000)


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
        except (ValueError, TypeError):
            raise Expected(self.expected) from None


def url(*schemes: str) -> Kind:
    """Make the kind of URLs with one of ``schemes``."""

    def parse(value: object) -> str:
        parts = urlsplit(_text(value))
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError
        return _text(value)

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


def number(low: float, high: float, unit: str) -> Kind:
    """Make the kind of numbers from ``low`` to ``high``."""
    return Kind(f"a number of {unit} from {low:.10g} to {high:.10g}", _bounded(float, low, high))


def seconds(low: float, high: float) -> Kind:
    """Make the kind of numbers of seconds."""
    return number(low, high, "seconds")


def days(low: float, high: float) -> Kind:
    """Make the kind of numbers of days."""
    return number(low, high, "days")


def whole(low: int, high: int, unit: str) -> Kind:
    """Make the kind of whole numbers from ``low`` to ``high``."""
    return Kind(f"a whole number of {unit} from {low} to {high}", _bounded(_whole, low, high))


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
        return value.strip()
    raise Expected("a text")


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


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
    amount, unit = size.rstrip("KMGIB"), size.lstrip("0123456789. ")
    if unit not in MEMORY_UNITS or not amount.strip().replace(".", "", 1).isdigit():
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
MEMORY = Kind("a size such as 512MB or 2GB", _memory, "SIZE")
USD = Kind(f"USD from 0 to {MOST_USD}, with at most 6 decimals", _bounded(_usd, Decimal(0), MOST_USD))
