"""
The command line: its commands and flags, and how mistakes and weather are told to a person.

Everything heavy (Prefect, numba, DuckDB) stands in ``flows.commands.<name>``, imported once the
arguments are known to be right. Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one or two
lines on stderr that say what to do.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

from book.errors import LeadlineError
from flows.console import leave, say
from flows.settings import BadSetting

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]
OK, FAILED, USAGE = 0, 1, 2
RUN_PREFECT = {"demo", "stream"}  # in this process
STYLES = ("table", "csv", "json")


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the line breaks of the examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of ``leadline`` with all its commands."""
    parser = argparse.ArgumentParser(
        prog="leadline",
        description="Order books of Binance, kept in step with the venue, stored in DuckDB, queryable\n"
        "while they stream.",
        epilog="Begin with:  leadline demo     (needs no network and no keys)\n"
        "Settings:    leadline.toml, environment LEADLINE_*, flags; leadline doctor prints them",
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"leadline {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_demo, _stream, _replay, _book, _sql, _record, _doctor):
        add(commands.add_parser)
    return parser


def _version() -> str:
    try:
        return metadata.version("leadline")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _command(add_parser: AddParser, name: str, does: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command with one sentence and its examples."""
    epilog = "example:\n" + "\n".join("  " + example for example in examples)
    return add_parser(name, help=does, description=does, epilog=epilog, formatter_class=Help)


def _demo(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "demo",
        "Run everything on the built-in venue, which misbehaves on purpose, then prove the books.",
        "leadline demo",
        "leadline demo --seconds 120      (and in a second shell: leadline sql)",
    )
    parser.add_argument("--seconds", type=_seconds, default=45.0, metavar="N", help="stream this long (45)")
    _add_db(parser, "demo.duckdb; made anew by every demo")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the synthetic market (1)")
    _add_json(parser)


def _stream(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "stream",
        "Stream books into the database until Ctrl-C; run it again to go on.",
        "leadline stream --symbols BTCUSDT ETHUSDT",
        "leadline stream --venue loopback --seconds 30",
    )
    _add_db(parser, "leadline.duckdb")
    _add_symbols(parser)
    _add_venue(parser)
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="stop by itself after this long")
    parser.add_argument(
        "--snapshot-every",
        dest="snapshot_every_s",
        metavar="S",
        help="seconds from one depth snapshot to the next (10)",
    )
    _add_json(parser)


def _replay(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "replay",
        "Put recordings through the same code as a live stream, into a database.",
        "leadline replay morning.gz noon.gz --db replay.duckdb --venue binance-spot",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="in the order they were made")
    _add_db(parser, "leadline.duckdb")
    parser.add_argument(
        "--venue", metavar="VENUE", help="binance-spot (default), binance-usdm, binance-coinm"
    )
    parser.add_argument("--speed", type=_speed, metavar="X", help="times real time (as fast as it goes)")
    parser.add_argument("--engine", metavar="E", help="auto (default), compiled or plain")
    _add_json(parser)


def _book(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "book",
        "Show a book, now or at a past moment, rebuilt from the store.",
        "leadline book BTCUSDT --levels 10",
        'leadline book BTCUSDT --at "2026-01-31 12:00:00" --format csv',
        "leadline book BTCUSDT --at-id 50093239218",
    )
    parser.add_argument("symbol", metavar="SYMBOL")
    _add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--venue", metavar="VENUE", help="where the symbol is stored for several venues")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--at", metavar="TIME", help="UTC unless it says otherwise: 2026-01-31T12:00:00.5")
    when.add_argument("--at-id", type=int, metavar="ID", help="the book as it stood at this update id")
    parser.add_argument("--levels", type=_levels, metavar="N", help="of each side (table: 10, else all)")
    _add_format(parser)


def _sql(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "sql",
        "Run SQL on the store, while a stream runs or not; without a statement: a prompt.",
        'leadline sql "SELECT symbol, count(*) FROM depth_diffs GROUP BY ALL"',
        'leadline sql --format csv "SELECT * FROM coverage" > coverage.csv',
    )
    _add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--write", action="store_true", help="allow statements that change the store")
    parser.add_argument(
        "--limit", type=_limit, metavar="N", help="rows shown, 0: all (a table: 200; csv, json: all)"
    )
    _add_format(parser)
    parser.add_argument("statement", nargs="?", metavar="SQL")


def _record(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "record",
        "Keep the raw frames of a venue in files that replay reads.",
        "leadline record --out recordings --symbols BTCUSDT --seconds 600",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if it is not there")
    _add_symbols(parser)
    _add_venue(parser)
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="stop by itself after this long")
    parser.add_argument(
        "--rotate-mb",
        type=_seconds,
        default=64.0,
        metavar="MB",
        help="begin a new file after this much (64)",
    )
    _add_json(parser)


def _doctor(add_parser: AddParser) -> None:
    parser = _command(
        add_parser,
        "doctor",
        "Look at this machine and say what to do about what is not right.",
        "leadline doctor",
        "leadline doctor --offline --json",
    )
    _add_db(parser, "leadline.duckdb")
    _add_venue(parser)
    parser.add_argument("--offline", action="store_true", help="ask no venue")
    _add_json(parser)


def _add_db(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--db", type=Path, metavar="PATH", help=f"the database (default: {default})")


def _add_venue(parser: argparse.ArgumentParser) -> None:
    names = "binance-spot (default), binance-usdm, binance-coinm, or loopback: the built-in one"
    parser.add_argument("--venue", metavar="VENUE", help=names)
    parser.add_argument("--ws-url", metavar="URL", help="WebSocket address instead of the venue's own")
    parser.add_argument("--rest-url", metavar="URL", help="REST address instead of the venue's own")


def _add_symbols(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--symbols", nargs="+", metavar="S", help="default: BTCUSDT ETHUSDT")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the summary as json on stdout")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=STYLES, default="table", dest="style")
    parser.add_argument("--json", action="store_const", const="json", dest="style", help="--format json")


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


_speed = _seconds


def _whole(text: str, low: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low:
        raise argparse.ArgumentTypeError(f"expected a whole number from {low}, got {text!r}")
    return number


def _levels(text: str) -> int:
    return _whole(text, 1)


def _limit(text: str) -> int:
    return _whole(text, 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; raises SystemExit(2) on wrong usage, as argparse does."""
    args = build_parser().parse_args(argv)
    code = _obey(args, f"leadline {args.command}")
    if args.command in RUN_PREFECT:
        leave(code)
    return code


def _obey(args: argparse.Namespace, name: str) -> int:
    """Run the command; tell a person what went wrong, if it did."""
    try:
        command = importlib.import_module(f"flows.commands.{args.command}")
        return int(command.run(args))
    except BadSetting as exc:
        say(f"{name}: {exc}")
        return USAGE
    except BrokenPipeError:
        # The reader of our output went away (| head); whatever Python still holds goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        say(f"{name}: stopped by Ctrl-C")
    except UnicodeEncodeError as exc:
        shown = ascii(exc.object[exc.start : exc.end])
        say(f"{name}: this terminal cannot show {shown}; set PYTHONIOENCODING=utf-8")
    except (LeadlineError, OSError) as exc:
        say(f"{name}: {told(exc)}")
    return FAILED


def told(exc: Exception) -> str:
    """Return an error as a person reads it: our own by message, the system's with the file's name."""
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    return str(exc) or type(exc).__name__
