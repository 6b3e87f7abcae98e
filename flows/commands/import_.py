"""``leadline import``: days exported as Parquet, back into a database."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.text import Text

from leadline.flows.config.settings import from_args
from leadline.flows.terminal.console import put
from leadline.flows.terminal.progress import Progress
from leadline.storage.access.connect import connect
from leadline.storage.exports.importing import import_parquet


def run(args: argparse.Namespace) -> int:
    """Import and print each day with its content hash."""
    settings = from_args(args)
    doing = "reading certificates"

    def line() -> str:
        return f"import: {doing}"

    with (
        connect(settings.db, write=True) as con,
        Progress(lambda: Text(line()), line=line) as progress,
    ):

        def tick(what: str) -> None:
            nonlocal doing
            doing = what
            progress.tick()

        days = import_parquet(con, args.folder, tick=tick)
    if args.json:
        put([json.dumps([asdict(day) for day in days], ensure_ascii=False)])
        return 0
    for day in days:
        rows = ", ".join(f"{n:,} {table}" for table, n in day.rows.items())
        put(
            [f"{day.venue} {day.symbol} {day.ts_from} to {day.ts_to}: {rows}", f"  content   {day.content}"]
        )
    return 0
