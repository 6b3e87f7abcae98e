"""``leadline replay``: recordings into a database, and a summary of what was in them."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.text import Text

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.recordings.replay import Replay, Summary
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import Progress


def run(args: argparse.Namespace) -> int:
    """Replay and print the summary; unreadable lines go to stderr."""
    settings = settings_of(args)
    replay = Replay(args.files, settings, speed=args.speed, symbol=args.symbol)

    def draw() -> Text:
        total = replay.survey.lines if replay.survey is not None else 0
        done = replay.summary.lines
        part = f" of {total:,} ({100 * done / total:.0f} %)" if total else ""
        return Text(f"replay: {done:,} lines{part}, {replay.summary.gaps} gaps" if total else "reading …")

    with Progress(draw) as progress:
        summary = replay.run(progress.tick)
    if args.json:
        json_to_stdout(asdict(summary))
    else:
        _print(summary)
    for fault in summary.faults:
        to_stderr(fault)
    if summary.unreadable + summary.bad_frames > len(summary.faults):
        to_stderr(f"… and {summary.unreadable + summary.bad_frames - len(summary.faults)} more like these")
    if summary.caveat:
        to_stderr(f"{summary.venue}: {summary.caveat}")
    for symbol in summary.without_seed:
        to_stderr(
            f"{symbol}: no snapshot in the recording joins its diffs, so there is no book and no depth row;"
            " begin the recording with the REST order book (leadline record does)"
        )
    return 1 if summary.without_seed else 0


def _print(summary: Summary) -> None:
    live = ", ".join(summary.live_symbols) or "none"
    to_stdout(
        [
            f"{summary.venue} {', '.join(summary.symbols)} -> {summary.db}",
            f"  frames   {summary.frames:>10,}   diffs {summary.diffs:,} ({summary.applied:,} applied),"
            f" trades {summary.trades:,}, tickers {summary.tickers:,}",
            f"  gaps     {summary.gaps:>10,}   crossed {summary.crossed:,}",
            f"  bad      {summary.bad_frames:>10,}   unreadable lines {summary.unreadable:,}",
            f"  live     {live:>10}   when the recording ended",
            f"  seconds  {summary.seconds:>10.2f}   {summary.frames_per_s:,.0f} frames/s into the database",
        ]
    )
