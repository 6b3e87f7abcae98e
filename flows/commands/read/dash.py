"""``leadline dash``: the page of ``leadline report``, live, on this machine."""

from __future__ import annotations

import argparse
import datetime as dt
import os
from dataclasses import replace

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.config.settings import BadSetting, db_to_read
from leadline.flows.dash.serve import Choice, serve
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    settings = settings_of(args)
    db, message = db_to_read(settings)
    if message:
        to_stderr(message)
    choice = Choice(
        settings=replace(settings, db=db),
        host=args.host,
        port=args.port,
        names=tuple(args.allow_host),
        every_s=args.every,
        back=dt.timedelta(hours=args.hours),
        symbols=tuple(symbol.upper() for symbol in args.only),
    )
    if not choice.is_loopback and not choice.names:
        raise BadSetting(
            f"--host {args.host}: other machines could read the page without a password. If you want that, "
            "name the hosts they use with --allow-host NAME; if not, leave --host out"
        )

    def print_address(url: str) -> None:
        if args.json:
            json_to_stdout({"url": url, "db": str(db), "pid": os.getpid()})
        else:
            to_stdout([url])
        to_stderr(f"reading {db}; Ctrl-C stops the server")

    serve(choice, print_address)
    to_stderr("leadline dash: stopped")
    return 0
