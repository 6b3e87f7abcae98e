"""``leadline signals``: the newest signals beside the baselines, outcomes counted, refusals explained."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from leadline.book.analytics.baselines import BASELINES
from leadline.flows.commands.reading import database, moment
from leadline.flows.config.settings import from_args
from leadline.flows.render.tables import json_of, table_lines
from leadline.flows.terminal.console import put
from leadline.storage.access.connect import connect
from leadline.storage.access.sql import Answer
from leadline.storage.signals import report

WATCH_EVERY_S = 2.0
DAY = dt.timedelta(days=1)
BEFORE_RULES = ("ts", "symbol", "model", "outcome", "direction", "confidence")
AFTER_RULES = ("latency_ms", "cost_usd")
DIGITS = {"confidence": 2, "latency_ms": 0}
NOTHING = (
    "no signals since {since:%Y-%m-%d %H:%M} UTC{of}; "
    "analyze-signals makes them: leadline up, or leadline demo"
)


@dataclass(frozen=True, slots=True)
class Signals:
    """All of it at one moment."""

    since: dt.datetime
    symbol: str | None
    latest: Answer
    counts: Answer
    not_ok: Answer


def run(args: argparse.Namespace) -> int:
    """Show the signals; once, or until Ctrl-C."""
    settings = from_args(args)
    since = moment("--since", args.since) if args.since else None
    db = database(settings)
    if not args.watch:
        found = _look(db, since, args.symbol)
        put([json.dumps(as_json(found), ensure_ascii=False)] if args.json else lines(found))
        return 0
    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while True:
            # Between two looks the connection is given back, so that nobody waits for it.
            found = _look(db, since, args.symbol)
            if args.json:
                put([json.dumps(as_json(found), ensure_ascii=False)])
            else:
                live.update(Text("\n".join(lines(found))), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _look(db: Path, since: dt.datetime | None, symbol: str | None) -> Signals:
    since = since or dt.datetime.now(dt.UTC) - DAY
    with connect(db) as con:
        return Signals(
            since,
            symbol,
            report.latest(con, since=since, symbol=symbol),
            report.counts(con, since=since, symbol=symbol),
            report.not_ok(con, since=since, symbol=symbol),
        )


def as_json(found: Signals) -> dict[str, Any]:
    """Return everything for a program; ``model`` null where only baselines spoke."""
    tables = {"latest": found.latest, "counts": found.counts, "not_ok": found.not_ok}
    return {
        "since": json_of(found.since),
        "symbol": found.symbol,
        **{name: [json_of(row) for row in answer.dicts()] for name, answer in tables.items()},
    }


def lines(found: Signals) -> Iterator[str]:
    """Yield it for a terminal."""
    if not found.latest.rows:
        of = f" of {found.symbol}" if found.symbol else ""
        yield NOTHING.format(since=found.since.astimezone(dt.UTC), of=of)
        return
    head = (*BEFORE_RULES, *BASELINES, *AFTER_RULES)
    yield from table_lines(head, [[_short(row, n) for n in head] for row in found.latest.dicts()])
    yield from ("", *table_lines(found.counts.columns, found.counts.rows))
    if found.not_ok.rows:
        yield from ("", "no direction from a model", *table_lines(found.not_ok.columns, found.not_ok.rows))


def _short(row: dict[str, Any], name: str) -> Any:
    value = row[name]
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=0)
    if value is None:
        return "-"
    return round(value, DIGITS[name]) if name in DIGITS else value
