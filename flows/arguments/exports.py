"""Arguments of the ways out and back in: export, import."""

from __future__ import annotations

from pathlib import Path

from leadline.flows.arguments.common import AddParser, add_db, add_json, command

FORMATS = ("parquet", "hftbacktest", "tardis")


def _export(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "export",
        "Write a symbol and time range to files for other tools, with a certificate for each day.",
        "leadline export BTCUSDT --format parquet --out exported",
        "leadline export BTCUSDT --from 2026-01-31 --to 2026-02-01 --format hftbacktest --out npz",
        "leadline export BTCUSDT --from 2026-01-31T12:00 --to 2026-01-31T13:00 --format tardis --out csv",
    )
    parser.add_argument("symbol", metavar="SYMBOL")
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="UTC unless it says otherwise (the first stored row)"
    )
    parser.add_argument(
        "--to", dest="until", metavar="TIME", help="end, itself excluded (after the last stored row)"
    )
    parser.add_argument("--format", dest="style", choices=FORMATS, default="parquet")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if it is not there")
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--venue", metavar="VENUE", help="where the symbol is stored for several venues")
    add_json(parser)


def _import(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "import",
        "Take days exported as Parquet into a database, each held against its certificate.",
        "leadline import exported --db again.duckdb",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="what leadline export --out was given")
    add_db(parser, "leadline.duckdb")
    add_json(parser)


COMMANDS = (_export, _import)
