"""``leadline up``: everything on this machine, with a live picture; a second one finds the first."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from leadline.flows.config.settings import READERS, Settings, from_args
from leadline.flows.local import lockfile as note
from leadline.flows.local import up_picture as picture
from leadline.flows.local.prefect_server import is_healthy, login_said
from leadline.flows.local.supervisor import Choice, House, api_of
from leadline.flows.local.watcher import stream_of
from leadline.flows.render.leg_words import leg_line
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress

DETACH_S = 180.0
PAUSE_S = 0.2


def run(args: argparse.Namespace) -> int:
    """Run the house until it is stopped; or say where the one is that runs already."""
    settings = from_args(args)
    if args.detach:
        return _detach(args, settings)
    with note.hold(settings.home) as is_ours:
        if not is_ours:
            return _found(args, settings)
        house = House(_choice(args, settings), say)
        with Progress(
            lambda: picture.draw(house), after_s=0.3, every_s=0.5, line=lambda: picture.line(house)
        ) as progress:
            house.run(progress.tick, lambda: _told(args, house.note, settings))
    say("leadline up: everything is stopped, the database is closed")
    return 0


def _choice(args: argparse.Namespace, settings: Settings) -> Choice:
    given = {key: value for key, value in vars(args).items() if key in READERS and value is not None}
    if "symbols" in given:
        given["symbols"] = ",".join(settings.symbols)
    return Choice(
        settings=settings,
        given={key: str(value) for key, value in given.items()},
        server=None if args.server is None else api_of(args.server),
        port=args.port,
        pool=args.pool,
        project=args.project,
        is_quick=settings.is_loopback if args.schedules is None else args.schedules == "quick",
    )


def _told(args: argparse.Namespace, where: note.Note, settings: Settings) -> None:
    if args.json:
        put([json.dumps({**asdict(where), "found": False})])
    ours = f" ({login_said(settings.home)})" if args.server is None else ""
    say(f"up: Prefect's UI is at {where.ui_url}{ours}, the database is {where.db}")


def _found(args: argparse.Namespace, settings: Settings) -> int:
    """Say where the first one is and how it does."""
    where = note.read(settings.home)
    if where is None:
        say(f"leadline up: process {note.holder(settings.home)} is starting or stopping in {settings.home}")
        return 0
    pid, stats, legs = stream_of(Path(where.db), say)
    answers = is_healthy(where.api_url)
    if args.json:
        put([json.dumps({**asdict(where), "found": True, "api_answers": answers, "stream_pid": pid})])
    say(f"leadline up: process {where.pid} runs it already; Prefect's UI is at {where.ui_url}")
    say(f"server    {'answers' if answers else 'does not answer'}, database {where.db}")
    say(picture.stream_line(stats, pid))
    for leg in legs:
        say(leg_line(leg))
    if (wanted := str(settings.db.resolve())) != where.db and args.db is not None:
        say(f"leadline up: {wanted} was not started; leadline down first, or choose another LEADLINE_HOME")
        return 1
    return 0


def _detach(args: argparse.Namespace, settings: Settings) -> int:
    """Start the same command in the background and wait until it is up."""
    if note.holder(settings.home) is not None:
        return _found(args, settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "up.log"
    argv = [each for each in sys.argv[1:] if each != "--detach"]
    with log.open("ab") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "leadline", *argv],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    until = time.monotonic() + DETACH_S
    with Progress(lambda: Text("starting in the background …"), after_s=0.3) as progress:
        while (where := note.read(settings.home)) is None or not where.is_ready:
            if child.poll() is not None:
                say(f"leadline up: it ended by itself, see {log}")
                return 1
            if time.monotonic() > until:
                say(f"leadline up: not up after {DETACH_S:g} s, see {log}; leadline down stops it")
                return 1
            progress.tick()
            time.sleep(PAUSE_S)
    _told(args, where, settings)
    say(f"it runs as process {where.pid}, its words are in {log}; leadline down stops it")
    return 0
