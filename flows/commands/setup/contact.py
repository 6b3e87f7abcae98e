"""``leadline doctor --venue``: stream for a while, print what was found, write the report."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from leadline.book.contact.findings import Finding, Verdict
from leadline.flows.config.settings import Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.contact.report import ORDER, Report
from leadline.flows.contact.traces import Traces
from leadline.flows.local.loopback import with_venue
from leadline.flows.render.tables import table_lines
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import LineProgress
from leadline.tasks.contact.run import Contact, NoContact, make_contact
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.venues.registry import model_of

SHOWN_CHARS = 100


def run_contact(args: argparse.Namespace, settings: Settings) -> int:
    """Make it; 1 where an assumption is broken or the venue does not answer."""
    symbols = settings.symbols if args.symbols else model_of(settings.venue).spec.documented.symbols
    traces, began = Traces.here(os.environ), dt.datetime.now(dt.UTC)
    try:
        with with_venue(replace(settings, symbols=symbols)) as found:
            contact = _stream(found, symbols, args.seconds)
    except NoContact as exc:
        why = f"no contact with {settings.venue}: {traces.without(str(exc))}"
        if args.json:
            json_to_stdout(
                {
                    "report": "leadline first contact",
                    "venue": settings.venue,
                    "verdict": "no contact",
                    "headline": why,
                }
            )
        to_stderr(f"leadline doctor: {why}")
        return 1
    report = Report.of(contact, settings.venue, began, metadata.version("leadline"), traces)
    page, data = report.write(Path(args.report))
    if args.json:
        json_to_stdout(report.as_json())
    else:
        _print(report)
    to_stderr(f"leadline doctor: {report.headline}; written to {page} and {data.name}")
    return 0 if contact.is_sound else 1


def _stream(settings: Settings, symbols: tuple[str, ...], seconds: float) -> Contact:
    profile = profile_of(settings)
    with LineProgress(lambda: f"streaming {profile.name} for {seconds:g} s …", after_s=0.5) as progress:
        course = make_contact(profile, symbols, seconds=seconds, clock=SYSTEM_CLOCK, tick=progress.tick)
        return asyncio.run(course)


def _print(report: Report) -> None:
    """Print what needs a look, and the rest by area."""
    for verdict in ORDER[:-1]:
        for finding in (one for one in report.findings if one.verdict is verdict):
            to_stdout(
                [f"{verdict:<8}  {finding.area}: {finding.assumption}", f"{'':<8}  → {finding.detail}"]
            )
    held = [one for one in report.findings if one.verdict is Verdict.HOLDS]
    rows = [(one.area, one.assumption, _short(one)) for one in held]
    to_stdout(["", "holds:"])
    to_stdout("  " + line for line in table_lines(("area", "assumption", "found"), rows))


def _short(finding: Finding) -> str:
    text = finding.detail
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
