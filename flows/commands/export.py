"""``leadline export``: stored rows as files for other tools, and a certificate for each day."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata

from rich.text import Text

from leadline.flows.commands.reading import database, moment
from leadline.flows.config.settings import from_args
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress
from leadline.storage.access.connect import connect
from leadline.storage.exports.certificate import Certificate
from leadline.storage.exports.export import Job, export

GAPS_SHOWN = 5  # of a day, on the screen; the certificate has all


def run(args: argparse.Namespace) -> int:
    """Export and say what is in the files and what is not."""
    settings = from_args(args)
    job = Job(
        symbol=args.symbol.upper(),
        style=args.style,
        folder=args.out,
        since=moment("--from", args.since) if args.since else None,
        until=moment("--to", args.until) if args.until else None,
        venue=settings.venue if args.venue is not None else None,
        made_by=f"leadline {metadata.version('leadline')}",
    )
    doing = "looking for rows"

    def line() -> str:
        return f"export: {doing}"

    with (
        connect(database(settings)) as con,
        Progress(lambda: Text(line()), line=line) as progress,
    ):

        def tick(what: str) -> None:
            nonlocal doing
            doing = what
            progress.tick()

        made = export(con, job, now=datetime.now(UTC), tick=tick)
    if args.json:
        put([json.dumps([asdict(one) for one in made], ensure_ascii=False)])
    else:
        for one in made:
            _print(one)
        say(f"{len(made)} certificates in {args.out}")
    return 0


def _print(one: Certificate) -> None:
    rows = ", ".join(f"{n:,} {table}" for table, n in one.rows.items() if n)
    size = sum(file.bytes for file in one.files) / 1e6
    lines = [
        f"{one.venue} {one.symbol} {one.ts_from} to {one.ts_to}: {one.covered_pct:.2f} % covered",
        f"  rows      {rows or 'none'}",
        f"  files     {len(one.files)}, {size:,.2f} MB as {one.format}",
        f"  content   {one.content['sha256']}",
    ]
    lines += [
        f"  gap       {gap['ts_from']} {gap['seconds']:,.3f} s: {gap['cause']}"
        for gap in one.gaps[:GAPS_SHOWN]
    ]
    if len(one.gaps) > GAPS_SHOWN:
        lines.append(f"  gaps      {len(one.gaps) - GAPS_SHOWN} more in {one.name}")
    put(lines)
