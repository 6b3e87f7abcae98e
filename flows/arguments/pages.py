"""Arguments of the commands that show everything on one page: report, dash."""

from __future__ import annotations

import argparse
from pathlib import Path

from leadline.flows.arguments.common import AddParser, add_db, add_json, command, seconds, whole

REPORT = Path("leadline-report.html")
PORT = 4280
LAST_PORT = 65_535


def _port(text: str) -> int:
    return min(whole(text, 0), LAST_PORT)


def _report(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "report",
        "Write one HTML page that opens anywhere: which books may be trusted and why not, their levels,\n"
        "depth over time, signals and what they were worth, spend. While a stream runs or not.",
        "leadline report",
        "leadline report --db demo.duckdb --out demo.html",
        "leadline report --hours 24 --symbols BTCUSDT ETHUSDT",
        "leadline report --json | jq .markets      (the figures, no page)",
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument(
        "--out", type=Path, default=REPORT, metavar="FILE", help=f"the page ({REPORT}); written anew"
    )
    _add_what(parser)
    add_json(parser)


def _dash(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "dash",
        "Serve the page of leadline report on this machine, kept current, until Ctrl-C. It only reads.\n"
        "However many browsers look, the database is asked once in so many seconds.",
        "leadline dash",
        "leadline dash --port 0 --every 2          (any free port)",
        "leadline dash --host 0.0.0.0 --allow-host desk.example.org     (others may look: no password)",
    )
    add_db(parser, "leadline.duckdb, else demo.duckdb")
    parser.add_argument("--port", type=_port, default=PORT, metavar="N", help=f"0: any free one ({PORT})")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDR", help="where to listen (127.0.0.1)")
    parser.add_argument(
        "--allow-host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names under which others may ask for it; needed where --host is not this machine alone",
    )
    parser.add_argument(
        "--every", type=seconds, default=5.0, metavar="S", help="seconds from one look to the next (5)"
    )
    _add_what(parser)
    parser.add_argument("--json", action="store_true", help="print the address as json on stdout")


def _add_what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--hours", type=seconds, default=1.0, metavar="N", help="how far back it looks (1)")
    add("--symbols", nargs="+", default=[], metavar="S", dest="only", help="only these, such as BTCUSDT")


COMMANDS = (_report, _dash)
