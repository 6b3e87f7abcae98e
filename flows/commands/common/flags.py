"""Flags that several commands share: settings, output formats, numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from leadline.flows.config.settings import SETTINGS, Settings, load

FORMATS = ("table", "csv", "json")
READ_DB = "leadline.duckdb, else demo.duckdb"
LAST_PORT = 65_535


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
    read: Callable[[str], float] | None = None,
    metavar: str = "N",
) -> None:
    """Add the flag of a number above 0, or as ``read`` takes it; ``none``: what no number means."""
    help_text = f"{text} (default: {none or format(default, 'g')})."
    parser.add_argument(flag, type=read or positive, default=default, metavar=metavar, help=help_text)


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


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers from ``low``, to ``high`` if there is one."""
    expected = f"a whole number from {low}" + (f" to {high}" if high is not None else "")

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return number

    return read
