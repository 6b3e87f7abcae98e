"""Arguments of the commands that say what may be believed."""

from __future__ import annotations

from pathlib import Path

from leadline.flows.arguments.common import AddParser, add_db, add_json, command


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


def _certify(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "certify",
        "Certify a symbol's day (UTC): coverage, every gap with its cause and ids, attestation, latency,\n"
        "spread, depth and the hash of its content, as JSON and as a page with plots that opens anywhere.\n"
        "With --verify hold a certificate, of a day or of an export, against the store: 1 if they differ.",
        "leadline certify BTCUSDT",
        "leadline certify BTCUSDT --day 2026-01-31 --out certificates",
        "leadline certify --verify certificates/binance-spot/BTCUSDT/2026-01-31.json",
    )
    parser.add_argument(
        "symbol", metavar="SYMBOL", nargs="?", help="as the venue writes it, such as BTCUSDT"
    )
    parser.add_argument("--day", metavar="YYYY-MM-DD", help="UTC (the newest stored); today is provisional")
    parser.add_argument(
        "--verify", metavar="FILE", type=Path, help="a certificate to compare with the store"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="(certificates in export_to, else in the home folder)"
    )
    parser.add_argument("--venue", metavar="VENUE", help="only this one (every venue that has the day)")
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    add_json(parser)


COMMANDS = (_trust, _certify)
