"""``leadline import``: days exported as Parquet, back into a database."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.terminal.console import json_to_stdout, to_stdout
from leadline.flows.terminal.progress import StepProgress
from leadline.storage.access.connect import connect
from leadline.storage.exports.importing import import_parquet


def run(args: argparse.Namespace) -> int:
    """Import and print each day with its content hash."""
    settings = settings_of(args)
    with (
        connect(settings.db, write=True) as con,
        StepProgress("import", "reading certificates") as progress,
    ):
        days = import_parquet(con, args.folder, tick=progress.step)
    if args.json:
        json_to_stdout([asdict(day) for day in days])
        return 0
    for day in days:
        rows = ", ".join(f"{n:,} {table}" for table, n in day.rows.items())
        to_stdout(
            [f"{day.venue} {day.symbol} {day.ts_from} to {day.ts_to}: {rows}", f"  content   {day.content}"]
        )
    return 0
