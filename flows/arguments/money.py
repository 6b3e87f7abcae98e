"""Arguments of the commands about money: spend, prices."""

from __future__ import annotations

from pathlib import Path

from leadline.flows.arguments.common import AddParser, add_db, add_json, command, limit, seconds


def _spend(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "spend",
        "Show what calls to models cost, what is left of each budget, and where it goes.",
        "leadline spend",
        "leadline spend --watch",
        "leadline spend --hours 168 --json",
        "leadline spend --set-budget all day 2.50",
        "leadline spend --set-budget model:holysheep/gpt-4.1 month 20",
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--hours", type=seconds, default=24.0, metavar="N", help="look back this far (24)")
    parser.add_argument("--watch", action="store_true", help="show it anew every few seconds until Ctrl-C")
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--set-budget",
        nargs=3,
        metavar=("SCOPE", "WINDOW", "USD"),
        help="cap spend: all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME, per hour, day "
        "or month (UTC)",
    )
    change.add_argument("--drop-budget", nargs=2, metavar=("SCOPE", "WINDOW"), help="lift a cap")
    add_json(parser)


def _prices(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "prices",
        "Show the dated prices that costs are made of; check them; load your own.\n"
        "Your own rows win over the book. The file: [[price]] tables with provider, model, valid_from,\n"
        "input, output (USD per million tokens), source, checked_at, and if you like cached, reasoning,\n"
        "valid_to, peak_hours, peak_factor, shutdown_at. Without a price that holds, no call is made.",
        "leadline prices",
        "leadline prices --tokens 550 60        (a column: USD per 1,000 calls)",
        "leadline prices check          (against genai-prices; exit code 1 where they differ)",
        "leadline prices load my-prices.toml",
        "leadline sql --write \"UPDATE prices SET input = 7.5 WHERE model = 'gpt-4.1'\"",
    )
    parser.add_argument("action", nargs="?", choices=("show", "check", "load"), default="show")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with load: a TOML file")
    parser.add_argument(
        "--tokens",
        nargs=2,
        type=limit,
        metavar=("PROMPT", "ANSWER"),
        help="also what 1,000 calls of so many tokens cost, off-peak",
    )
    parser.add_argument("--all", action="store_true", help="past and future prices too")
    add_db(parser, "leadline.duckdb, else demo.duckdb; for show and check also none")
    add_json(parser)


COMMANDS = (_spend, _prices)
