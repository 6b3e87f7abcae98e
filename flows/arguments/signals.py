"""Arguments of the commands about signals."""

from __future__ import annotations

from leadline.flows.arguments.common import AddParser, add_db, add_json, command, levels, seconds


def _signals(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "signals",
        "Show the newest signal of each model beside the baselines, outcomes counted, what was refused "
        "and why.",
        "leadline signals",
        "leadline signals --watch",
        "leadline signals --symbol BTCUSDT --since 2026-01-31T12:00 --json",
        'leadline sql "FROM latest_signals"',
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--symbol", metavar="S", help="only this one, such as BTCUSDT")
    parser.add_argument("--since", metavar="TIME", help="decided from this moment on, UTC (a day ago)")
    parser.add_argument("--watch", action="store_true", help="show it anew every few seconds until Ctrl-C")
    add_json(parser)


def _score(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "score",
        "Show what signals were worth: each model against order-flow imbalance at the same instants, hit\n"
        "rate, calibration, rank correlation and edge after costs, each with its interval; where there is\n"
        "no evidence it says so.",
        "leadline score",
        "leadline score --now --days 7",
        "leadline score --symbol BTCUSDT --json",
        'leadline sql "SELECT lineage, prompt, net_bps, verdict FROM llm_minus_ofi WHERE is_headline"',
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--now", action="store_true", help="measure closed windows and score first")
    parser.add_argument(
        "--days", type=seconds, dest="score_days", metavar="N", help="with --now: so many days back (14)"
    )
    parser.add_argument("--symbol", metavar="S", help="its cells too, such as BTCUSDT")
    add_json(parser)


def _rescore(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "rescore",
        "Put stored questions to another model, or in the words of another prompt, and compare.\n"
        "Nothing is looked at that was not known at the first decision. What was answered before is free.\n"
        "Run it again after an interruption: it goes on where it was.",
        "leadline rescore --model gpt-4.1 --dry-run",
        "leadline rescore --model gpt-4.1 --symbol BTCUSDT --since 2026-01-31T12:00 --limit 50",
        "leadline rescore --prompt figures-1 --provider local --limit 20",
        "leadline spend --set-budget flow:rescore day 0.50        (caps it)",
        "leadline sql \"FROM signals WHERE kind = 'rescore'\"",
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument(
        "--model", metavar="NAME", dest="llm_models", help="who is asked (the setting llm_models)"
    )
    parser.add_argument(
        "--provider", metavar="NAME", dest="llm_provider", help="at whom (the setting llm_provider)"
    )
    parser.add_argument("--prompt", metavar="VERSION", help="in whose words (default: as first asked)")
    parser.add_argument("--asked", metavar="P/M", help="only what this model was asked, as provider/model")
    parser.add_argument("--symbol", metavar="S", help="only this one, such as BTCUSDT")
    parser.add_argument("--since", metavar="TIME", help="decided from this moment on, UTC (a day ago)")
    parser.add_argument("--until", metavar="TIME", help="decided before this moment, UTC (now)")
    parser.add_argument(
        "--limit", type=levels, default=100, metavar="N", help="the newest so many at most (100)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what it would cost at most, and ask nobody"
    )
    add_json(parser)


COMMANDS = (_signals, _score, _rescore)
