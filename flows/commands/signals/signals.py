"""``leadline signals``: the newest signals beside the baselines, outcomes counted, refusals explained."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leadline.book.analytics.baselines import BASELINES
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show_or_watch
from leadline.flows.commands.common.reading import database, moment, stored_symbol_hint
from leadline.flows.render.tables import json_of, table_lines
from leadline.storage.access.connect import connect
from leadline.storage.access.sql import Answer
from leadline.storage.signals import report

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
    """All signals at one time."""

    since: dt.datetime
    symbol: str | None
    latest: Answer
    counts: Answer
    not_ok: Answer
    hint: str  # where the symbol is unknown: the closest one


def run(args: argparse.Namespace) -> int:
    """Show the signals; once, or until Ctrl-C."""
    db = database(settings_of(args))
    since, symbol = moment("--since", args.since), args.symbol

    def find() -> Signals:
        start = since or dt.datetime.now(dt.UTC) - DAY
        with connect(db) as con:
            return Signals(
                start,
                symbol,
                report.latest(con, since=start, symbol=symbol),
                report.counts(con, since=start, symbol=symbol),
                report.not_ok(con, since=start, symbol=symbol),
                stored_symbol_hint(con, symbol) if symbol else "",
            )

    show_or_watch(args, find, as_json, lines)
    return 0


def as_json(found: Signals) -> dict[str, Any]:
    """Return everything for a program; ``model`` null where only baselines decided."""
    tables = {"latest": found.latest, "counts": found.counts, "not_ok": found.not_ok}
    return {
        "since": json_of(found.since),
        "symbol": found.symbol,
        **{name: json_of(answer.dicts()) for name, answer in tables.items()},
    }


def lines(found: Signals) -> Iterator[str]:
    """Yield it for a terminal."""
    if not found.latest.rows:
        of = f" of {found.symbol}" if found.symbol else ""
        yield NOTHING.format(since=found.since.astimezone(dt.UTC), of=of) + found.hint
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
