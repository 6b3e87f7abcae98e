"""``leadline convert``: others' recordings and tables into one recording of ours."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.recordings.convert import convert
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import LineProgress


def run(args: argparse.Namespace) -> int:
    """Convert and say what came of it; rows that could not be read go to stderr."""
    lines = 0

    with LineProgress(lambda: f"convert: {lines:,} lines", after_s=0.5) as progress:

        def tick(done: int) -> None:
            nonlocal lines
            lines = done
            progress.tick()

        done = convert(args.files, args.out, venue=settings_of(args).venue, symbol=args.symbol, tick=tick)
    if args.json:
        json_to_stdout(asdict(done))
    else:
        seconds = (done.last_ns - done.first_ns) / 1e9
        to_stdout([f"{done.lines:,} lines of {seconds:,.0f} s -> {done.file}"])
        venue = f" --venue {done.venue}" if done.caveat is None else ""
        to_stderr(f"leadline replay {done.file}{venue} --db replay.duckdb")
    for fault in done.faults:
        to_stderr(fault)
    if done.unreadable > len(done.faults):
        to_stderr(f"… and {done.unreadable - len(done.faults)} more like these")
    if done.caveat is not None:
        to_stderr(f"{done.venue}: {done.caveat}")
    return 0
