"""``leadline automations``: Prefect's automations for a stream, created or updated by name."""

from __future__ import annotations

import argparse
import importlib
import os
from dataclasses import asdict

from leadline.flows.config.settings import load
from leadline.flows.local.prefect_server import (
    ServerUnavailable,
    client_environment,
    configured_url,
    environment,
    is_healthy,
    running_private,
)
from leadline.flows.render.tables import table_lines
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout


def run(args: argparse.Namespace) -> int:
    """Create, update or remove them; print what was done."""
    settings = load()
    wanted = configured_url()
    if wanted and is_healthy(wanted):
        os.environ.update(client_environment(settings.home, wanted))
    elif (shared := running_private(settings.home)) is not None:
        os.environ.update(environment(settings.home, shared))
    else:
        why = f"the Prefect API at {wanted} does not answer" if wanted else "no Prefect API is configured"
        raise ServerUnavailable(f"{why}; start one with leadline up, or set PREFECT_API_URL")
    # Imported here because Prefect fixes its settings when it is imported.
    alerts = importlib.import_module("leadline.flows.prefect_ui.alerts")
    done = alerts.remove() if args.remove else alerts.ensure(notify=args.notify)
    if args.json:
        json_to_stdout([asdict(each) for each in done])
    elif done:
        rows = [(each.name, each.done, "on" if each.enabled else "off") for each in done]
        to_stdout(table_lines(("automation", "done", "now"), rows))
    else:
        to_stderr("leadline automations: there was nothing to remove")
    return 0
