"""``leadline doctor``: the checks as a table, what to do about them, and the settings in force."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from leadline.flows.config.settings import Settings, from_args
from leadline.flows.config.venue import profile_of
from leadline.flows.doctor import Finding, Verdict, examine
from leadline.flows.render.tables import cell_of, table_lines
from leadline.flows.terminal.console import put


def run(args: argparse.Namespace) -> int:
    """Check and print; fails if a check does."""
    settings = from_args(args)
    ask = not args.offline and not (settings.is_loopback and settings.rest_url is None)
    findings = examine(settings, profile_of(settings) if ask else None)
    if args.json:
        shown = {"checks": [asdict(finding) for finding in findings], "settings": settings.shown()}
        put([json.dumps(shown, ensure_ascii=False)])
    else:
        _print(findings, settings)
    return 1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


def _print(findings: list[Finding], settings: Settings) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        put([f"{finding.verdict:<5} {finding.check:<{width}}  {finding.said}"])
        if finding.todo:
            put([f"{'':<5} {'':<{width}}  → {finding.todo}"])
    put(["", "settings (leadline.toml < LEADLINE_* < flags):"])
    put("  " + line for line in table_lines(("key", "value"), _pairs(settings)))


def _pairs(settings: Settings) -> list[tuple[str, str]]:
    return [
        (key, "the venue's own" if value is None else _text(value))
        for key, value in settings.shown().items()
    ]


def _text(value: object) -> str:
    if value is None:
        return "the venue's own"
    return " ".join(map(cell_of, value)) if isinstance(value, list) else cell_of(value)
