"""Flags that several commands share: settings, output formats, numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from leadline.flows.config.kinds import PATH, Expected, Kind, number, shown
from leadline.flows.config.kinds import whole as whole_kind
from leadline.flows.config.settings import DAY_S, SETTINGS, Settings, load

FORMATS = ("table", "csv", "json")
READ_DB = "leadline.duckdb, else demo.duckdb"
LAST_PORT = 65_535
LAST_ID = 2**63 - 1  # ids are stored in 64 bits with a sign
MOST_ROWS = 1_000_000_000
LEAST = 0.001
LONGEST_S = 31 * DAY_S  # as long as the setting rotate_s may be
MOST_MB = 1_000_000
FASTEST = 1_000_000  # times real time
MOST_HOURS = 876_000  # a hundred years


def add_settings(parser: argparse.ArgumentParser, *keys: str) -> None:
    """Add the flags of settings, with their own text and default."""
    for key in keys:
        add_setting(parser, key)


def add_setting(parser: argparse.ArgumentParser, key: str, *, text: str = "", default: str = "") -> None:
    """Add the flag of a setting; ``text`` and ``default`` replace its own for this command."""
    setting = SETTINGS[key]
    about = (text or setting.text).rstrip(".")
    if not text and setting.kind.expected.startswith("one of"):
        about = f"{about}; {setting.kind.expected}"
    parser.add_argument(
        setting.flag,
        dest=key,
        nargs="+" if key == "symbols" else None,
        metavar=setting.kind.metavar,
        help=f"{about} (default: {default or setting.in_words(setting.default)}).",
    )


def add_stored_db(parser: argparse.ArgumentParser) -> None:
    """Add ``--db`` of a command that reads."""
    add_setting(parser, "db", default=READ_DB)


def add_stored_venue(parser: argparse.ArgumentParser) -> None:
    """Add ``--venue`` of a command that reads one symbol."""
    add_setting(parser, "venue", text="Venue of the stored symbol.", default="the only one that has it")


def add_time(parser: argparse.ArgumentParser, flag: str, dest: str, what: str, default: str) -> None:
    """Add the flag of a time, which `moment` reads."""
    text = f"{what}, UTC unless it has an offset (default: {default})."
    parser.add_argument(flag, dest=dest, metavar="TIME", help=text)


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add ``--watch``."""
    parser.add_argument("--watch", action="store_true", help="Update the output until Ctrl-C.")


def settings_of(args: argparse.Namespace) -> Settings:
    """Put the settings of a command together; raises `BadSetting`."""
    return load(chosen_settings(args))


def chosen_settings(args: argparse.Namespace) -> dict[str, object]:
    """Return the settings given as flags, as they were typed."""
    return {key: value for key, value in vars(args).items() if key in SETTINGS and value is not None}


def add_number(
    parser: argparse._ActionsContainer,
    flag: str,
    text: str,
    default: float | None = None,
    *,
    none: str = "",
    high: float = LONGEST_S,
    read: Callable[[str], float] | None = None,
    metavar: str = "N",
) -> None:
    """Add the flag of a number up to ``high``, or as ``read`` takes it; ``none``: what no number means."""
    help_text = f"{text} (default: {none or format(default, 'g')})."
    parser.add_argument(flag, type=read or positive(high), default=default, metavar=metavar, help=help_text)


def add_json(parser: argparse.ArgumentParser, text: str = "Print a summary as JSON on stdout.") -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help=text)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` for rows, and ``--json`` for short."""
    parser.add_argument(
        "--format", choices=FORMATS, default="table", dest="style", help="Output format (default: table)."
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="style", help="Short for --format json."
    )


def as_kind(kind: Kind) -> Callable[[str], Any]:
    """Make a reader of a flag that is no setting, from the kind of its value."""

    def read(text: str) -> Any:
        try:
            return kind.read(text)
        except Expected as exc:
            raise argparse.ArgumentTypeError(f"expected {exc}, got {shown(text)}") from None

    return read


def positive(high: float) -> Callable[[str], float]:
    """Make a reader of numbers from a thousandth to ``high``."""
    return as_kind(number(LEAST, high))


def whole(low: int, high: int = MOST_ROWS) -> Callable[[str], int]:
    """Make a reader of whole numbers from ``low`` to ``high``."""
    return as_kind(whole_kind(low, high))


path = as_kind(PATH)
