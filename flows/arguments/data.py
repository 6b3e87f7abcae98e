"""Arguments of the commands about books and their data: demo, stream, replay, book, sql, record, doctor."""

from __future__ import annotations

from pathlib import Path

from leadline.flows.arguments.common import (
    AddParser,
    add_db,
    add_format,
    add_json,
    add_symbols,
    add_venue,
    command,
    levels,
    limit,
    seconds,
)


def _demo(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "demo",
        "Run everything on the built-in venue, which misbehaves on purpose, then prove the books.",
        "leadline demo",
        "leadline demo --seconds 120      (and in a second shell: leadline sql)",
    )
    parser.add_argument("--seconds", type=seconds, default=45.0, metavar="N", help="stream this long (45)")
    add_db(parser, "demo.duckdb; made anew by every demo")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the synthetic market (1)")
    add_json(parser)


def _stream(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "stream",
        "Stream books into the database until Ctrl-C; run it again to go on.",
        "leadline stream --symbols BTCUSDT ETHUSDT",
        "leadline stream --venue loopback --seconds 30",
    )
    add_db(parser, "leadline.duckdb")
    add_symbols(parser)
    add_venue(parser)
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop by itself after this long")
    parser.add_argument(
        "--snapshot-every",
        dest="snapshot_every_s",
        metavar="S",
        help="seconds from one depth snapshot to the next (10)",
    )
    add_json(parser)


def _replay(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "replay",
        "Put recordings through the same code as a live stream, into a database.",
        "leadline replay morning.gz noon.gz --db replay.duckdb --venue binance-spot",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="in the order they were made")
    add_db(parser, "leadline.duckdb")
    parser.add_argument(
        "--venue", metavar="VENUE", help="binance-spot (default), binance-usdm, binance-coinm"
    )
    parser.add_argument("--speed", type=seconds, metavar="X", help="times real time (as fast as it goes)")
    parser.add_argument("--engine", metavar="E", help="auto (default), compiled or plain")
    add_json(parser)


def _book(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "book",
        "Show a book, now or at a past moment, rebuilt from the store.",
        "leadline book BTCUSDT --levels 10",
        'leadline book BTCUSDT --at "2026-01-31 12:00:00" --format csv',
        "leadline book BTCUSDT --at-id 50093239218",
    )
    parser.add_argument("symbol", metavar="SYMBOL")
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--venue", metavar="VENUE", help="where the symbol is stored for several venues")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--at", metavar="TIME", help="UTC unless it says otherwise: 2026-01-31T12:00:00.5")
    when.add_argument("--at-id", type=int, metavar="ID", help="the book as it stood at this update id")
    parser.add_argument("--levels", type=levels, metavar="N", help="of each side (table: 10, else all)")
    add_format(parser)


def _sql(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "sql",
        "Run SQL on the store, while a stream runs or not; without a statement: a prompt.",
        'leadline sql "SELECT symbol, count(*) FROM depth_diffs GROUP BY ALL"',
        'leadline sql --format csv "SELECT * FROM coverage" > coverage.csv',
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--write", action="store_true", help="allow statements that change the store")
    parser.add_argument(
        "--limit", type=limit, metavar="N", help="rows shown, 0: all (a table: 200; csv, json: all)"
    )
    add_format(parser)
    parser.add_argument("statement", nargs="?", metavar="SQL")


def _record(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "record",
        "Keep the raw frames of a venue in files that replay reads.",
        "leadline record --out recordings --symbols BTCUSDT --seconds 600",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if it is not there")
    add_symbols(parser)
    add_venue(parser)
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop by itself after this long")
    parser.add_argument(
        "--rotate-mb",
        type=seconds,
        default=64.0,
        metavar="MB",
        help="begin a new file after this much (64)",
    )
    add_json(parser)


def _doctor(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "doctor",
        "Look at this machine and say what to do about what is not right.",
        "leadline doctor",
        "leadline doctor --offline --json",
    )
    add_db(parser, "leadline.duckdb")
    add_venue(parser)
    parser.add_argument("--offline", action="store_true", help="ask no venue")
    add_json(parser)


COMMANDS = (_demo, _stream, _replay, _book, _sql, _record, _doctor)
