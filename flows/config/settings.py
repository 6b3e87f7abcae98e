"""
All settings, declared once: default < ``leadline.toml`` < ``LEADLINE_<KEY>`` < flag.

One line declares a setting's key, type, default, bounds, unit and text. Its names in the file, in the
environment and as a Prefect Variable follow from the key. Flags, ``leadline doctor``, error messages and
``docs/settings.md`` are made from `SETTINGS`. Nothing else in the project reads the environment or a
settings file; values travel as plain arguments. Keys of providers are no settings: they are read where
they are used and never printed.
"""
# ruff: noqa: RUF009 - ``setting`` returns a dataclasses.field

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from leadline.book.analytics.shock import LEAST_LOOKS
from leadline.book.errors import BadInput, did_you_mean
from leadline.book.venues.registry import ALIASES, CUSTOMS, VENUES, at_given_address
from leadline.flows.config.kinds import (
    BANDS,
    MEMORY,
    PATH,
    SYMBOLS,
    TEXT,
    TEXTS,
    USD,
    Expected,
    Kind,
    choice,
    days,
    number,
    seconds,
    shown,
    url,
    whole,
)

CONFIG_FILE = "leadline.toml"
DEFAULT_DB = Path("leadline.duckdb")
DEMO_DB = Path("demo.duckdb")
DAY_S = 86_400
ENGINES = ("auto", "compiled", "plain")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PROVIDERS = ("auto", "none", "local", "holysheep", "custom")
PREFIX = "LEADLINE_"
# Names in the environment that are no settings: the file itself, a key, a folder for tests and benchmarks.
NOT_SETTINGS = ("LEADLINE_CONFIG", "LEADLINE_LLM_API_KEY", "LEADLINE_RECORDINGS")
# Kubernetes gives every pod these for a Service named leadline, or leadline-something.
KUBERNETES = re.compile(r"LEADLINE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
OWN = "the venue's own"
TIME_UNITS_NS = {"millisecond": 1_000_000, "microsecond": 1_000}
BPS = (5.0, 10.0, 25.0, 50.0)
VENUE = choice(
    *VENUES,
    *ALIASES,
    unlisted=CUSTOMS,
    usual=lambda name: ALIASES.get(name.lower(), name.lower()),
    metavar="VENUE",
)
T = TypeVar("T")


class BadSetting(BadInput):
    """A setting cannot be used; the message names its origin, key, value and what was expected."""


def setting(default: T, kind: Kind, text: str, *, flag: str = "", none: str = "") -> T:
    """
    Declare a setting with its default, its kind and a sentence about it.

    ``flag``: on the command line, where it is not named like the key. ``none``: what the default means,
    where that is the lack of a value.
    """
    metadata = {"kind": kind, "text": text, "short_flag": flag, "none": none}
    declared: T = field(default=default, metadata=metadata)
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a person can choose."""

    db: Path = setting(DEFAULT_DB, PATH, "The database.")
    home: Path = setting(Path(".leadline"), PATH, "Folder for logs and the private Prefect server.")
    export_to: Path | None = setting(None, PATH, "Folder for exports and certificates.", none="no export")
    memory_limit: str = setting("1GB", MEMORY, "Memory that DuckDB may use.")
    threads: int = setting(2, whole(1, 64, "threads"), "Threads that DuckDB may use.")
    log_level: str = setting("INFO", choice(*LOG_LEVELS, usual=str.upper), "Least severe line to log.")

    venue: str = setting(
        "binance-spot", VENUE, "The venue, as its rows name it; loopback: the built-in one."
    )
    symbols: tuple[str, ...] = setting(("BTCUSDT", "ETHUSDT"), SYMBOLS, "The symbols.")
    ws_url: str | None = setting(
        None, url("ws", "wss"), "WebSocket address; rows then say custom-VENUE.", none=OWN
    )
    rest_url: str | None = setting(
        None, url("http", "https"), "REST address; rows then say custom-VENUE.", none=OWN
    )
    time_unit: str = setting("millisecond", choice(*TIME_UNITS_NS), "Unit of times to ask the venue for.")
    weight_per_minute: int | None = setting(
        None, whole(100, 1_000_000, "units"), "REST request weight to use.", none="the venue's limit"
    )
    legs: int = setting(1, whole(1, 2, "connections"), "Same streams on each; the first copy counts.")
    lag_s: float = setting(3.0, seconds(0, 600), "A connection later than this is replaced; 0: never.")

    engine: str = setting("auto", choice(*ENGINES), "Book engine; auto: compiled where numba is installed.")
    max_levels: int = setting(20_000, whole(100, 1_000_000, "levels"), "Most levels on a side of a book.")
    buffer_limit: int = setting(10_000, whole(10, 1_000_000, "diffs"), "Diffs to buffer before a seed.")
    stats_every_s: float = setting(1.0, seconds(0.1, 3_600), "Interval of rows in feed_stats.")
    status_every_s: float = setting(300.0, seconds(0.1, DAY_S), "Interval of asking if a symbol trades.")
    audit_every_s: float = setting(60.0, seconds(0, DAY_S), "Interval of audits by REST; 0: in doubt only.")
    audit_levels: int = setting(1000, whole(50, 5_000, "levels"), "Most levels on a side to audit.")
    backfill_trades: int = setting(
        5_000, whole(0, 20_000, "trades"), "Larger holes are not asked for; 0: none."
    )
    depth20: str = setting("off", choice("on", "off"), "Also compare with the venue's 20 best levels.")
    rotate_s: float = setting(86_400.0, seconds(1, 31 * DAY_S), "A stream hands over after this long.")
    warm_s: float = setting(900.0, seconds(1, DAY_S), "A successor not warm by then gives up.")
    host_grace_s: float = setting(
        5.0,
        seconds(0, 3_600),
        "Time for a Prefect task to connect or resync before the feed does it itself.",
    )

    snapshot_every_s: float = setting(
        10.0, seconds(0.2, DAY_S), "Interval of depth snapshots.", flag="--snapshot-every"
    )
    snapshot_levels: int = setting(20, whole(1, 5_000, "levels"), "Levels on a side of a depth snapshot.")
    snapshot_bands_bps: tuple[float, ...] = setting(
        BPS, BANDS, "Bands around the mid whose depth is summed."
    )
    snapshot_timeout_s: float = setting(20.0, seconds(0.1, 600), "Limit for reporting one to Prefect.")
    pages_every_s: float = setting(30.0, seconds(1, DAY_S), "Interval of a stream's artifacts in Prefect.")

    llm_provider: str = setting(
        "auto",
        choice(*PROVIDERS),
        "Provider; auto: holysheep with its key, else local.",
        flag="--provider",
    )
    llm_base_url: str | None = setting(
        None, url("http", "https"), "Address of the API.", none="the provider's own"
    )
    llm_models: tuple[str, ...] = setting(
        (),
        TEXTS,
        "Models to ask; a>b: b where a cannot answer.",
        none="the provider's default",
        flag="--model",
    )
    llm_prompt: str = setting("auto", TEXT, "Prompt version; auto: the one that fits the model.")
    llm_challengers: tuple[str, ...] = setting(
        (), TEXTS, "Asked in shadow: model, model@prompt or @prompt.", none="none"
    )
    llm_challengers_usd_per_day: Decimal = setting(Decimal("0.25"), USD, "Budget of challengers.")
    llm_budget_usd_per_day: Decimal = setting(Decimal(1), USD, "Budget, unless the table budgets has one.")
    llm_deadline_s: float = setting(45.0, seconds(1, 600), "Limit for one question, retries included.")
    llm_side_by_side: int = setting(4, whole(1, 64, "symbols"), "Symbols to ask about at the same time.")
    llm_cost_drift_pct: float = setting(
        2.0, number(0, 1_000, "percentage points"), "Warn if a provider's costs differ this much from ours."
    )
    llm_shutdown_warn_days: float = setting(
        30.0, days(0, 3_650), "Warn before a model in use is switched off."
    )
    local_gguf: Path | None = setting(
        None, PATH, "Weights of the embedded model.", none="the packaged ones"
    )

    analyze_every_s: float = setting(60.0, seconds(1, DAY_S), "A question is asked once within this time.")
    signal_horizon_s: int = setting(300, whole(1, DAY_S, "seconds"), "How far ahead a signal predicts.")
    signal_ttl_s: float = setting(60.0, seconds(1, DAY_S), "How long a signal is valid.")
    signal_stale_s: float = setting(
        10.0, seconds(0.5, 600), "A book not updated for longer gets no signal."
    )
    taker_fee_bps: float | None = setting(
        None, number(-10, 100, "basis points"), "Taker fee of one side.", none="the venue's standard fee"
    )
    score_notional_usd: float = setting(
        10_000.0, number(1, 1e9, "USD"), "Traded on each signal; the cost of its tokens is spread over it."
    )
    score_days: float = setting(14.0, days(0.01, 3_650), "How far back to score signals.", flag="--days")

    shock_look_s: float = setting(0.5, seconds(0.1, 5), "Interval of checks for shocks.")
    shock_window_s: float = setting(60.0, seconds(10, 3_600), "Past to compare with; half must exist.")
    shock_imbalance_sds: float = setting(
        6.0, number(1, 100, "standard deviations"), "Imbalance shock: robust deviations from the median."
    )
    shock_imbalance_least: float = setting(
        0.5, number(0.05, 2, "units of imbalance"), "Imbalance shock: least distance from the median."
    )
    shock_spread_ratio: float = setting(
        5.0, number(1.1, 1_000, "multiples of the median"), "Spread shock: least ratio to the median."
    )
    shock_spread_least_bps: float = setting(
        2.0, number(0.001, 10_000, "basis points"), "Spread shock: least distance above the median."
    )
    shock_cooldown_s: float = setting(60.0, seconds(1, DAY_S), "A book has one shock within this time.")
    shock_within_s: float = setting(2.0, seconds(0.5, 600), "An analysis that starts later is refused.")
    shock_analysis: str = setting(
        "auto", choice("auto", "on", "off"), "Ask a model; auto: if one is ready."
    )

    keep_days: float = setting(30.0, days(0.01, 36_500), "maintain-store deletes older rows.")
    keep_texts_days: float = setting(30.0, days(0.01, 36_500), "Older prompts and answers are deleted.")

    def __post_init__(self) -> None:
        """Name a venue at an address that was given: its rows must not pass for the exchange's own."""
        if self.ws_url is not None or self.rest_url is not None:
            object.__setattr__(self, "venue", at_given_address(self.venue))

    @property
    def is_loopback(self) -> bool:
        """Whether the venue is the built-in one."""
        return self.venue.startswith("loopback-")

    @property
    def bans_file(self) -> Path:
        """What the venue told us to wait for, in common to all processes of this home."""
        return self.home / "bans.json"

    @property
    def log_file(self) -> Path:
        """The local log, which needs no Prefect API."""
        return self.home / "stream.log"

    def shown(self) -> dict[str, object]:
        """Return the settings as plain values for a person or a program; URLs lose user and password."""
        return {key: _shown(getattr(self, key)) for key in SETTINGS}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it was declared, and its names."""

    key: str
    default: object
    kind: Kind
    text: str
    short_flag: str
    none: str

    @property
    def env(self) -> str:
        """Its name in the environment."""
        return f"{PREFIX}{self.key.upper()}"

    @property
    def flag(self) -> str:
        """Its name on the command line, of those commands that take it."""
        return self.short_flag or f"--{self.key.replace('_', '-')}"

    def read(self, value: object) -> Any:
        """Return the typed value; raises `Expected`."""
        return self.default if self.none and value in (None, "") else self.kind.read(value)

    def in_words(self, value: object) -> str:
        """Return a value as a person reads it."""
        if self.none and value == self.default:
            return self.none
        shown = _shown(value)
        parts = shown if isinstance(shown, list) else [shown]
        return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)


SETTINGS: Mapping[str, Setting] = {
    each.name: Setting(each.name, each.default, **each.metadata) for each in fields(Settings)
}


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


def as_text(value: object) -> str:
    """Return a value as a program reads it from the environment."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def without_credentials(url: str) -> str:
    """Return ``url`` without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _read(origin: str, key: str, value: object) -> Any:
    try:
        return SETTINGS[key].read(value)
    except Expected as exc:
        raise BadSetting(f"{origin}: {key} = {shown(value)}: expected {exc}") from None


def _from_file(path: Path, *, required: bool) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise BadSetting(f"{path}: no such settings file") from None
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise BadSetting(f"{path}: not a readable TOML file: {exc}") from exc
    for key in values:
        if key not in SETTINGS:
            raise BadSetting(f"{path}: there is no setting {key!r}{_hint(key, SETTINGS, '')}")
    return {key: _read(str(path), key, value) for key, value in values.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    known = {each.env: key for key, each in SETTINGS.items()}
    found: dict[str, object] = {}
    for name, value in environ.items():
        if name in known:
            found[known[name]] = _read(f"environment {name}", known[name], value)
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS and not KUBERNETES.fullmatch(name):
            raise BadSetting(f"environment {name}: there is no such setting{_hint(name, known, PREFIX)}")
    return found


def _hint(name: str, known: Mapping[str, object], prefix: str) -> str:
    return did_you_mean(name, known, prefix=prefix) or f"; known are {', '.join(sorted(known))}"


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

    ``origin`` names ``flags`` in errors: the flags of a command, or for example a flow's parameters.
    ``variables`` come between file and environment (`flows.config.run_settings`).

    Reads ``folder``/leadline.toml (default: the working folder) or the file that ``LEADLINE_CONFIG``
    names. Raises `BadSetting`.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("LEADLINE_CONFIG")
    path = Path(named) if named else (folder or Path()) / CONFIG_FILE
    values = _from_file(path, required=bool(named))
    for key, value in (variables or {}).items():
        values[key] = _read(f"Prefect Variable leadline_{key}", key, value)
    values |= _from_environment(environ)
    for key, value in (flags or {}).items():
        if value is not None:
            values[key] = _read(SETTINGS[key].flag if origin == "flag" else origin, key, value)
    settings = Settings(**values)  # type: ignore[arg-type]
    if settings.shock_window_s < (least_s := 2 * LEAST_LOOKS * settings.shock_look_s):
        raise BadSetting(
            f"shock_window_s = {settings.shock_window_s:g}: expected {least_s:g} or more, "
            f"{2 * LEAST_LOOKS} times shock_look_s: no shock would ever be seen"
        )
    return settings


def db_to_read(settings: Settings, *, folder: Path | None = None) -> tuple[Path, str | None]:
    """
    Choose the database of a command that reads, and a line for stderr if that is not the one it names.

    Without a choice, the demo's is read where it is the only one.
    """
    here = folder or Path()
    if settings.db == DEFAULT_DB and not (here / DEFAULT_DB).exists() and (here / DEMO_DB).exists():
        return DEMO_DB, f"no {DEFAULT_DB} here; reading {DEMO_DB}"
    return settings.db, None
