"""``leadline sql``: SQL on the database, also while a stream writes it; without a statement, a prompt."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from leadline.book.errors import LeadlineError
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.reading import database
from leadline.flows.render.tables import FORMATS, Row, csv_lines, json_lines, table_lines
from leadline.flows.terminal.console import json_lines_to_stdout, to_stderr, to_stdout
from leadline.storage.access.connect import Connection, connect
from leadline.storage.access.sql import Answer
from leadline.storage.errors import ReadOnly
from leadline.storage.queries import catalog

try:
    import readline

    HAS_READLINE = True
except ImportError:  # Python built without it: the prompt works, history does not
    HAS_READLINE = False

ROWS_SHOWN = 200  # of a table; csv and json are for programs and give all
PAGE = 1_000
HISTORY = 1_000
HELP = """\
end each statement with ;   \\q or Ctrl-D quits
  \\d          the tables and views
  \\d NAME     the columns of one
  \\f FORMAT   table, csv or json
  \\?          this help"""


def run(args: argparse.Namespace) -> int:
    """Run the statement given, the text on stdin, or the prompt."""
    settings = settings_of(args)
    db = database(settings)
    statement = args.statement
    if statement is None and not sys.stdin.isatty():
        statement = sys.stdin.read()
    with connect(db, write=args.write) as con:
        prompt = Prompt(con, args.style, args.limit, settings.home / "sql_history")
        if statement is None:
            return prompt.loop(db)
        prompt.run(statement.strip())
        return 0


class BadQuery(LeadlineError):
    """DuckDB refused a statement; the message is its own."""


def run_statement(con: Connection, statement: str, style: str, limit: int | None) -> None:
    """
    Run SQL and print its result, at most ``limit`` rows (None: the style's own; 0: all).

    Raises `BadQuery`, and what the store raises.
    """
    try:
        most = limit if limit is not None else ROWS_SHOWN if style == "table" else 0
        _run_and_print(con, statement, style, most)
    except ReadOnly as exc:
        if wrong := catalog.syntax_error(con, statement):
            raise BadQuery(wrong) from exc
        raise BadQuery("this is not a statement that only reads; --write allows others") from exc
    except duckdb.Error as exc:
        raise BadQuery(str(exc).strip()) from exc


def _run_and_print(con: Connection, statement: str, style: str, most: int) -> None:
    con.execute(statement)
    if not con.description:
        return
    names = [str(column[0]) for column in con.description]
    rows = _rows(con)
    shown = itertools.islice(rows, most) if most else rows
    if style == "csv":
        to_stdout(csv_lines(names, shown), is_data=True)
    elif style == "json":
        json_lines_to_stdout(json_lines(names, shown))
    else:
        kept = list(shown)
        to_stdout(table_lines(names, kept))
        to_stderr(f"({len(kept)} row{'' if len(kept) == 1 else 's'})")
    if most and next(rows, None) is not None:
        to_stderr(f"there are more rows: --limit {most * 10} shows more, --limit 0 all")


def _rows(con: Connection) -> Iterator[Row]:
    while some := con.fetchmany(PAGE):
        yield from some


def _print(answer: Answer) -> None:
    to_stdout(table_lines(answer.columns, answer.rows))


class Prompt:
    """Read, run, print; with history where the terminal can."""

    def __init__(self, con: Connection, style: str, limit: int | None, history: Path) -> None:
        self._con = con
        self._style = style
        self._limit = limit
        self._history = history

    def loop(self, db: Path) -> int:
        """Run statements until the end of input; errors are printed and the prompt continues."""
        to_stderr(f"{db}: type SQL, or \\? for help")
        with self._kept_history():
            while (statement := self._read()) is not None:
                try:
                    self.run(statement)
                except KeyboardInterrupt:
                    to_stderr("stopped")
                except LeadlineError as exc:
                    to_stderr(str(exc))
        return 0

    def run(self, statement: str) -> None:
        """Run one statement or one command of the prompt."""
        if statement.startswith("\\"):
            self._command(*statement[1:].rstrip(";").split())
        elif statement.strip("; \n"):
            run_statement(self._con, statement, self._style, self._limit)

    def _read(self) -> str | None:
        """Return one whole statement or command; None at the end."""
        kept: list[str] = []
        while True:
            try:
                kept.append(input("...> " if kept else "sql> "))
            except EOFError:
                to_stderr("")
                return None
            except KeyboardInterrupt:
                to_stderr("")
                kept.clear()
                continue
            whole = "\n".join(kept).strip()
            if whole in ("\\q", "quit", "exit", "quit;", "exit;"):
                return None
            if whole.startswith("\\") or whole.endswith(";"):
                return whole

    def _command(self, name: str = "?", *arguments: str) -> None:
        if name == "d" and not arguments:
            _print(catalog.tables(self._con))
        elif name == "d":
            _print(catalog.columns(self._con, arguments[0]))
        elif name == "f" and arguments and arguments[0] in FORMATS:
            self._style = arguments[0]
        else:
            to_stderr(HELP)

    @contextlib.contextmanager
    def _kept_history(self) -> Iterator[None]:
        if not HAS_READLINE:
            yield
            return
        with contextlib.suppress(OSError):
            readline.read_history_file(self._history)
        readline.set_history_length(HISTORY)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._history.parent.mkdir(parents=True, exist_ok=True)
                readline.write_history_file(self._history)
