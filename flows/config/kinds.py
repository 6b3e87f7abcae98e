"""
Kinds of setting: how a value from a file, the environment or a flag is read, and what it has to be.

Each public function declares one field of `flows.config.settings.Settings`: its default, bounds, unit and
text. It returns what ``dataclasses.field`` returns, typed as Any so that the field keeps its own type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leadline.book.errors import did_you_mean

VENUES = (
    "binance-spot",
    "binance-usdm",
    "binance-coinm",
    "loopback-spot",
    "loopback-usdm",
    "loopback-coinm",
)
VENUE_ALIASES = {"loopback": "loopback-spot", "binance": "binance-spot"}
MEMORY_UNITS = ("MB", "GB", "MIB", "GIB")
MOST_USD = Decimal(100_000)
USD_EXPECTED = f"USD from 0 to {MOST_USD}, with at most 6 decimals"


class Expected(Exception):
    """What a value should have been; whoever reads it adds where it came from."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the values of one setting are, and what the setting is for."""

    text: str  # what it does, for help and documents
    expected: str  # what a value has to be, with unit and bounds
    parse: Callable[[object], Any]  # ValueError, TypeError: not as expected; Expected says it better
    default: object
    metavar: str = "N"
    flag: str = ""  # on the command line, where it is not named like the key
    none: str = ""  # what the default means, where that is the lack of a value

    def read(self, value: object) -> Any:
        """Return the typed value; raises `Expected`."""
        if self.none and value in (None, ""):
            return self.default
        try:
            return self.parse(value)
        except (ValueError, TypeError):
            raise Expected(self.expected) from None


def text(default: str, about: str) -> Any:
    """Declare a text that is not blank."""
    return _declare(default, about, "a text", _text, metavar="NAME")


def path(default: Path | None, about: str, *, none: str = "") -> Any:
    """Declare a path; ``~`` is the home folder."""
    return _declare(default, about, "a path", _path, metavar="PATH", none=none)


def url(schemes: tuple[str, ...], about: str, *, none: str) -> Any:
    """Declare a URL with one of ``schemes``."""

    def parse(value: object) -> str:
        parts = urlsplit(_text(value))
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError
        return _text(value)

    expected = f"a URL that begins with {' or '.join(scheme + '://' for scheme in schemes)}"
    return _declare(None, about, expected, parse, metavar="URL", none=none)


def choice(
    default: str, allowed: tuple[str, ...], about: str, *, upper: bool = False, flag: str = ""
) -> Any:
    """Declare one of a few words; with ``upper`` they may be written in any case."""
    parse = _one_of(allowed, str.upper if upper else str)
    return _declare(default, about, _choices(allowed), parse, metavar="NAME", flag=flag)


def venue(default: str, about: str) -> Any:
    """Declare a venue or an alias of one."""
    names = (*VENUES, *VENUE_ALIASES)
    parse = _one_of(names, lambda name: VENUE_ALIASES.get(name.lower(), name.lower()))
    return _declare(default, about, _choices(names), parse, metavar="VENUE")


def symbols(default: tuple[str, ...], about: str) -> Any:
    """Declare symbols: a list, or text with commas or spaces; in upper case, as the venue's are."""

    def parse(value: object) -> tuple[str, ...]:
        parts = [part for each in _items(value) for part in _text(each).replace(",", " ").split()]
        found = tuple(dict.fromkeys(part.upper() for part in parts))
        for symbol in found:
            if not symbol.replace("_", "").replace("-", "").isalnum():
                raise Expected(f"symbols of letters and digits, not {symbol!r}")
        if not found:
            raise ValueError
        return found

    return _declare(default, about, "symbols such as BTCUSDT,ETHUSDT", parse, metavar="SYMBOL")


def texts(about: str, *, none: str, flag: str = "") -> Any:
    """Declare texts: a list, or text with commas."""

    def parse(value: object) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else _items(value)
        return tuple(dict.fromkeys(_text(part) for part in parts if part != ""))

    expected = "texts with commas between them"
    return _declare((), about, expected, parse, metavar="NAME", flag=flag, none=none)


def number(
    default: float | None, low: float, high: float, unit: str, about: str, *, flag: str = "", none: str = ""
) -> Any:
    """Declare a number from ``low`` to ``high``."""
    expected = f"a number of {unit} from {low:.10g} to {high:.10g}"
    return _declare(default, about, expected, _bounded(float, low, high), flag=flag, none=none)


def whole(default: int | None, low: int, high: int, unit: str, about: str, *, none: str = "") -> Any:
    """Declare a whole number from ``low`` to ``high``."""
    expected = f"a whole number of {unit} from {low} to {high}"
    return _declare(default, about, expected, _bounded(_whole, low, high), none=none)


def usd(default: Decimal, about: str) -> Any:
    """Declare an amount of money, exact to a micro-dollar."""
    return _declare(default, about, USD_EXPECTED, read_usd)


def bands(default: tuple[float, ...], about: str) -> Any:
    """Declare half-widths in bps that grow."""
    half_width = _bounded(float, 0.01, 10_000)

    def parse(value: object) -> tuple[float, ...]:
        parts = value.replace(",", " ").split() if isinstance(value, str) else _items(value)
        found = tuple(half_width(part) for part in parts)
        if not found or list(found) != sorted(set(found)):
            raise ValueError
        return found

    return _declare(default, about, "half-widths in bps that grow, such as 5,10,25", parse)


def memory(default: str, about: str) -> Any:
    """Declare a size as DuckDB writes it."""

    def parse(value: object) -> str:
        size = _text(value).upper()
        amount, unit = size.rstrip("KMGIB"), size.lstrip("0123456789. ")
        if unit not in MEMORY_UNITS or not amount.strip().replace(".", "", 1).isdigit():
            raise ValueError
        return size

    return _declare(default, about, "a size such as 512MB or 2GB", parse, metavar="SIZE")


def read_usd(value: object) -> Decimal:
    """Read an amount of money; raises ValueError where it is not `USD_EXPECTED`."""
    usd: Decimal = _bounded(_micros, Decimal(0), MOST_USD)(value)
    return usd


def _declare(
    default: object, about: str, expected: str, parse: Callable[[object], Any], **more: str
) -> Any:
    return field(default=default, metadata={"kind": Kind(about, expected, parse, default, **more)})


def _choices(allowed: tuple[str, ...]) -> str:
    return "one of " + ", ".join(allowed)


def _one_of(allowed: tuple[str, ...], usual: Callable[[str], str]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        name = usual(_text(value))
        if name not in allowed:
            raise Expected(_choices(allowed) + did_you_mean(name, allowed))
        return name

    return parse


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


def _micros(value: object) -> Decimal:
    try:
        found = Decimal(str(value).strip())
        if found.is_finite() and found == round(found, 6):
            return found
    except InvalidOperation:
        pass
    raise ValueError


def _items(value: object) -> list[object]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise Expected("a text")


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()
