"""Arguments of doctor and automations."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command


@command(
    "leadline doctor",
    "leadline doctor --offline --json",
)
def doctor(parser: ArgumentParser) -> None:
    """Check this machine, suggest fixes, print the settings in force."""
    flags.add_settings(parser, "db", "venue", "ws_url", "rest_url")
    parser.add_argument("--offline", action="store_true", help="Do not connect to the venue.")
    flags.add_json(parser)


@command(
    "leadline automations",
    "leadline automations --notify slack-webhook/ops",
    "leadline automations --remove",
)
def automations(parser: ArgumentParser) -> None:
    """
    Install Prefect automations: restart streams, report stale books and budgets.

    Run it again to update them.
    """
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--notify",
        metavar="TYPE/NAME",
        help="Also notify through this block, made in Prefect's UI.",
    )
    what.add_argument("--remove", action="store_true", help="Remove the automations.")
    flags.add_json(parser)


COMMANDS = (doctor, automations)
