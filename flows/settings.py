"""
All settings, read once: defaults < ``leadline.toml`` < ``LEADLINE_*`` environment < flags.

Nothing else in the project reads the environment or a settings file; the values travel as plain
arguments. There are no secrets here: keys are looked up where they are used and never printed.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from book.errors import BadInput

CONFIG_FILE = "leadline.toml"
DEFAULT_DB = Path("leadline.duckdb")
DEMO_DB = Path("demo.duckdb")
VENUES = (
    "binance-spot",
    "binance-usdm",
    "binance-coinm",
    "loopback-spot",
    "loopback-usdm",
    "loopback-coinm",
)
VENUE_ALIASES = {"loopback": "loopback-spot", "binance": "binance-spot"}
ENGINES = ("auto", "compiled", "plain")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class _Expected(Exception):
    """What a reader wanted instead; `_read` adds where the value came from."""


class BadSetting(BadInput):
    """A setting cannot be used; the message names its origin, key, value and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be chosen; each field is a key of the file and of ``LEADLINE_<KEY>``."""

    db: Path = DEFAULT_DB
    home: Path = Path(".leadline")  # logs, the private Prefect server's database
    venue: str = "binance-spot"
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    ws_url: str | None = None  # None: the venue's own
    rest_url: str | None = None
    weight_per_minute: int | None = None  # REST request weight we may use; None: the venue's limit
    engine: str = "auto"  # which book: compiled where numba is installed
    max_levels: int = 20_000  # per side and symbol
    buffer_limit: int = 10_000  # diffs kept per symbol while a seed is awaited
    snapshot_every_s: float = 10.0  # the sub-flow snapshot-depth
    snapshot_levels: int = 20
    snapshot_bands_bps: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0)
    snapshot_timeout_s: float = 20.0  # what reporting to Prefect may take
    stats_every_s: float = 1.0  # one feed_stats row each
    rotate_s: float = 86_400.0  # a stream run ends after this long; its schedule starts the next
    host_grace_s: float = 5.0  # a connect or resync no flow took within this is done by the feed
    memory_limit: str = "1GB"  # of DuckDB
    threads: int = 2  # of DuckDB
    keep_days: float = 30.0  # maintain-store
    log_level: str = "INFO"

    @property
    def is_loopback(self) -> bool:
        """Whether the venue is the built-in one."""
        return self.venue.startswith("loopback-")

    @property
    def log_file(self) -> Path:
        """The local log, which needs no Prefect API."""
        return self.home / "stream.log"

    def shown(self) -> dict[str, object]:
        """Return the settings as plain values for a person or a program; URLs lose user and password."""
        return {field.name: _shown(getattr(self, field.name)) for field in fields(self)}


def _shown(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and "://" in value:
        return without_credentials(value)
    return value


def without_credentials(url: str) -> str:
    """Return ``url`` without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise _Expected("a text")


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    return Path(_text(value)).expanduser()


def _url(schemes: tuple[str, ...]) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        if value in (None, ""):
            return None
        parts = urlsplit(_text(value))
        if parts.scheme not in schemes or not parts.netloc:
            raise _Expected(f"a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return _text(value)

    return read


def _one_of(allowed: tuple[str, ...], *, upper: bool = False) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value).upper() if upper else _text(value)
        if text not in allowed:
            raise _Expected("one of " + ", ".join(allowed))
        return text

    return read


def _venue(value: object) -> str:
    text = _text(value).lower()
    text = VENUE_ALIASES.get(text, text)
    if text not in VENUES:
        raise _Expected("one of " + ", ".join((*VENUES, *VENUE_ALIASES)))
    return text


def _symbols(value: object) -> tuple[str, ...]:
    """Read symbols from a list or from text with commas or spaces; case as the venue writes it: upper."""
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise _Expected("symbols such as BTCUSDT,ETHUSDT")
    symbols = tuple(dict.fromkeys(_text(text).upper() for text in texts))
    for symbol in symbols:
        if not symbol.replace("_", "").replace("-", "").isalnum():
            raise _Expected(f"symbols of letters and digits, not {symbol!r}")
    return symbols


def _number(low: float, high: float, *, unit: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        expected = f"a number of {unit} from {low:g} to {high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise _Expected(expected)
        try:
            number = float(value)
        except ValueError:
            raise _Expected(expected) from None
        if not low <= number <= high:
            raise _Expected(expected)
        return number

    return read


def _whole(low: int, high: int, *, unit: str) -> Callable[[object], int]:
    def read(value: object) -> int:
        expected = f"a whole number of {unit} from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise _Expected(expected)
        try:
            number = int(value)
        except ValueError:
            raise _Expected(expected) from None
        if not low <= number <= high:
            raise _Expected(expected)
        return number

    return read


def _optional(read: Callable[[object], int]) -> Callable[[object], int | None]:
    return lambda value: None if value in (None, "") else read(value)


def _bands(value: object) -> tuple[float, ...]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    read = _number(0.01, 10_000, unit="bps")
    if not isinstance(parts, list | tuple) or not parts:
        raise _Expected("half-widths in bps such as 5,10,25")
    bands = tuple(read(part) for part in parts)
    if list(bands) != sorted(set(bands)):
        raise _Expected("half-widths in bps that grow, such as 5,10,25")
    return bands


def _memory(value: object) -> str:
    text = _text(value).upper()
    number, unit = text.rstrip("KMGIB"), text.lstrip("0123456789. ")
    if unit not in ("MB", "GB", "MIB", "GIB") or not number.strip().replace(".", "", 1).isdigit():
        raise _Expected("a size such as 512MB or 2GB")
    return text


READERS: Mapping[str, Callable[[object], Any]] = {
    "db": _path,
    "home": _path,
    "venue": _venue,
    "symbols": _symbols,
    "ws_url": _url(("ws", "wss")),
    "rest_url": _url(("http", "https")),
    "weight_per_minute": _optional(_whole(100, 1_000_000, unit="request weight")),
    "engine": _one_of(ENGINES),
    "max_levels": _whole(100, 1_000_000, unit="levels"),
    "buffer_limit": _whole(10, 1_000_000, unit="diffs"),
    "snapshot_every_s": _number(0.2, 86_400, unit="seconds"),
    "snapshot_levels": _whole(1, 5_000, unit="levels"),
    "snapshot_bands_bps": _bands,
    "snapshot_timeout_s": _number(0.1, 600, unit="seconds"),
    "stats_every_s": _number(0.1, 3_600, unit="seconds"),
    "rotate_s": _number(1, 31 * 86_400, unit="seconds"),
    "host_grace_s": _number(0, 3_600, unit="seconds"),
    "memory_limit": _memory,
    "threads": _whole(1, 64, unit="threads"),
    "keep_days": _number(0.01, 36_500, unit="days"),
    "log_level": _one_of(LOG_LEVELS, upper=True),
}


def _read(origin: str, key: str, value: object) -> Any:
    reader = READERS.get(key)
    if reader is None:
        raise BadSetting(f"{origin}: there is no setting {key!r}; known are {', '.join(sorted(READERS))}")
    try:
        return reader(value)
    except _Expected as exc:
        raise BadSetting(f"{origin}: {key} = {value!r}: expected {exc}") from None


def _from_file(path: Path, *, required: bool) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise BadSetting(f"{path}: no such settings file") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadSetting(f"{path}: not a readable TOML file: {exc}") from exc
    return {key: _read(str(path), key, value) for key, value in values.items()}


def load(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """
    Put the settings together for a command; flags whose value is None were not given.

    Reads ``folder``/leadline.toml (default: the working folder) or the file that ``LEADLINE_CONFIG``
    names. Raises `BadSetting`.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("LEADLINE_CONFIG")
    path = Path(named) if named else (folder or Path()) / CONFIG_FILE
    values = _from_file(path, required=bool(named))
    for key in READERS:
        name = f"LEADLINE_{key.upper()}"
        if name in environ:
            values[key] = _read(f"environment {name}", key, environ[name])
    for key, value in (flags or {}).items():
        if value is not None:
            values[key] = _read("--" + key.replace("_", "-"), key, value)
    return Settings(**values)  # type: ignore[arg-type]


def db_to_read(settings: Settings, *, folder: Path | None = None) -> tuple[Path, str | None]:
    """
    Choose the database of a command that reads, and a word for stderr if the choice is not obvious.

    Where nobody chose one and only the demo's exists, it is the demo's.
    """
    here = folder or Path()
    if settings.db == DEFAULT_DB and not (here / DEFAULT_DB).exists() and (here / DEMO_DB).exists():
        return DEMO_DB, f"no {DEFAULT_DB} here; reading {DEMO_DB}"
    return settings.db, None


def from_args(args: argparse.Namespace) -> Settings:
    """Put the settings of a command together from those of its flags that are settings."""
    flags = {key: value for key, value in vars(args).items() if key in READERS}
    if isinstance(flags.get("symbols"), list):
        flags["symbols"] = ",".join(flags["symbols"])
    return load(flags)
