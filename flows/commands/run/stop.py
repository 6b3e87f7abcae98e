"""``leadline stop``: a request to the stream of a database to stop; needs no Prefect."""

from __future__ import annotations

import argparse
import time

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.terminal.console import json_to_stdout, to_stderr, user_name
from leadline.flows.terminal.progress import LineProgress
from leadline.storage.handover.requests import stop_stream


def run(args: argparse.Namespace) -> int:
    """Ask the stream to stop and wait; 1 where nothing streams or it does not answer."""
    db = settings_of(args).db
    began = time.monotonic()
    with LineProgress(lambda: f"waiting for the stream to close {db} …", after_s=1.0) as progress:
        pid = stop_stream(
            db, who=f"{user_name()} (leadline stop)", why=args.why, timeout_s=args.wait, tick=progress.tick
        )
    seconds = time.monotonic() - began
    if args.json:
        json_to_stdout({"stopped": pid is not None, "pid": pid, "db": str(db), "seconds": seconds})
    if pid is None:
        to_stderr(f"leadline stop: no stream writes {db}; is this the right --db?")
        return 1
    to_stderr(f"process {pid} closed {db} after {seconds:.1f} s")
    return 0
