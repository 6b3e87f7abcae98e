"""``leadline stop``: a stop request to whoever streams into a database; needs no Prefect."""

from __future__ import annotations

import argparse
import getpass
import json
import time

from rich.text import Text

from leadline.flows.config.settings import from_args
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress
from leadline.storage.handover.requests import stop_stream


def run(args: argparse.Namespace) -> int:
    """Ask, wait, say what came of it; fails where nobody streams or nobody hears."""
    db = from_args(args).db
    began = time.monotonic()

    def picture() -> Text:
        return Text(f"waiting for the stream to close {db} …", style="dim")

    with Progress(picture, after_s=1.0) as progress:
        pid = stop_stream(
            db, who=f"{_user()} (leadline stop)", why=args.why, timeout_s=args.wait, tick=progress.tick
        )
    seconds = time.monotonic() - began
    if args.json:
        put([json.dumps({"stopped": pid is not None, "pid": pid, "db": str(db), "seconds": seconds})])
    if pid is None:
        say(f"leadline stop: nobody streams into {db}; is it the right --db?")
        return 1
    say(f"process {pid} closed {db} after {seconds:.1f} s")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in a container
        return "somebody"
