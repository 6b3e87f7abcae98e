"""``leadline export``: stored rows as files for other tools, and a certificate for each day."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.reading import database, moment, symbol_hint
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import StepProgress
from leadline.storage.access.connect import connect
from leadline.storage.exports.certificate import Certificate
from leadline.storage.exports.export import Job, export

GAPS_SHOWN = 5  # of a day, on the screen; the certificate lists all


def run(args: argparse.Namespace) -> int:
    """Export and print what is in the files and what is missing."""
    settings = settings_of(args)
    job = Job(
        symbol=args.symbol.upper(),
        style=args.style,
        folder=args.out,
        since=moment("--from", args.since),
        until=moment("--to", args.until),
        venue=settings.venue if args.venue is not None else None,
        made_by=f"leadline {metadata.version('leadline')}",
    )
    with (
        connect(database(settings)) as con,
        symbol_hint(con, job.symbol),
        StepProgress("export", "finding rows") as progress,
    ):
        made = export(con, job, now=datetime.now(UTC), tick=progress.step)
    if args.json:
        json_to_stdout([asdict(one) for one in made])
    else:
        for one in made:
            _print(one)
        to_stderr(f"{len(made)} certificates in {args.out}")
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
    to_stdout(lines)
