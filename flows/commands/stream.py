"""``leadline stream``: the stream flow in the foreground, with a live picture of its books."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

from rich.text import Text

from flows.console import put, say
from flows.foreground import ForegroundStream, leave
from flows.picture import StreamPicture
from flows.progress import Progress
from flows.server import prefect_api
from flows.settings import Settings, from_args
from flows.venue import profile_of, running_loopback


def run(args: argparse.Namespace) -> int:
    """Stream until Ctrl-C, SIGTERM or ``--seconds``; print what was done."""
    settings = from_args(args)
    if args.seconds is not None:
        settings = replace(settings, rotate_s=args.seconds)
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(_with_venue(settings))
        profile_of(settings)  # a venue that cannot be is told before anything starts
        with Progress(lambda: Text("starting Prefect …"), after_s=0.5) as starting:
            stack.enter_context(prefect_api(settings.home, say=say, tick=starting.tick))
        stream = ForegroundStream(settings)
        picture = StreamPicture(stream.attached, settings)
        with Progress(picture.draw, after_s=0, line=picture.line) as progress:
            name, message = stream.run(progress.tick)
        status = stream.attached.host.status() if stream.attached.host is not None else None
        if args.json:
            counts = status.rows if status is not None else {}
            put([json.dumps({"state": name, "message": message, "rows": counts, "db": str(settings.db)})])
        else:
            say(f"{name}: {message}")
    if name == "AlreadyRunning":
        say("leadline stream: read it with leadline sql, or give another --db")
        leave(1)
    leave(0)


@contextlib.contextmanager
def _with_venue(settings: Settings) -> Iterator[Settings]:
    """Start the built-in venue where it was asked for and nobody said where one runs."""
    if not settings.is_loopback or settings.ws_url is not None:
        yield settings
        return
    with running_loopback(settings) as venue:
        yield replace(settings, ws_url=venue.ws_url, rest_url=venue.rest_url)
