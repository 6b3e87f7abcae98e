"""
The command line: all commands in groups, and what a person reads when one fails.

Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one or two lines on stderr, with what to do.
Everything heavy (Prefect, numba, DuckDB) is imported once the arguments are known to be right.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import NoReturn

from leadline.book.errors import BadInput, LeadlineError, did_you_mean
from leadline.flows.commands.common.command import Command, Help
from leadline.flows.commands.files.arguments import COMMANDS as FILES
from leadline.flows.commands.read.arguments import COMMANDS as READ
from leadline.flows.commands.run.arguments import COMMANDS as RUN
from leadline.flows.commands.setup.arguments import COMMANDS as SETUP
from leadline.flows.commands.signals.arguments import COMMANDS as SIGNALS
from leadline.flows.commands.spend.arguments import COMMANDS as SPEND
from leadline.flows.commands.trust.arguments import COMMANDS as TRUST
from leadline.flows.config.kinds import Expected, shown, utf8
from leadline.flows.config.settings import BadSetting
from leadline.flows.terminal.console import exit_now, never_fail_to_show, to_stderr

OK, FAILED, USAGE = 0, 1, 2
DESCRIPTION = "Order books of Binance and Bybit, kept in step, stored in DuckDB, queried with SQL."
GROUPS = {  # room of leadline.flows.commands: title and commands
    "run": ("run", RUN),
    "read": ("read the data", READ),
    "trust": ("check the data", TRUST),
    "files": ("recordings and exports", FILES),
    "signals": ("signals", SIGNALS),
    "spend": ("cost of model calls", SPEND),
    "setup": ("set up", SETUP),
}
COMMANDS: dict[str, Command] = {each.name: each for _, commands in GROUPS.values() for each in commands}


def overview() -> argparse.ArgumentParser:
    """Return the parser of ``leadline`` alone: its help lists the commands."""
    parser = argparse.ArgumentParser(
        prog="leadline",
        usage="leadline COMMAND [arguments]",
        description="\n".join((DESCRIPTION, *_listing())),
        epilog="leadline COMMAND --help explains a command, with examples.\n"
        "Start with leadline demo: it needs no network and no keys.\n"
        "Settings: leadline.toml, LEADLINE_* in the environment, flags. leadline doctor prints them.",
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"leadline {_version()}")
    return parser


def _listing() -> Iterator[str]:
    width = max(map(len, COMMANDS))
    for title, commands in GROUPS.values():
        yield f"\n{title}:"
        yield from (f"  {each.name:<{width}}  {each.summary}" for each in commands)


def _version() -> str:
    try:
        return metadata.version("leadline")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command and its arguments; raises SystemExit: 2 on wrong usage, 0 after help."""
    command = COMMANDS.get(argv[0] if argv else "")
    if command is None:
        _parse_no_command(argv)
    return command, command.parser().parse(argv[1:])


def _parse_no_command(argv: Sequence[str]) -> NoReturn:
    """Obey --help or --version, or refuse what is no command."""
    parser = overview()
    if argv and argv[0].startswith("-"):
        parser.parse_args(argv)
    found = (
        f"there is no command {argv[0]!r}{did_you_mean(argv[0], COMMANDS)}"
        if argv
        else "expected a command"
    )
    parser.error(f"{found}; leadline --help lists them")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; raises SystemExit(2) on wrong usage, as argparse does."""
    never_fail_to_show()
    command, args = parse([_in_utf8(typed) for typed in (sys.argv[1:] if argv is None else argv)])
    code = _run(command, args)
    if command.hosts_prefect:
        exit_now(code)
    return code


def _in_utf8(typed: str) -> str:
    """Return an argument as it was typed, also where the locale has another character set."""
    try:
        return utf8(typed)
    except Expected as exc:
        overview().error(f"argument {shown(typed)}: expected {exc}")


def _settle_proxies(*, is_needed: bool) -> None:
    """Have what the environment says of proxies understood by all libraries; raises `BadSetting`."""
    if any(name.lower().endswith("_proxy") for name in os.environ):
        from leadline.tasks.net.proxies import settle_environment  # noqa: PLC0415 - rarely needed

        try:
            settle_environment(os.environ)
        except BadInput as exc:
            if is_needed:
                raise BadSetting(str(exc)) from exc


def _run(command: Command, args: argparse.Namespace) -> int:
    """Run the command; print what went wrong, if it did."""
    name = f"leadline {command.name}"
    room = next(room for room, (_, commands) in GROUPS.items() if command in commands)
    try:
        _settle_proxies(is_needed=command.hosts_prefect)
        module = importlib.import_module(f"leadline.flows.commands.{room}.{command.module}")
        return int(module.run(args))
    except BadSetting as exc:
        to_stderr(f"{name}: {exc}")
        return USAGE
    except BrokenPipeError:
        # The reader of our output is gone (| head); discard what Python still holds.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        to_stderr(f"{name}: stopped by Ctrl-C")
    except UnicodeEncodeError as exc:
        shown = ascii(exc.object[exc.start : exc.end])
        to_stderr(f"{name}: this terminal cannot show {shown}; set PYTHONIOENCODING=utf-8, or ask for JSON")
    except (LeadlineError, OSError) as exc:
        to_stderr(f"{name}: {message_of(exc)}")
    return FAILED


def message_of(exc: Exception) -> str:
    """Return an error as a person reads it: our own by message, the system's with the file's name."""
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    return str(exc) or type(exc).__name__
