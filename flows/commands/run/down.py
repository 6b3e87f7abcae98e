"""``leadline down``: stop what ``leadline up`` runs, and wait until the file is closed."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.local import instance
from leadline.flows.terminal.console import json_to_stdout, to_stderr
from leadline.flows.terminal.progress import LineProgress

PAUSE_S = 0.1


def run(args: argparse.Namespace) -> int:
    """Stop it and wait; 1 where nothing runs or it does not end in time."""
    home = settings_of(args).home
    pid = instance.holder(home)
    if not pid:
        to_stderr(f"leadline down: nothing runs in {home}; LEADLINE_HOME chooses another home folder")
        return 1
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    with LineProgress(lambda: f"waiting for process {pid} to stop everything …", after_s=0.5) as progress:
        while instance.holder(home) == pid:
            if time.monotonic() - began > args.wait:
                to_stderr(f"leadline down: process {pid} runs after {args.wait:g} s; see {home}/up.log")
                return 1
            progress.tick()
            time.sleep(PAUSE_S)
    seconds = time.monotonic() - began
    if args.json:
        json_to_stdout({"stopped": True, "pid": pid, "seconds": seconds})
    to_stderr(f"stopped after {seconds:.1f} s")
    return 0
