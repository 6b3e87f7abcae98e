"""Arguments of spend and prices."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command


@command(
    "leadline spend",
    "leadline spend --watch",
    "leadline spend --hours 168 --json",
    "leadline spend --set-budget all day 2.50",
    "leadline spend --set-budget model:holysheep/gpt-4.1 month 20",
)
def spend(parser: ArgumentParser) -> None:
    """Show what model calls cost, what is left of each budget, and the forecast."""
    flags.add_stored_db(parser)
    flags.add_number(parser, "--hours", "How far back to count", 24.0, high=flags.MOST_HOURS)
    flags.add_watch(parser)
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--set-budget",
        nargs=3,
        metavar=("SCOPE", "WINDOW", "USD"),
        help="Cap the spend. SCOPE: all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME. "
        "WINDOW: hour, day or month (UTC).",
    )
    change.add_argument("--drop-budget", nargs=2, metavar=("SCOPE", "WINDOW"), help="Remove a cap.")
    flags.add_json(parser)


@command(
    "leadline prices",
    "leadline prices --tokens 550 60        (adds a column: USD per 1,000 calls)",
    "leadline prices check                  (exit code 1 where they differ)",
    "leadline prices load my-prices.toml",
    "leadline sql --write \"UPDATE prices SET input = 7.5 WHERE model = 'gpt-4.1'\"",
)
def prices(parser: ArgumentParser) -> None:
    """
    Show, check or load the dated prices that costs are computed from.

    A model without a valid price is never called. Your own prices override the built-in ones. Their
    file has [[price]] tables with provider, model, valid_from, input, output (USD per million
    tokens), source and checked_at; optional are cached, reasoning, valid_to, peak_hours,
    peak_factor and shutdown_at.
    """
    add = parser.add_argument
    add(
        "action", nargs="?", choices=("show", "check", "load"), default="show",
        help="show the prices, check them against genai-prices, or load your own (default: show).",
    )  # fmt: skip
    add("file", nargs="?", type=flags.path, metavar="FILE", help="With load: a TOML file.")
    add(
        "--tokens",
        nargs=2,
        type=flags.whole(0),
        metavar=("PROMPT", "ANSWER"),
        help="Add the off-peak cost of 1,000 calls with this many tokens each.",
    )
    add("--all", action="store_true", help="Also show past and future prices.")
    flags.add_setting(parser, "db", default=f"{flags.READ_DB}; show and check need none")
    flags.add_json(parser)


COMMANDS = (spend, prices)
