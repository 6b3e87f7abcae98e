"""``leadline prices``: the prices in force, checked against another source, or your own."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
from collections.abc import Iterator

from leadline.book.errors import BadInput
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.config.settings import Settings, db_to_read
from leadline.flows.render.tables import json_of, lines, plain
from leadline.flows.spend.price_check import check
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.sql import Answer, Runs
from leadline.storage.schema.baseline import create
from leadline.storage.spend import prices
from leadline.storage.spend.tariff import MILLION

OLD = dt.timedelta(days=90)


def run(args: argparse.Namespace) -> int:
    """Show, check or load."""
    settings = settings_of(args)
    if (args.action == "load") != (args.file is not None):
        raise BadInput("leadline prices load FILE: load needs a file, show and check take none")
    if args.action == "load":
        return _load(args, settings)
    now = dt.datetime.now(dt.UTC)
    with _book(settings) as con:
        if args.action == "check":
            return _check(con, now, as_json=args.json)
        found = prices.shown(con, now, every=args.all)
        if args.tokens:
            found = _with_calls(found, *args.tokens)
    if args.json:
        to_stdout(lines(found.columns, found.rows, "json"))
    else:  # sources are long
        to_stdout(lines(found.columns[:-1], [row[:-1] for row in found.rows], "table"))
    _warn_old(found, now)
    return 0


@contextlib.contextmanager
def _book(settings: Settings) -> Iterator[Runs]:
    """Open the stored prices; where there is no database yet, the built-in ones."""
    db, message = db_to_read(settings)
    if db.exists():
        if message:
            to_stderr(message)
        with connect(db, write=True) as con:
            prices.seed(con)
            yield con
        return
    to_stderr(f"no database {db} yet: these are the prices it will start with")
    memory = open_duckdb()
    create(memory, "prices")
    prices.seed(memory)
    yield memory


def _with_calls(found: Answer, prompt_tokens: int, answer_tokens: int) -> Answer:
    """Add the cost of 1,000 calls to each row: nothing cached, no reasoning, off-peak."""
    rows = []
    for row, one in zip(found.rows, found.dicts(), strict=True):
        per_call = (prompt_tokens * one["input"] + answer_tokens * one["output"]) / MILLION
        rows.append((*row[:2], plain(1_000 * per_call), *row[2:]))
    return Answer((*found.columns[:2], "usd_per_1000_calls", *found.columns[2:]), rows)


def _load(args: argparse.Namespace, settings: Settings) -> int:
    rows = prices.read_prices(args.file)
    with connect(settings.db, write=True) as con:
        prices.seed(con)
        count = prices.load(con, rows)
    to_stderr(f"{count} of your prices are in {settings.db}; they override the built-in ones")
    return 0


def _warn_old(found: Answer, now: dt.datetime) -> None:
    old = [row for row in found.dicts() if now.date() - row["checked_at"] > OLD]
    if old:
        to_stderr(f"{len(old)} prices were checked over {OLD.days} days ago; run leadline prices check")


def _check(con: Runs, now: dt.datetime, *, as_json: bool) -> int:
    compared = check(prices.valid(con, now), now)
    columns = ("provider", "model", "price", "ours", "theirs", "verdict")
    rows = [(one.provider, one.model, one.kind, one.ours, one.theirs, one.verdict) for one in compared]
    if as_json:
        json_to_stdout([dict(zip(columns, map(json_of, row), strict=True)) for row in rows])
    else:
        to_stdout(lines(columns, rows, "table"))
    drifted = [one for one in compared if one.verdict == "differs"]
    if drifted:
        to_stderr(
            f"{len(drifted)} prices differ; neither source is always right: see the provider's own page"
        )
    return 1 if drifted else 0
