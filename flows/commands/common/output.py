"""Results of a command: lines for a person or JSON for a program, once or watched."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rich.live import Live
from rich.text import Text

from leadline.flows.render.tables import Row, table_lines
from leadline.flows.terminal.console import json_to_stdout, to_stdout
from leadline.flows.terminal.screen import Screen

WATCH_EVERY_S = 2.0
MOST_ROWS = 12  # of one of several tables on the screen; --json and files have all
T = TypeVar("T")


def show(
    args: argparse.Namespace, found: T, to_json: Callable[[T], Any], to_lines: Callable[[T], Iterable[str]]
) -> None:
    """Print ``found`` as ``--json`` asks for."""
    if args.json:
        json_to_stdout(to_json(found))
    else:
        to_stdout(to_lines(found))


def titled_table(title: str, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the first rows under a title that gives their number, where there are more."""
    yield f"{title} (the first {MOST_ROWS} of {len(rows)})" if len(rows) > MOST_ROWS else title
    yield from table_lines(columns, rows[:MOST_ROWS])


def show_or_watch(
    args: argparse.Namespace,
    find: Callable[[], T],
    to_json: Callable[[T], Any],
    to_lines: Callable[[T], Iterable[str]],
) -> None:
    """
    Print what ``find`` returns; with ``--watch`` again and again until Ctrl-C.

    ``find`` opens and closes its own connection: between two calls it blocks no one.
    """
    if not args.watch:
        show(args, find(), to_json, to_lines)
        return
    with Live(console=Screen(), auto_refresh=False, screen=False) as live:
        while True:
            found = find()
            if args.json:
                json_to_stdout(to_json(found))
            else:
                live.update(Text("\n".join(to_lines(found))), refresh=True)
            time.sleep(WATCH_EVERY_S)
