"""Arguments of the command that says what may be believed."""

from __future__ import annotations

from flows.arguments.common import AddParser, add_db, add_json, command


def _trust(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "trust",
        "Say whether a symbol's data may be believed between two moments: how much is covered, every gap\n"
        "with its cause and length, how often the venue's own word agreed with the book, clock, latency.",
        "leadline trust BTCUSDT",
        "leadline trust BTCUSDT --from 2026-01-31T13:00 --to 2026-01-31T14:00",
        "leadline trust BTCUSDT --from 2026-01-31 --json",
        "leadline sql \"SELECT minute, is_trusted, why FROM trust WHERE symbol = 'BTCUSDT'\"",
    )
    parser.add_argument("symbol", metavar="SYMBOL", help="as the venue writes it, such as BTCUSDT")
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--from", dest="since", metavar="TIME", help="UTC (an hour before --to)")
    parser.add_argument("--to", dest="until", metavar="TIME", help="UTC (the newest row of the symbol)")
    add_json(parser)


COMMANDS = (_trust,)
