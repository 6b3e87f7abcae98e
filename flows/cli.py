"""
The command line: which commands there are, and how mistakes and weather are told to a person.

Everything heavy (Prefect, numba, DuckDB) stands in ``flows.commands.<name>``, imported once the
arguments are known to be right. Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one or two
lines on stderr that say what to do.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from importlib import metadata

from leadline.book.errors import LeadlineError
from leadline.flows.arguments import data, exports, house, money, pages, people, signals, supervision, trust
from leadline.flows.arguments.common import Help
from leadline.flows.config.settings import BadSetting
from leadline.flows.terminal.console import leave, say

OK, FAILED, USAGE = 0, 1, 2
RUN_PREFECT = {"demo", "stream", "up", "handover"}  # in this process


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
    for add in (
        *data.COMMANDS,
        *exports.COMMANDS,
        *house.COMMANDS,
        *people.COMMANDS,
        *signals.COMMANDS,
        *money.COMMANDS,
        *supervision.COMMANDS,
        *trust.COMMANDS,
        *pages.COMMANDS,
    ):
        add(commands.add_parser)
    return parser


def _module(command: str) -> str:
    """Name the module of a command; ``import`` is a word that Python keeps for itself."""
    return f"{command}_" if keyword.iskeyword(command) else command


def _version() -> str:
    try:
        return metadata.version("leadline")
    except metadata.PackageNotFoundError:
        return "(not installed)"


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
        command = importlib.import_module(f"leadline.flows.commands.{_module(args.command)}")
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
