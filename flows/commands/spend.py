"""``leadline spend``: what calls to models cost, budgets and what is left of them, the forecast."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from decimal import Decimal

from rich.console import Console
from rich.live import Live
from rich.text import Text

from leadline.book.errors import BadInput
from leadline.flows.commands.reading import database
from leadline.flows.config.readers import Expected, as_usd
from leadline.flows.config.settings import Settings, from_args
from leadline.flows.spend.report import Spending, as_json, lines, look
from leadline.flows.terminal.console import put, say
from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import reports
from leadline.storage.spend.ledger import WINDOWS, is_scope

WATCH_EVERY_S = 2.0


def run(args: argparse.Namespace) -> int:
    """Change a budget if asked to, then show the spend; once, or until Ctrl-C."""
    settings = from_args(args)
    db = database(settings)
    if args.set_budget or args.drop_budget:
        with connect(db, write=True) as con:
            _change(con, args)
    if not args.watch:
        with connect(db) as con:
            found = _look(con, settings, args.hours)
        put([json.dumps(as_json(found), ensure_ascii=False)] if args.json else lines(found))
        return 0
    return _watch(settings, args)


def _look(con: Connection, settings: Settings, hours: float) -> Spending:
    return look(con, settings, now=dt.datetime.now(dt.UTC), hours=hours)


def _watch(settings: Settings, args: argparse.Namespace) -> int:
    """Show it anew until Ctrl-C; the connection is given back in between, so that nobody waits for it."""
    db = database(settings)
    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while True:
            with connect(db) as con:
                found = _look(con, settings, args.hours)
            if args.json:
                put([json.dumps(as_json(found), ensure_ascii=False)])
            else:
                live.update(Text("\n".join(lines(found))), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _change(con: Connection, args: argparse.Namespace) -> None:
    scope, window = (args.set_budget or args.drop_budget)[:2]
    if args.drop_budget:
        if not reports.drop_budget(con, scope, window):
            raise BadInput(f"there is no budget {scope} per {window}; leadline spend lists them")
        say(f"budget {scope} per {window} is lifted")
        return
    if not is_scope(scope):
        raise BadInput(
            f"budget {scope!r}: expected all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME"
        )
    if window not in WINDOWS:
        raise BadInput(f"window {window!r}: expected one of {', '.join(WINDOWS)}")
    limit = _usd(args.set_budget[2])
    reports.set_budget(con, scope, window, limit, now=dt.datetime.now(dt.UTC))
    say(f"budget {scope} per {window}: {limit:f} USD")


def _usd(text: str) -> Decimal:
    try:
        return as_usd("0", "100000")(text)
    except Expected as exc:
        raise BadInput(f"{text!r}: expected {exc}") from None
