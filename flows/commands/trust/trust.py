"""``leadline trust``: whether a symbol's data can be trusted in a time range, and why not."""

from __future__ import annotations

import argparse
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from leadline.book.errors import BadInput
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show, titled_table
from leadline.flows.commands.common.reading import database, moment, symbol_hint
from leadline.flows.config.settings import BadSetting
from leadline.flows.dash.data import CAUSES
from leadline.flows.render.latency_words import stage_words
from leadline.flows.render.tables import json_of
from leadline.storage.access.connect import connect
from leadline.storage.queries.trust import JITTER_S, Verdict, judge, newest, oldest

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
MICROSECONDS = 1e6


def run(args: argparse.Namespace) -> int:
    """Answer on one screen; 1 where nothing is stored in that range."""
    settings = settings_of(args)
    since, until = moment("--from", args.since), moment("--to", args.until)
    with connect(database(settings)) as con, symbol_hint(con, args.symbol):
        if until is None:
            until = newest(con, args.symbol)
        if until is None:
            raise BadInput(
                f"nothing is known of {args.symbol!r}; leadline sql 'FROM coverage' lists what is stored"
            )
        if since is None:  # what was not watched yet is not asked about
            since = max(until - HOUR, min(oldest(con, args.symbol) or until, until - MINUTE))
        if since >= until:
            raise BadSetting(
                f"--from {since:%Y-%m-%dT%H:%M:%S} is not before --to {until:%Y-%m-%dT%H:%M:%S}"
            )
        verdict = judge(con, args.symbol, since, until)
    show(args, verdict, as_json, lines)
    return 0 if verdict.summary.rows else 1


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return everything for a program."""
    tables = ("summary", "gaps", "untrusted", "mismatches", "missing_trades")
    return {
        "symbol": verdict.symbol,
        "from": json_of(verdict.since),
        "to": json_of(verdict.until),
        "is_trusted": verdict.is_trusted,
        **{name: json_of(getattr(verdict, name).dicts()) for name in tables},
    }


def lines(verdict: Verdict) -> Iterator[str]:
    """Yield it for a terminal."""
    since, until = (t.astimezone(dt.UTC) for t in (verdict.since, verdict.until))
    span = f"{verdict.symbol}, {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC"
    if not verdict.summary.rows:
        yield f"{span}: not watched at all"
        return
    yield f"{span}: {headline(verdict)}"
    for row in verdict.summary.dicts():
        yield from ("", *_figures(row))
    for title, answer in (
        ("gaps", verdict.gaps),
        ("minutes not trusted", verdict.untrusted),
        ("mismatches: the venue against the book", verdict.mismatches),
        ("trades that are missing", verdict.missing_trades),
    ):
        if answer.rows:
            yield from ("", *titled_table(title, answer.columns, answer.rows))


def headline(verdict: Verdict) -> str:
    """Say how much of the time the book is trusted, and what took most of the rest."""
    if verdict.is_trusted:
        return "trusted throughout"
    rows = verdict.summary.dicts()
    share = min(row["covered_pct"] for row in rows)
    lost_s: dict[str, float] = defaultdict(float)
    for gap in verdict.gaps.dicts():
        lost_s[gap["cause"]] += gap["seconds"]
    unwatched_s = max(row["asked_s"] - row["covered_s"] for row in rows) - sum(lost_s.values())
    if unwatched_s > max(lost_s.values(), default=JITTER_S):
        why = f"nothing was watched for {unwatched_s:,.1f} s"
    elif lost_s:
        cause = max(lost_s, key=lost_s.__getitem__)
        gaps = sum(gap["cause"] == cause for gap in verdict.gaps.dicts())
        what = CAUSES.get(cause, cause)
        why = f"{what} ({lost_s[cause]:,.1f} s in {gaps} gap{'s' if gaps > 1 else ''})"
    else:
        why = Counter(str(row["why"]) for row in verdict.untrusted.dicts()).most_common(1)[0][0]
    return f"trusted {share:g} % of the time; most of the rest: {why}"


def _figures(row: dict[str, Any]) -> Iterator[str]:
    """Yield the figures of one venue, a line each."""
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
        yield "  attested  never: no book ticker came"
    yield f"  audited   {row['audited']:,} levels against snapshots, {row['audit_mismatches']} different"
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
