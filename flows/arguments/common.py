"""What the commands' arguments have in common: help that keeps its examples, flag groups, numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]
STYLES = ("table", "csv", "json")


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the line breaks of the examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


def command(add_parser: AddParser, name: str, does: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command with one sentence and its examples."""
    epilog = "example:\n" + "\n".join("  " + example for example in examples)
    return add_parser(
        name, help=does, description=does, epilog=epilog, formatter_class=Help, allow_abbrev=False
    )


def add_db(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--db``; ``default`` is what its help says."""
    parser.add_argument("--db", type=Path, metavar="PATH", help=f"the database (default: {default})")


def add_venue(parser: argparse.ArgumentParser) -> None:
    """Add ``--venue`` and the addresses that replace its own."""
    names = "binance-spot (default), binance-usdm, binance-coinm, or loopback: the built-in one"
    parser.add_argument("--venue", metavar="VENUE", help=names)
    parser.add_argument("--ws-url", metavar="URL", help="WebSocket address instead of the venue's own")
    parser.add_argument("--rest-url", metavar="URL", help="REST address instead of the venue's own")


def add_symbols(parser: argparse.ArgumentParser) -> None:
    """Add ``--symbols``."""
    parser.add_argument("--symbols", nargs="+", metavar="S", help="default: BTCUSDT ETHUSDT")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` for a summary that a program reads."""
    parser.add_argument("--json", action="store_true", help="print the summary as json on stdout")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` for rows, and ``--json`` for short."""
    parser.add_argument("--format", choices=STYLES, default="table", dest="style")
    parser.add_argument("--json", action="store_const", const="json", dest="style", help="--format json")


def seconds(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def whole(text: str, low: int) -> int:
    """Read a whole number from ``low``."""
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low:
        raise argparse.ArgumentTypeError(f"expected a whole number from {low}, got {text!r}")
    return number


def levels(text: str) -> int:
    """Read how many levels: 1 or more."""
    return whole(text, 1)


def limit(text: str) -> int:
    """Read how many rows: 0 or more."""
    return whole(text, 0)
