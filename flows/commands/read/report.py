"""``leadline report``: everything on one page, as a file."""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import replace

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.reading import database
from leadline.flows.dash.data import Look, as_json, look
from leadline.flows.dash.render import document
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.storage.access.connect import connect
from leadline.storage.files.whole import write_whole


def run(args: argparse.Namespace) -> int:
    """Read once and write the page, or print the figures."""
    settings = settings_of(args)
    settings = replace(settings, db=database(settings))
    with connect(settings.db) as con:
        found = look(
            con,
            settings,
            dt.datetime.now(dt.UTC),
            back=dt.timedelta(hours=args.hours),
            symbols=[symbol.upper() for symbol in args.only],
        )
    if args.json:
        json_to_stdout(as_json(found))
        return 0
    page = document(found)
    write_whole(args.out, page)
    to_stdout([str(args.out)])
    to_stderr(f"{summary(found)}; {len(page.encode()) / 1000:,.0f} kB, open it in a browser")
    return 0


def summary(found: Look) -> str:
    """Return how many books are trusted, in one line."""
    if not found.lit:
        return "no book was watched in this time"
    return f"{found.trusted} of {len(found.lit)} books trusted, as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"
