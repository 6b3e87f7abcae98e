"""
Readers of single settings: a value from a file, the environment or a flag, as what it means.

Each returns the typed value or raises `Expected` with the words of what was wanted; `flows.config.settings`
adds where the value came from.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

VENUES = (
    "binance-spot",
    "binance-usdm",
    "binance-coinm",
    "loopback-spot",
    "loopback-usdm",
    "loopback-coinm",
)
VENUE_ALIASES = {"loopback": "loopback-spot", "binance": "binance-spot"}


class Expected(Exception):
    """What a reader wanted instead; ``flows.config.settings`` adds where it came from."""


def as_text(value: object) -> str:
    """Read a text that is not blank."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise Expected("a text")


def as_path(value: object) -> Path:
    """Read a path; ``~`` is the home folder."""
    if isinstance(value, Path):
        return value
    return Path(as_text(value)).expanduser()


def as_url(schemes: tuple[str, ...]) -> Callable[[object], str | None]:
    """Make a reader of URLs with one of ``schemes``; empty is None."""

    def read(value: object) -> str | None:
        if value in (None, ""):
            return None
        parts = urlsplit(as_text(value))
        if parts.scheme not in schemes or not parts.netloc:
            raise Expected(f"a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return as_text(value)

    return read


def as_one_of(allowed: tuple[str, ...], *, upper: bool = False) -> Callable[[object], str]:
    """Make a reader of one of a few words."""

    def read(value: object) -> str:
        text = as_text(value).upper() if upper else as_text(value)
        if text not in allowed:
            raise Expected("one of " + ", ".join(allowed))
        return text

    return read


def as_venue(value: object) -> str:
    """Read a venue or an alias of one."""
    text = as_text(value).lower()
    text = VENUE_ALIASES.get(text, text)
    if text not in VENUES:
        raise Expected("one of " + ", ".join((*VENUES, *VENUE_ALIASES)))
    return text


def as_symbols(value: object) -> tuple[str, ...]:
    """Read symbols from a list or from text with commas or spaces; case as the venue writes it: upper."""
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise Expected("symbols such as BTCUSDT,ETHUSDT")
    symbols = tuple(dict.fromkeys(as_text(text).upper() for text in texts))
    for symbol in symbols:
        if not symbol.replace("_", "").replace("-", "").isalnum():
            raise Expected(f"symbols of letters and digits, not {symbol!r}")
    return symbols


def as_number(low: float, high: float, *, unit: str) -> Callable[[object], float]:
    """Make a reader of numbers from ``low`` to ``high``."""

    def read(value: object) -> float:
        expected = f"a number of {unit} from {low:g} to {high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Expected(expected)
        try:
            number = float(value)
        except ValueError:
            raise Expected(expected) from None
        if not low <= number <= high:
            raise Expected(expected)
        return number

    return read


def as_whole(low: int, high: int, *, unit: str) -> Callable[[object], int]:
    """Make a reader of whole numbers from ``low`` to ``high``."""

    def read(value: object) -> int:
        expected = f"a whole number of {unit} from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise Expected(expected)
        try:
            number = int(value)
        except ValueError:
            raise Expected(expected) from None
        if not low <= number <= high:
            raise Expected(expected)
        return number

    return read


def as_usd(low: str, high: str) -> Callable[[object], Decimal]:
    """Make a reader of amounts of money, exact to a micro-dollar."""

    def read(value: object) -> Decimal:
        expected = f"USD from {low} to {high}, with at most 6 decimals"
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise Expected(expected)
        try:
            usd = Decimal(str(value).strip())
        except InvalidOperation:
            raise Expected(expected) from None
        if not usd.is_finite() or not Decimal(low) <= usd <= Decimal(high) or usd != round(usd, 6):
            raise Expected(expected)
        return usd

    return read


def as_texts(value: object) -> tuple[str, ...]:
    """Read texts from a list or from text with commas; none is none."""
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise Expected("texts with commas between them")
    return tuple(dict.fromkeys(as_text(text) for text in texts if text != ""))


def as_optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Let a reader take empty as None."""
    return lambda value: None if value in (None, "") else read(value)


def as_bands(value: object) -> tuple[float, ...]:
    """Read half-widths in bps that grow."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    read = as_number(0.01, 10_000, unit="bps")
    if not isinstance(parts, list | tuple) or not parts:
        raise Expected("half-widths in bps such as 5,10,25")
    bands = tuple(read(part) for part in parts)
    if list(bands) != sorted(set(bands)):
        raise Expected("half-widths in bps that grow, such as 5,10,25")
    return bands


def as_memory(value: object) -> str:
    """Read a size as DuckDB writes it."""
    text = as_text(value).upper()
    number, unit = text.rstrip("KMGIB"), text.lstrip("0123456789. ")
    if unit not in ("MB", "GB", "MIB", "GIB") or not number.strip().replace(".", "", 1).isdigit():
        raise Expected("a size such as 512MB or 2GB")
    return text
