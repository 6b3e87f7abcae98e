"""``leadline spend``: what calls to models cost, budgets and what is left of them, the forecast."""

from __future__ import annotations

import argparse
import datetime as dt

from leadline.book.errors import BadInput
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show_or_watch
from leadline.flows.commands.common.reading import database
from leadline.flows.config.kinds import USD, Expected
from leadline.flows.spend.report import Spending, as_json, lines, look
from leadline.flows.terminal.console import to_stderr
from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import reports
from leadline.storage.spend.ledger import WINDOWS, is_scope


def run(args: argparse.Namespace) -> int:
    """Change a budget if asked to, then show the spend; once, or until Ctrl-C."""
    settings = settings_of(args)
    db = database(settings)
    if args.set_budget or args.drop_budget:
        with connect(db, write=True) as con:
            _change(con, args)

    def find() -> Spending:
        with connect(db) as con:
            return look(con, settings, now=dt.datetime.now(dt.UTC), hours=args.hours)

    show_or_watch(args, find, as_json, lines)
    return 0


def _change(con: Connection, args: argparse.Namespace) -> None:
    scope, window = (args.set_budget or args.drop_budget)[:2]
    if args.drop_budget:
        if not reports.drop_budget(con, scope, window):
            raise BadInput(f"there is no budget {scope} per {window}; leadline spend lists them")
        to_stderr(f"budget {scope} per {window} is removed")
        return
    if not is_scope(scope):
        raise BadInput(
            f"budget {scope!r}: expected all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME"
        )
    if window not in WINDOWS:
        raise BadInput(f"window {window!r}: expected one of {', '.join(WINDOWS)}")
    try:
        limit = USD.read(args.set_budget[2])
    except Expected as exc:
        raise BadInput(f"{args.set_budget[2]!r}: expected {exc}") from None
    reports.set_budget(con, scope, window, limit, now=dt.datetime.now(dt.UTC))
    to_stderr(f"budget {scope} per {window}: {limit:f} USD")
