"""``leadline score``: what signals were worth, by model, prompt, symbol and regime, and against OFI."""

from __future__ import annotations

import argparse
import datetime as dt
import itertools

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show
from leadline.flows.commands.common.reading import database
from leadline.flows.scores.report import as_json, lines, look, score_signals_of
from leadline.flows.terminal.progress import StepProgress
from leadline.storage.access.connect import connect


def run(args: argparse.Namespace) -> int:
    """Show the latest scores; with ``--now`` compute them first."""
    settings = settings_of(args)
    db = database(settings)
    if args.now:
        done = itertools.count(1)
        with connect(db, write=True) as con, StepProgress("score", "starting") as progress:
            score_signals_of(
                con, settings, dt.datetime.now(dt.UTC), lambda: progress.step(f"{next(done)} steps")
            )
    with connect(db) as con:
        found = look(con, symbol=args.symbol.upper() if args.symbol else None)
    show(args, found, as_json, lines)
    return 0
