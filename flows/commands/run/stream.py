"""``leadline stream``: the stream flow in the foreground, with a live picture of its books."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from leadline.book.venues.common.listing import ListingState
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.starting import ready_db, ready_home
from leadline.flows.config.settings import Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.foreground.picture import StreamPicture
from leadline.flows.foreground.run import ForegroundStream
from leadline.flows.local.loopback import with_venue
from leadline.flows.local.prefect_server import prefect_api
from leadline.flows.terminal.console import json_to_stdout, to_stderr
from leadline.flows.terminal.progress import LineProgress, Progress
from leadline.tasks.net.errors import FeedStopped


def run(args: argparse.Namespace) -> int:
    """Stream until Ctrl-C, SIGTERM or ``--seconds``; print what was done."""
    settings = settings_of(args)
    if args.seconds is not None:
        settings = replace(settings, rotate_s=args.seconds)
    named = settings.symbols if args.symbols is not None else ()
    return stream_here(settings, as_json=args.json, named=named)


def stream_here(
    settings: Settings, *, as_json: bool, handover: bool = False, named: Sequence[str] = ()
) -> int:
    """Stream in this process, with ``handover`` as the successor of the stream that runs."""
    ready_home(settings.home)
    ready_db(settings.db)
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(with_venue(settings))
        profile_of(settings)  # refuse a venue without addresses before anything starts
        with LineProgress(lambda: "starting Prefect …", after_s=0.5) as starting:
            stack.enter_context(prefect_api(settings.home, say=to_stderr, tick=starting.tick))
        stream = ForegroundStream(settings, handover=handover, named=named)
        picture = StreamPicture(stream.session, settings)
        with Progress(picture.draw, after_s=0, line=picture.line) as progress:
            name, message = stream.run(progress.tick)
    host = stream.session.host
    status = None
    with contextlib.suppress(FeedStopped):  # it never had the database
        status = host.status() if host is not None else None
    if as_json:
        rows = status.rows if status is not None else {}
        json_to_stdout({"state": name, "message": message, "rows": rows, "db": str(settings.db)})
    else:
        to_stderr(f"{name}: {message}")
    if name == "AlreadyRunning":
        to_stderr("leadline stream: read it with leadline sql, or use another --db")
        return 1
    if name == "GaveUp":
        return 1
    if status is not None and not status.feed.frames:
        bad = "; ".join(one.why for one in status.feed.symbols if isinstance(one.state, ListingState))
        why = bad or status.feed.last_error or "the venue sent nothing"
        to_stderr(f"leadline stream: no frame came: {why}; leadline doctor may show more")
        return 1
    return 0
