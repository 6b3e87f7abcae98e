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
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from leadline.book.analytics.shock import LEAST_LOOKS
from leadline.book.errors import BadInput
from leadline.flows.config.readers import (
    Expected,
    as_bands,
    as_memory,
    as_number,
    as_one_of,
    as_optional,
    as_path,
    as_symbols,
    as_text,
    as_texts,
    as_url,
    as_usd,
    as_venue,
    as_whole,
)

CONFIG_FILE = "leadline.toml"
DEFAULT_DB = Path("leadline.duckdb")
DEMO_DB = Path("demo.duckdb")
ENGINES = ("auto", "compiled", "plain")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


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
    legs: int = 1  # 2: two connections carry the same streams, what arrives first counts
    lag_s: float = 3.0  # a connection that stays later than this is left for another; 0: it stays
    weight_per_minute: int | None = None  # REST request weight we may use; None: the venue's limit
    engine: str = "auto"  # which book: compiled where numba is installed
    max_levels: int = 20_000  # per side and symbol
    buffer_limit: int = 10_000  # diffs kept per symbol while a seed is awaited
    snapshot_every_s: float = 10.0  # the sub-flow snapshot-depth
    snapshot_levels: int = 20
    snapshot_bands_bps: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0)
    snapshot_timeout_s: float = 20.0  # what reporting to Prefect may take
    pages_every_s: float = 30.0  # the artifacts of a stream in Prefect's UI are written anew
    analyze_every_s: float = 60.0  # a question is asked once within this time
    shock_look_s: float = 0.5  # a stream looks for shocks this often
    shock_window_s: float = 60.0  # a book's own past that it is held against; half of it is needed
    shock_imbalance_sds: float = 6.0  # robust standard deviations from the median
    shock_imbalance_least: float = 0.5  # and at least this much, of -1 to 1
    shock_spread_ratio: float = 5.0  # times the median
    shock_spread_least_bps: float = 2.0  # and at least this much above it
    shock_cooldown_s: float = 60.0  # a book has one shock within it
    shock_within_s: float = 2.0  # an analysis that could not begin by then is refused
    shock_analysis: str = "auto"  # auto: where a model is set up and ready; on, off
    llm_provider: str = "auto"  # the default one where its key is set, else the embedded model
    llm_base_url: str | None = None  # None: the provider's own
    llm_models: tuple[str, ...] = ()  # asked side by side; a>b: b where a cannot. Empty: the default
    llm_prompt: str = "auto"  # which of flows/prompts; auto: what fits the model
    llm_challengers: tuple[str, ...] = ()  # asked beside in shadow: model, model@prompt or @prompt
    llm_challengers_usd_per_day: Decimal = Decimal("0.25")  # cap on what they cost
    llm_deadline_s: float = 45.0  # of one question, waits and retries included
    llm_side_by_side: int = 4  # symbols
    local_gguf: Path | None = None  # weights of the embedded model; None: the packaged ones
    signal_horizon_s: int = 300  # how far ahead a signal looks
    signal_ttl_s: float = 60.0  # how long it may be acted on
    signal_stale_s: float = 10.0  # a book whose last update is older is not shown to anybody
    taker_fee_bps: float | None = None  # of one side; None: what the venue asks of everybody
    score_notional_usd: float = 10_000.0  # traded per signal: tokens are spread over it
    score_days: float = 14.0  # how far back signals are scored
    keep_texts_days: float = 30.0  # what was sent to models and what they said
    stats_every_s: float = 1.0  # one feed_stats row each
    audit_every_s: float = 60.0  # each book is held against a REST snapshot so often; 0: never
    audit_levels: int = 1000  # on each side, at most; fewer where the request weight does not do for all
    depth20: str = "off"  # on: every book is also held against its best 20 levels, ten times a second
    rotate_s: float = 86_400.0  # a stream run ends after this long; its schedule starts the next
    warm_s: float = 900.0  # a successor that is not warm by then leaves the stream to the old one
    host_grace_s: float = 5.0  # a connect or resync no flow took within this is done by the feed
    memory_limit: str = "1GB"  # of DuckDB
    threads: int = 2  # of DuckDB
    llm_budget_usd_per_day: Decimal = Decimal(1)  # for all calls, where the table budgets has no own cap
    keep_days: float = 30.0  # maintain-store
    export_to: Path | None = None  # maintain-store writes days to Parquet files there before they go
    llm_cost_drift_pct: float = 2.0  # a provider's own costs may differ this far from ours
    llm_shutdown_warn_days: float = 30.0  # before a model in use is switched off
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
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and "://" in value:
        return without_credentials(value)
    return value


def without_credentials(url: str) -> str:
    """Return ``url`` without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


READERS: Mapping[str, Callable[[object], Any]] = {
    "db": as_path,
    "home": as_path,
    "venue": as_venue,
    "symbols": as_symbols,
    "ws_url": as_url(("ws", "wss")),
    "rest_url": as_url(("http", "https")),
    "legs": as_whole(1, 2, unit="connections"),
    "lag_s": as_number(0, 600, unit="seconds"),
    "weight_per_minute": as_optional(as_whole(100, 1_000_000, unit="request weight")),
    "engine": as_one_of(ENGINES),
    "max_levels": as_whole(100, 1_000_000, unit="levels"),
    "buffer_limit": as_whole(10, 1_000_000, unit="diffs"),
    "snapshot_every_s": as_number(0.2, 86_400, unit="seconds"),
    "snapshot_levels": as_whole(1, 5_000, unit="levels"),
    "snapshot_bands_bps": as_bands,
    "snapshot_timeout_s": as_number(0.1, 600, unit="seconds"),
    "pages_every_s": as_number(1, 86_400, unit="seconds"),
    "analyze_every_s": as_number(1, 86_400, unit="seconds"),
    "shock_look_s": as_number(0.1, 5, unit="seconds"),
    "shock_window_s": as_number(10, 3_600, unit="seconds"),
    "shock_imbalance_sds": as_number(1, 100, unit="standard deviations"),
    "shock_imbalance_least": as_number(0.05, 2, unit="imbalance"),
    "shock_spread_ratio": as_number(1.1, 1_000, unit="times the median"),
    "shock_spread_least_bps": as_number(0.001, 10_000, unit="basis points"),
    "shock_cooldown_s": as_number(1, 86_400, unit="seconds"),
    "shock_within_s": as_number(0.5, 600, unit="seconds"),
    "shock_analysis": as_one_of(("auto", "on", "off")),
    "llm_provider": as_one_of(("auto", "none", "local", "holysheep", "custom")),
    "llm_base_url": as_url(("http", "https")),
    "llm_models": as_texts,
    "llm_prompt": as_text,
    "llm_challengers": as_texts,
    "llm_challengers_usd_per_day": as_usd("0", "100000"),
    "llm_deadline_s": as_number(1, 600, unit="seconds"),
    "llm_side_by_side": as_whole(1, 64, unit="symbols"),
    "local_gguf": as_optional(as_path),
    "signal_horizon_s": as_whole(1, 86_400, unit="seconds"),
    "signal_ttl_s": as_number(1, 86_400, unit="seconds"),
    "signal_stale_s": as_number(0.5, 600, unit="seconds"),
    "taker_fee_bps": as_optional(as_number(-10, 100, unit="basis points")),
    "score_notional_usd": as_number(1, 1e9, unit="USD"),
    "score_days": as_number(0.01, 3_650, unit="days"),
    "keep_texts_days": as_number(0.01, 36_500, unit="days"),
    "stats_every_s": as_number(0.1, 3_600, unit="seconds"),
    "audit_every_s": as_number(0, 86_400, unit="seconds"),
    "audit_levels": as_whole(50, 5_000, unit="levels"),
    "depth20": as_one_of(("on", "off")),
    "rotate_s": as_number(1, 31 * 86_400, unit="seconds"),
    "warm_s": as_number(1, 86_400, unit="seconds"),
    "host_grace_s": as_number(0, 3_600, unit="seconds"),
    "memory_limit": as_memory,
    "threads": as_whole(1, 64, unit="threads"),
    "keep_days": as_number(0.01, 36_500, unit="days"),
    "export_to": as_optional(as_path),
    "llm_budget_usd_per_day": as_usd("0", "100000"),
    "llm_cost_drift_pct": as_number(0, 1_000, unit="percent"),
    "llm_shutdown_warn_days": as_number(0, 3_650, unit="days"),
    "log_level": as_one_of(LOG_LEVELS, upper=True),
}


def _read(origin: str, key: str, value: object) -> Any:
    reader = READERS.get(key)
    if reader is None:
        raise BadSetting(f"{origin}: there is no setting {key!r}; known are {', '.join(sorted(READERS))}")
    try:
        return reader(value)
    except Expected as exc:
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
    origin: str = "flag",
    variables: Mapping[str, object] | None = None,
) -> Settings:
    """
    Put the settings together for a command or a run; flags whose value is None were not given.

    ``origin`` says in errors what ``flags`` are: flags of a command, or for example a flow's parameters;
    ``variables`` stand between file and environment (`flows.config.run_settings`).

    Reads ``folder``/leadline.toml (default: the working folder) or the file that ``LEADLINE_CONFIG``
    names. Raises `BadSetting`.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("LEADLINE_CONFIG")
    path = Path(named) if named else (folder or Path()) / CONFIG_FILE
    values = _from_file(path, required=bool(named))
    for key, value in (variables or {}).items():
        values[key] = _read(f"Prefect Variable leadline_{key}", key, value)
    for key in READERS:
        name = f"LEADLINE_{key.upper()}"
        if name in environ:
            values[key] = _read(f"environment {name}", key, environ[name])
    for key, value in (flags or {}).items():
        if value is not None:
            name = "--" + key.replace("_", "-") if origin == "flag" else origin
            values[key] = _read(name, key, value)
    settings = Settings(**values)  # type: ignore[arg-type]
    if settings.shock_window_s < (least_s := 2 * LEAST_LOOKS * settings.shock_look_s):
        raise BadSetting(
            f"shock_window_s = {settings.shock_window_s:g}: expected {least_s:g} or more, "
            f"{2 * LEAST_LOOKS} times shock_look_s: no shock would ever be seen"
        )
    return settings


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
