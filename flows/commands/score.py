"""``leadline score``: what signals were worth, by model, prompt, symbol and regime, and against OFI."""

from __future__ import annotations

import argparse
import datetime as dt
import json

from rich.text import Text

from leadline.flows.commands.reading import database
from leadline.flows.config.settings import from_args
from leadline.flows.scores.report import as_json, lines, look, score_signals_of
from leadline.flows.terminal.console import put
from leadline.flows.terminal.progress import Progress
from leadline.storage.access.connect import connect


def run(args: argparse.Namespace) -> int:
    """Show the scores as computed last, or compute them now."""
    settings = from_args(args)
    db = database(settings)
    if args.now:
        done = 0

        def line() -> str:
            return f"score: {done} steps"

        with connect(db, write=True) as con, Progress(lambda: Text(line()), line=line) as progress:

            def tick() -> None:
                nonlocal done
                done += 1
                progress.tick()

            score_signals_of(con, settings, dt.datetime.now(dt.UTC), tick)
    with connect(db) as con:
        found = look(con, symbol=args.symbol.upper() if args.symbol else None)
    put([json.dumps(as_json(found), ensure_ascii=False)] if args.json else lines(found))
    return 0
