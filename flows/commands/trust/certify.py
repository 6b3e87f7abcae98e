"""``leadline certify``: the certificate of a symbol's day as JSON and HTML, and its verification."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from leadline.book.errors import BadInput
from leadline.flows.certificates.write import Written, certify_to_files, folder_of
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import titled_table
from leadline.flows.commands.common.reading import database, symbol_hint
from leadline.flows.commands.common.reading import day as given_day
from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.render.latency_words import stage_words
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.storage.access.connect import connect
from leadline.storage.certificates.day import differences, read_day, venues
from leadline.storage.queries.trust import newest


def run(args: argparse.Namespace) -> int:
    """Certify a day, or verify a certificate: 1 where it differs from the database."""
    settings = settings_of(args)
    if (args.verify is None) == (args.symbol is None):
        raise BadSetting("expected a symbol to certify, or --verify FILE to compare one with the database")
    if args.verify is not None:
        return _verify(settings, args.verify, as_json=args.json)
    day = given_day("--day", args.day)
    with connect(database(settings)) as con, symbol_hint(con, args.symbol):
        if day is None:
            last = newest(con, args.symbol)
            day = None if last is None else last.date()
        found = venues(con, args.symbol, day) if day else []
        if args.venue is not None:
            found = [venue for venue in found if venue == settings.venue]
        if day is None or not found:
            when = f" on {day}" if day else ""
            raise BadInput(
                f"nothing is stored of {args.symbol!r}{when}; "
                "leadline sql 'FROM coverage' lists what there is"
            )
        folder, now = args.out or folder_of(settings), dt.datetime.now(dt.UTC)
        made = [certify_to_files(con, venue, args.symbol, day, folder=folder, now=now) for venue in found]
    if args.json:
        json_to_stdout([_as_json(one) for one in made])
    else:
        for one in made:
            to_stdout(lines(one))
    return 0


def _as_json(one: Written) -> dict[str, object]:
    files = {"json": str(one.json_path), "html": str(one.html_path)}
    return {**one.told, "outcome": one.outcome, "files": files}


def lines(one: Written) -> Iterator[str]:
    """Yield a certificate for a terminal."""
    day = one.told
    state = "provisional, the day is open" if day["is_provisional"] else "final"
    market = f"{day['venue']} {day['symbol']} {day['day']}"
    yield f"{market}: {day['covered_pct']:.3f} % of the day covered ({state})"
    watched, seen, audits = day["watched"], day["attestation"], day["rest_audits"]
    latency, spread = day["latency"], day["spread"]
    attested, to_book, wide = "never: no book ticker came", "not measured", "not known"
    if seen["checked"]:
        found = f"{seen['checked']:,} checks, {seen['mismatches']} mismatches"
        attested = f"{seen['attested_pct']} % of {found}"
    if latency["measured"]:
        to_book = f"receipt to book p50 {latency['to_book_p50_us']} µs, p99 {latency['to_book_p99_us']} µs"
    if spread["n"]:
        wide = f"median {spread['p50_bps']} bps, p99 {spread['p99_bps']} bps"
    seconds = f"{watched['watched_s'] or 0:,.0f} s"
    figures = [
        ("watched", f"{seconds}, {watched['covered_pct'] or 0:.3f} % of it covered"),
        ("minutes", f"{watched['trusted_minutes']} of {watched['minutes']} trusted"),
        ("attested", attested),
        ("audited", f"{audits['audited_levels']:,} levels, {audits['audit_mismatches']} different"),
        ("latency", to_book),
        ("stages", stage_words(latency["stages"])),
        ("spread", wide),
        ("rows", ", ".join(f"{n:,} {name}" for name, n in day["rows"].items() if n) or "none"),
        ("content", day["content"]["sha256"]),
        ("files", f"{one.json_path} and .html ({one.outcome})"),
    ]
    yield from (f"  {name:<10}{value}" for name, value in figures)
    if day["gaps"]:
        columns = ("ts_from", "ts_to", "seconds", "cause", "after_id", "before_id")
        rows = [tuple(gap[name] for name in columns) for gap in day["gaps"]]
        yield from titled_table("gaps", columns, rows)


def _verify(settings: Settings, path: Path, *, as_json: bool) -> int:
    day = read_day(path)
    with connect(database(settings)) as con:
        found = differences(con, day)
    if as_json:
        json_to_stdout({"file": str(path), "is_equal": not found, "differences": found})
        return 1 if found else 0
    what = f"{day['venue']} {day['symbol']} {day['ts_from']} to {day['ts_to']}"
    if not found:
        content = f"  content   {day['content']['sha256']}"
        to_stdout([f"{what}: the database holds exactly what was certified", content])
        return 0
    to_stdout([f"{what}: the database is NOT what was certified", *(f"  {line}" for line in found)])
    to_stderr(
        "older rows may have been deleted (keep_days); they are in export_to where it is set. "
        "If not, rows were changed after the certificate was made"
    )
    return 1
