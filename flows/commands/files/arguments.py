"""Arguments of record, replay, convert, export and import."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command

EXPORTS = ("parquet", "hftbacktest", "tardis")


@command("leadline record --out recordings --symbols BTCUSDT --seconds 600")
def record(parser: ArgumentParser) -> None:
    """Record raw frames of a venue to files that leadline replay reads."""
    _add_out(parser)
    flags.add_settings(parser, "symbols", "venue", "ws_url", "rest_url")
    flags.add_number(parser, "--seconds", "Stop after this long", none="at Ctrl-C")
    flags.add_number(
        parser, "--rotate-mb", "Start a new file after this many MB", 64.0, high=flags.MOST_MB, metavar="MB"
    )
    flags.add_json(parser)


@command(
    "leadline replay morning.gz noon.gz --db replay.duckdb --venue binance-spot",
    "leadline replay incremental_book_L2.csv.gz trades.csv.gz --db bought.duckdb",
)
def replay(parser: ArgumentParser) -> None:
    """Replay recordings into a database, with the code of a live stream."""
    _add_foreign(parser)
    flags.add_settings(parser, "db", "venue")
    flags.add_number(
        parser, "--speed", "Times real time", none="as fast as possible", high=flags.FASTEST, metavar="X"
    )
    flags.add_setting(parser, "engine")
    flags.add_json(parser)


@command(
    "leadline convert btcusdt.npz --symbol BTCUSDT --venue binance-usdm --out btcusdt.gz",
    "leadline convert incremental_book_L2.csv.gz trades.csv.gz --out bought.gz",
)
def convert(parser: ArgumentParser) -> None:
    """Convert others' recordings and tables into one recording of ours."""
    _add_foreign(parser)
    flags.add_settings(parser, "venue")
    parser.add_argument(
        "--out",
        type=flags.path,
        required=True,
        metavar="FILE",
        help="Recording to write, gzip; must not exist.",
    )
    flags.add_json(parser)


@command(
    "leadline export BTCUSDT --format parquet --out exported",
    "leadline export BTCUSDT --from 2026-01-31 --to 2026-02-01 --format hftbacktest --out npz",
    "leadline export BTCUSDT --from 2026-01-31T12 --to 2026-01-31T13 --format tardis --out csv",
)
def export(parser: ArgumentParser) -> None:
    """Export a symbol and time range, with a certificate for each day."""
    parser.add_argument("symbol", metavar="SYMBOL", help="Such as BTCUSDT.")
    flags.add_time(parser, "--from", "since", "Start", "the first stored row")
    flags.add_time(parser, "--to", "until", "End, excluded", "after the last stored row")
    parser.add_argument(
        "--format", dest="style", choices=EXPORTS, default="parquet", help="Format (default: %(default)s)."
    )
    _add_out(parser)
    flags.add_stored_db(parser)
    flags.add_stored_venue(parser)
    flags.add_json(parser)


@command("leadline import exported --db again.duckdb")
def import_(parser: ArgumentParser) -> None:
    """Import days exported as Parquet, each verified against its certificate."""
    parser.add_argument("folder", type=flags.path, metavar="DIR", help="The --out of leadline export.")
    flags.add_setting(parser, "db")
    flags.add_json(parser)


def _add_foreign(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=flags.path,
        metavar="FILE",
        help="Recordings in the order they were made (ours, hftbacktest, Tardis raw, cryptofeed raw), or "
        "tables (Tardis CSV, hftbacktest npz).",
    )
    parser.add_argument("--symbol", metavar="SYMBOL", help="The symbol of a table that names none (npz).")


def _add_out(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=flags.path,
        required=True,
        metavar="DIR",
        help="Folder to write to; created if missing.",
    )


COMMANDS = (record, replay, convert, export, import_)
