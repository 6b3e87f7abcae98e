"""``leadline replay``: recordings into a database, and a summary of what was in them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.text import Text

from leadline.flows.config.settings import from_args
from leadline.flows.recordings.replay import Replay, Summary
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress


def run(args: argparse.Namespace) -> int:
    """Replay and print the summary; lines that could not be read are told on stderr."""
    settings = from_args(args)
    replay = Replay(args.files, settings, speed=args.speed)

    def draw() -> Text:
        total = replay.survey.lines if replay.survey is not None else 0
        done = replay.summary.lines
        part = f" of {total:,} ({100 * done / total:.0f} %)" if total else ""
        return Text(f"replay: {done:,} lines{part}, {replay.summary.gaps} gaps" if total else "reading …")

    with Progress(draw) as progress:
        summary = replay.run(progress.tick)
    if args.json:
        put([json.dumps(asdict(summary), ensure_ascii=False)])
    else:
        _print(summary)
    for word in summary.faults:
        say(word)
    if summary.unreadable + summary.bad_frames > len(summary.faults):
        say(f"… and {summary.unreadable + summary.bad_frames - len(summary.faults)} more like these")
    for symbol in summary.without_seed:
        say(
            f"{symbol}: no snapshot in the recording joins its diffs, so there is no book and no depth row;"
            " begin the recording with the REST order book (leadline record does)"
        )
    return 1 if summary.without_seed else 0


def _print(summary: Summary) -> None:
    live = ", ".join(summary.live_symbols) or "none"
    put(
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
