"""Arguments of book, sql, report and dash."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command

REPORT = Path("leadline-report.html")
PORT = 4280


@command(
    "leadline book BTCUSDT --levels 10",
    'leadline book BTCUSDT --at "2026-01-31 12:00:00" --format csv',
    "leadline book BTCUSDT --at-id 50093239218",
)
def book(parser: ArgumentParser) -> None:
    """Show a book, now or at a past time, rebuilt from the database."""
    parser.add_argument("symbol", metavar="SYMBOL", help="Such as BTCUSDT.")
    flags.add_stored_db(parser)
    flags.add_stored_venue(parser)
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at", metavar="TIME", help="The book at this time, UTC unless it has an offset (default: now)."
    )
    when.add_argument(
        "--at-id", type=flags.whole(0, flags.LAST_ID), metavar="ID", help="The book after this update id."
    )
    levels = "10 in a table, else all"
    flags.add_number(parser, "--levels", "Levels of each side", none=levels, read=flags.whole(1))
    flags.add_format(parser)


@command(
    'leadline sql "SELECT symbol, count(*) FROM depth_diffs GROUP BY ALL"',
    'leadline sql --format csv "SELECT * FROM coverage" > coverage.csv',
    "leadline sql      (a prompt; \\? explains it)",
)
def sql(parser: ArgumentParser) -> None:
    """Run SQL on the database, also while a stream writes it."""
    parser.add_argument(
        "statement", nargs="?", metavar="SQL", help="One or more statements (default: a prompt, or stdin)."
    )
    flags.add_stored_db(parser)
    parser.add_argument("--write", action="store_true", help="Allow statements that change the database.")
    rows = "200 in a table, else all"
    flags.add_number(parser, "--limit", "Most rows to print; 0: all", none=rows, read=flags.whole(0))
    flags.add_format(parser)


@command(
    "leadline report",
    "leadline report --db demo.duckdb --out demo.html",
    "leadline report --hours 24 --symbols BTCUSDT ETHUSDT",
    "leadline report --json | jq .markets",
)
def report(parser: ArgumentParser) -> None:
    """
    Write one HTML page: trust, books, depth, signals, scores and spend.

    The page needs no network and no script. It shows which books can be trusted, and why the others
    cannot.
    """
    flags.add_stored_db(parser)
    text = f"The page; overwritten (default: {REPORT})."
    parser.add_argument("--out", type=flags.path, default=REPORT, metavar="FILE", help=text)
    _add_selection(parser)
    flags.add_json(parser, "Print the figures as JSON on stdout; write no page.")


@command(
    "leadline dash",
    "leadline dash --port 0 --every 2          (any free port)",
    "leadline dash --host 0.0.0.0 --allow-host desk.example.org    (others can read it)",
)
def dash(parser: ArgumentParser) -> None:
    """
    Serve the page of leadline report on this machine, kept current.

    It only reads. However many browsers are open, it queries the database once per update. There is
    no password.
    """
    flags.add_stored_db(parser)
    port = flags.whole(0, flags.LAST_PORT)
    flags.add_number(parser, "--port", "Port; 0: any free one", PORT, read=port)
    add = parser.add_argument
    add("--host", default="127.0.0.1", metavar="ADDR", help="Address to listen on (default: %(default)s).")
    add(
        "--allow-host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="Host names that other machines use; required if --host is not this machine only.",
    )
    flags.add_number(parser, "--every", "Seconds between updates", 5.0, metavar="S")
    _add_selection(parser)
    flags.add_json(parser, "Print the address as JSON on stdout.")


def _add_selection(parser: ArgumentParser) -> None:
    flags.add_number(parser, "--hours", "How far back to read", 1.0, high=flags.MOST_HOURS)
    parser.add_argument(
        "--symbols", nargs="+", default=[], metavar="SYMBOL", dest="only", help="Only these (default: all)."
    )


COMMANDS = (book, sql, report, dash)
