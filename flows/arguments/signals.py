"""Arguments of the commands about signals."""

from __future__ import annotations

from flows.arguments.common import AddParser, add_db, add_json, command


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


COMMANDS = (_signals,)
