"""``leadline down``: stop what ``leadline up`` runs, and wait until the file is closed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import time

from rich.text import Text

from leadline.flows.config.settings import from_args
from leadline.flows.local import lockfile as note
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress

PAUSE_S = 0.1


def run(args: argparse.Namespace) -> int:
    """Ask the house to stop and wait for it; fails where none runs or it does not end in time."""
    home = from_args(args).home
    pid = note.holder(home)
    if not pid:
        say(f"leadline down: nothing runs in {home}; LEADLINE_HOME chooses another home folder")
        return 1
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    with Progress(
        lambda: Text(f"waiting for process {pid} to close everything …"), after_s=0.5
    ) as progress:
        while note.holder(home) == pid:
            if time.monotonic() - began > args.wait:
                say(f"leadline down: process {pid} still runs after {args.wait:g} s; see {home}/up.log")
                return 1
            progress.tick()
            time.sleep(PAUSE_S)
    seconds = time.monotonic() - began
    if args.json:
        put([json.dumps({"stopped": True, "pid": pid, "seconds": seconds})])
    say(f"stopped after {seconds:.1f} s")
    return 0
