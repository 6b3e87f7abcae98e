"""``leadline record``: a venue's raw frames into files that replay reads."""

from __future__ import annotations

import argparse
import random
import signal
import threading
import time
from dataclasses import asdict
from pathlib import Path

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.config.settings import Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.local.loopback import with_venue
from leadline.flows.recordings.record import Discard, Recorder
from leadline.flows.terminal.console import json_to_stdout, to_stderr
from leadline.flows.terminal.progress import LineProgress
from leadline.tasks.feed.thread import Feed, FeedConfig
from leadline.tasks.net.errors import FeedStopped

TICK_S = 0.1


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C, SIGTERM or ``--seconds``; print the manifest's figures."""
    with with_venue(settings_of(args)) as settings:
        recorder = Recorder(args.out, settings, rotate_bytes=int(args.rotate_mb * 1_000_000))
        with recorder:
            _record(recorder, settings, args.seconds)
    manifest = recorder.manifest
    if args.json:
        json_to_stdout(asdict(manifest))
    else:
        frames = sum(file.frames for file in manifest.files)
        size = sum(file.bytes for file in manifest.files) / 1e6
        to_stderr(
            f"{frames:,} frames, {size:,.1f} MB in {len(manifest.files)} files in {args.out}; "
            f"{manifest.gaps} gaps, {manifest.sessions} sessions"
        )
        to_stderr(
            f"leadline replay {_names(args.out, [file.name for file in manifest.files])} --db replay.duckdb"
        )
    if not any(file.frames for file in manifest.files):
        to_stderr("leadline record: no frame came; leadline doctor may show why")
        return 1
    return 0


def _names(folder: Path, names: list[str]) -> str:
    return str(folder / names[0]) if len(names) == 1 else f"{folder}/*.gz"  # their names sort by time


def _record(recorder: Recorder, settings: Settings, seconds: float | None) -> None:
    """Run the feed until a signal or the time; fill in the manifest."""
    config = FeedConfig(
        profile=profile_of(settings),
        symbols=settings.symbols,
        tap=recorder,
        bans_file=settings.bans_file,
    )
    feed = Feed(config, Discard(), rng=random.Random())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def line() -> str:
        status, file = feed.status(), recorder.current
        trouble = f"; {status.last_error}" if status.last_error and not status.frames else ""
        return (
            f"record: {status.frames:,} frames, {status.live} of {len(status.symbols)} books live, "
            f"{file.name} {file.unpacked_bytes / 1e6:,.1f} MB{trouble}"
        )

    feed.start()
    until = time.monotonic() + seconds if seconds is not None else float("inf")
    try:
        with LineProgress(line, after_s=0.5) as progress:
            while not stop.wait(TICK_S) and time.monotonic() < until:
                recorder.check()
                if not feed.is_running:
                    raise FeedStopped("the feed ended by itself")
                progress.tick()
    finally:
        feed.stop()
        status = feed.status()
        recorder.manifest.sessions = status.sessions
        recorder.manifest.gaps = sum(symbol.gaps for symbol in status.symbols)
        recorder.manifest.ended_by = "signal" if stop.is_set() else "time"
