"""``leadline dash``: the page of ``leadline report``, live, on this machine."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
from dataclasses import replace

from leadline.flows.config.settings import BadSetting, db_to_read, from_args
from leadline.flows.dash.serve import Choice, serve
from leadline.flows.terminal.console import put, say


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    settings = from_args(args)
    db, word = db_to_read(settings)
    if word:
        say(word)
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
            f"--host {args.host}: others could look, with no password; if that is meant, name how they "
            "reach it with --allow-host NAME, else leave --host out"
        )

    def said(url: str) -> None:
        put([json.dumps({"url": url, "db": str(db), "pid": os.getpid()}) if args.json else url])
        say(f"reading {db}; Ctrl-C ends it")

    serve(choice, said)
    say("leadline dash: stopped")
    return 0
