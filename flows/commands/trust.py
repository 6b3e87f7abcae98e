"""``leadline trust``: may a symbol's data be believed between two moments, and if not, why not."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from leadline.book.errors import BadInput
from leadline.flows.commands.reading import database, moment
from leadline.flows.config.settings import BadSetting, from_args
from leadline.flows.render.latency_words import stage_words
from leadline.flows.render.tables import json_of, table_lines
from leadline.flows.terminal.console import put
from leadline.storage.access.connect import connect
from leadline.storage.queries.trust import Verdict, judge, newest

HOUR = dt.timedelta(hours=1)
MOST_ROWS = 12  # of each table on the screen; --json has all
MICROSECONDS = 1e6


def run(args: argparse.Namespace) -> int:
    """Answer on one screen; 1 where there is nothing to answer from."""
    settings = from_args(args)
    since = moment("--from", args.since) if args.since else None
    until = moment("--to", args.until) if args.until else None
    with connect(database(settings)) as con:
        if until is None:
            until = newest(con, args.symbol)
        if until is None:
            raise BadInput(
                f"nothing is known of {args.symbol!r}; leadline book --help tells how symbols are "
                "written, and leadline sql 'FROM coverage' lists those there are"
            )
        since = since or until - HOUR
        if since >= until:
            raise BadSetting(
                f"--from {since:%Y-%m-%dT%H:%M:%S} lies not before --to {until:%Y-%m-%dT%H:%M:%S}"
            )
        verdict = judge(con, args.symbol, since, until)
    put([json.dumps(as_json(verdict), ensure_ascii=False)] if args.json else lines(verdict))
    return 0 if verdict.summary.rows else 1


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return everything for a program."""
    tables = ("summary", "gaps", "untrusted", "mismatches")
    return {
        "symbol": verdict.symbol,
        "from": json_of(verdict.since),
        "to": json_of(verdict.until),
        "is_trusted": verdict.is_trusted,
        **{name: [json_of(row) for row in getattr(verdict, name).dicts()] for name in tables},
    }


def lines(verdict: Verdict) -> Iterator[str]:
    """Yield it for a terminal."""
    since, until = (t.astimezone(dt.UTC) for t in (verdict.since, verdict.until))
    span = f"{verdict.symbol}, {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC"
    if not verdict.summary.rows:
        yield f"{span}: not watched at all"
        return
    yield f"{span}: {'trusted' if verdict.is_trusted else 'NOT trusted throughout'}"
    for row in verdict.summary.dicts():
        yield from ("", *_figures(row))
    for title, answer in (
        ("gaps", verdict.gaps),
        ("minutes not trusted", verdict.untrusted),
        ("the venue's own word against the book", verdict.mismatches),
    ):
        if answer.rows:
            more = f" (the first {MOST_ROWS} of {len(answer.rows)})" if len(answer.rows) > MOST_ROWS else ""
            yield from ("", title + more, *table_lines(answer.columns, answer.rows[:MOST_ROWS]))


def _figures(row: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of one venue, a line a matter."""
    yield row["venue"]
    yield (
        f"  covered   {row['covered_pct']} % of {row['asked_s']:,.0f} s; "
        f"{row['trusted_minutes']} of {row['minutes']} watched minutes trusted"
    )
    if row["checked"]:
        yield (
            f"  attested  {row['attested_pct']} % of {row['checked']:,} checks "
            f"({row['equal_id']:,} at equal ids, {row['bracketed']:,} bracketed), "
            f"{row['mismatches']} mismatches, {row['refuted']} books discarded"
        )
    else:
        yield "  attested  never: no book ticker was heard"
    yield f"  audited   {row['audited']:,} levels held against listings, {row['audit_mismatches']} unlike"
    yield f"  clock     {_clock(row['clock_offset_us'], row['clock_error_us'])}"
    yield (
        f"  latency   receive to book p50 {_ms(row['to_book_p50_us'])}, "
        f"p99 {_ms(row['to_book_p99_us'])} at worst; "
        f"to queryable p99 {_ms(row['to_durable_p99_us'])} at worst"
    )
    yield f"  stages    {stage_words(row)} (p50 / worst p99)"


def _clock(offset_us: float | None, error_us: float | None) -> str:
    if offset_us is None:
        return "not measured"
    error = "" if error_us is None else f" ± {error_us / MICROSECONDS:.4f}"
    return f"the venue's minus ours {offset_us / MICROSECONDS:+.4f}{error} s"


def _ms(microseconds: float | None) -> str:
    return "not measured" if microseconds is None else f"{microseconds / 1e3:.1f} ms"
