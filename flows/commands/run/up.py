"""``leadline up``: everything on this machine, with a live picture; a second one finds the first."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from leadline.flows.commands.common.flags import chosen_settings, settings_of
from leadline.flows.commands.common.starting import ready_home
from leadline.flows.config.settings import Settings, as_text
from leadline.flows.local import instance
from leadline.flows.local import up_picture as picture
from leadline.flows.local.prefect_server import is_healthy, login_said
from leadline.flows.local.supervisor import Supervisor, UpOptions, api_of
from leadline.flows.local.watcher import stream_of
from leadline.flows.render.leg_words import leg_line
from leadline.flows.terminal.console import json_to_stdout, to_stderr
from leadline.flows.terminal.progress import LineProgress, Progress
from leadline.tasks.programs import import_path, python

DETACH_S = 180.0
PAUSE_S = 0.2


def run(args: argparse.Namespace) -> int:
    """Run everything until it is stopped; or print where it runs already."""
    settings = settings_of(args)
    ready_home(settings.home)
    if args.detach:
        return _detach(args, settings)
    with instance.hold(settings.home) as is_ours:
        if not is_ours:
            return _print_running(args, settings)
        supervisor = Supervisor(_options(args, settings), to_stderr)
        with Progress(
            lambda: picture.draw(supervisor),
            after_s=0.3,
            every_s=0.5,
            line=lambda: picture.line(supervisor),
        ) as progress:
            supervisor.run(progress.tick, lambda: _print_started(args, supervisor.instance, settings))
    to_stderr("leadline up: everything is stopped, the database is closed")
    return 0


def _options(args: argparse.Namespace, settings: Settings) -> UpOptions:
    return UpOptions(
        settings=settings,
        given={key: as_text(getattr(settings, key)) for key in chosen_settings(args)},
        server=None if args.server is None else api_of(args.server),
        port=args.port,
        pool=args.pool,
        project=args.project,
        is_quick=settings.is_loopback if args.schedules is None else args.schedules == "quick",
    )


def _print_started(args: argparse.Namespace, where: instance.Instance, settings: Settings) -> None:
    if args.json:
        json_to_stdout({**asdict(where), "found": False})
    ours = f" ({login_said(settings.home)})" if args.server is None else ""
    to_stderr(f"up: Prefect's UI is at {where.ui_url}{ours}, the database is {where.db}")


def _print_running(args: argparse.Namespace, settings: Settings) -> int:
    """Print where the first one runs, and how it is doing."""
    where = instance.read(settings.home)
    if where is None:
        pid = instance.holder(settings.home)
        to_stderr(f"leadline up: process {pid} is starting or stopping in {settings.home}")
        return 0
    seen = stream_of(Path(where.db), to_stderr)
    answers = is_healthy(where.api_url)
    if args.json:
        json_to_stdout({**asdict(where), "found": True, "api_answers": answers, "stream_pid": seen.pid})
    to_stderr(f"leadline up: process {where.pid} runs it already; Prefect's UI is at {where.ui_url}")
    to_stderr(f"server    {'answers' if answers else 'does not answer'}, database {where.db}")
    to_stderr(picture.stream_line(seen.stats, seen.pid))
    for said in (*map(leg_line, seen.legs), *picture.outcast_lines(seen.outcasts)):
        to_stderr(said)
    if (wanted := str(settings.db.resolve())) != where.db and args.db is not None:
        to_stderr(
            f"leadline up: {wanted} was not started; run leadline down first, or use another LEADLINE_HOME"
        )
        return 1
    return 0


def _detach(args: argparse.Namespace, settings: Settings) -> int:
    """Start the same command in the background and wait until it is up."""
    if instance.holder(settings.home) is not None:
        return _print_running(args, settings)
    log = settings.home / "up.log"
    argv = [each for each in sys.argv[1:] if each != "--detach"]
    with log.open("ab") as file:
        child = subprocess.Popen(
            python("-m", "leadline", *argv),
            env={**os.environ, **import_path()},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    until = time.monotonic() + DETACH_S
    with LineProgress(lambda: "starting in the background …", after_s=0.3) as progress:
        while (where := instance.read(settings.home)) is None or not where.is_ready:
            if child.poll() is not None:
                to_stderr(f"leadline up: it ended by itself; see {log}")
                return 1
            if time.monotonic() > until:
                to_stderr(f"leadline up: not up after {DETACH_S:g} s; see {log}; leadline down stops it")
                return 1
            progress.tick()
            time.sleep(PAUSE_S)
    _print_started(args, where, settings)
    to_stderr(f"it runs as process {where.pid} and logs to {log}; leadline down stops it")
    return 0
