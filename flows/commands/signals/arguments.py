"""Arguments of signals, score and rescore."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command


@command(
    "leadline signals",
    "leadline signals --watch",
    "leadline signals --symbol BTCUSDT --since 2026-01-31T12:00 --json",
    'leadline sql "FROM latest_signals"',
)
def signals(parser: ArgumentParser) -> None:
    """Show each model's newest signal beside the baselines, and refusals."""
    flags.add_stored_db(parser)
    _add_symbol(parser)
    flags.add_time(parser, "--since", "since", "Only signals decided from then on", "a day ago")
    flags.add_watch(parser)
    flags.add_json(parser)


@command(
    "leadline score",
    "leadline score --now --days 7",
    "leadline score --symbol BTCUSDT --json",
    'leadline sql "SELECT lineage, prompt, net_bps, verdict FROM llm_minus_ofi WHERE is_headline"',
)
def score(parser: ArgumentParser) -> None:
    """
    Show what signals were worth after costs, each model against OFI.

    Each model is compared with order-flow imbalance at the same instants: hit rate, calibration,
    rank correlation and edge after costs, each with its interval. Where there is no evidence of an
    edge, the verdict is "no evidence".
    """
    flags.add_stored_db(parser)
    parser.add_argument("--now", action="store_true", help="First label closed windows and compute scores.")
    flags.add_setting(parser, "score_days", text="With --now: how far back to score, in days")
    parser.add_argument("--symbol", metavar="SYMBOL", help="Also show the cells of this symbol.")
    flags.add_json(parser)


@command(
    "leadline rescore --model gpt-4.1 --dry-run",
    "leadline rescore --model gpt-4.1 --symbol BTCUSDT --since 2026-01-31T12:00 --limit 50",
    "leadline rescore --prompt figures-1 --provider local --limit 20",
    "leadline spend --set-budget flow:rescore day 0.50        (caps it)",
    "leadline sql \"FROM signals WHERE kind = 'rescore'\"",
)
def rescore(parser: ArgumentParser) -> None:
    """
    Put stored questions to another model or prompt, and compare the answers.

    It uses only what was known at the first decision. Questions answered before cost nothing. After
    an interruption, run it again: it continues where it stopped.
    """
    add = parser.add_argument
    flags.add_stored_db(parser)
    flags.add_setting(parser, "llm_models", text="Model to ask", default="the setting llm_models")
    flags.add_setting(parser, "llm_provider", text="Its provider", default="the setting llm_provider")
    add("--prompt", metavar="VERSION", help="Prompt version to use (default: that of the first question).")
    add("--asked", metavar="P/M", help="Only questions put to this provider/model.")
    _add_symbol(parser)
    flags.add_time(parser, "--since", "since", "Only questions decided from then on", "a day ago")
    flags.add_time(parser, "--until", "until", "Only questions decided before", "now")
    flags.add_number(parser, "--limit", "Most questions, newest first", 100, read=flags.whole(1))
    add("--dry-run", action="store_true", help="Print the highest possible cost; ask nothing.")
    flags.add_json(parser)


def _add_symbol(parser: ArgumentParser) -> None:
    parser.add_argument("--symbol", metavar="SYMBOL", help="Only this symbol, such as BTCUSDT.")


COMMANDS = (signals, score, rescore)
