"""
``leadline doctor``: the checks as a table, what to do about them, and the settings in force.

With ``--venue`` it looks at a venue instead (`contact`, beside this file).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.setup.checks import CheckVerdict, Finding, examine
from leadline.flows.commands.setup.contact import run_contact
from leadline.flows.config.settings import SETTINGS, Settings
from leadline.flows.config.venue import profile_of
from leadline.flows.render.tables import table_lines
from leadline.flows.terminal.console import json_to_stdout, to_stdout


def run(args: argparse.Namespace) -> int:
    """Check and print; fails if a check does."""
    settings = settings_of(args)
    if args.venue is not None and not args.offline:
        return run_contact(args, settings)
    ask = not args.offline and not (settings.is_loopback and settings.rest_url is None)
    findings = examine(settings, profile_of(settings) if ask else None)
    if args.json:
        checks = [asdict(finding) for finding in findings]
        json_to_stdout({"checks": checks, "settings": settings.shown()})
    else:
        _print(findings, settings)
    return 1 if any(finding.verdict is CheckVerdict.FAIL for finding in findings) else 0


def _print(findings: list[Finding], settings: Settings) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        to_stdout([f"{finding.verdict:<5} {finding.check:<{width}}  {finding.detail}"])
        if finding.todo:
            to_stdout([f"{'':<5} {'':<{width}}  → {finding.todo}"])
    to_stdout(["", "settings (leadline.toml < LEADLINE_* < flags):"])
    rows = [(key, setting.in_words(getattr(settings, key))) for key, setting in SETTINGS.items()]
    to_stdout("  " + line for line in table_lines(("key", "value"), rows))
