"""Arguments of doctor and automations."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command


@command(
    "leadline doctor",
    "leadline doctor --offline --json",
    "leadline doctor --venue binance-spot --seconds 60",
    "leadline doctor --venue loopback --seconds 10     (needs no network)",
)
def doctor(parser: ArgumentParser) -> None:
    """
    Check this machine, suggest fixes, print the settings in force; or check a venue.

    With --venue it streams from that venue instead and holds every documented assumption against what
    comes: fields, ids, weights, clock, books, filters, addresses. The report is Markdown and JSON and
    names neither you nor your machine. Exit code 1: an assumption is broken, or the venue does not answer.
    """
    flags.add_settings(parser, "db")
    flags.add_setting(parser, "venue", default="none: check this machine")
    flags.add_setting(parser, "symbols", text="Symbols to stream", default="busy ones of the venue")
    flags.add_settings(parser, "ws_url", "rest_url")
    flags.add_number(parser, "--seconds", "How long to stream from the venue", 60.0)
    parser.add_argument(
        "--report",
        type=flags.path,
        metavar="FOLDER",
        default=".",
        help="Where to write the report (default: here).",
    )
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
