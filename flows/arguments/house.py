"""Arguments of the commands that run everything on one machine: up, down."""

from __future__ import annotations

from pathlib import Path

from leadline.flows.arguments.common import (
    AddParser,
    add_db,
    add_json,
    add_symbols,
    add_venue,
    command,
    seconds,
    whole,
)

PORT = 4200
LAST_PORT = 65_535


def _port(text: str) -> int:
    return min(whole(text, 1), LAST_PORT)


def _up(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "up",
        "Run everything on this machine: Prefect server, worker, deployments and stream, until Ctrl-C.",
        "leadline up --symbols BTCUSDT ETHUSDT",
        "leadline up --venue loopback              (needs no network)",
        "leadline up --detach                      (and later: leadline down)",
        "leadline up --server http://prefect.example.org:4200/api",
    )
    add_db(parser, "leadline.duckdb")
    add_symbols(parser)
    add_venue(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--server",
        metavar="URL",
        help="use this Prefect server or Cloud workspace; its key is Prefect's own setting PREFECT_API_KEY",
    )
    where.add_argument(
        "--port", type=_port, default=PORT, metavar="N", help=f"of our own Prefect server ({PORT})"
    )
    parser.add_argument("--pool", default="leadline", metavar="NAME", help="work pool (leadline)")
    parser.add_argument(
        "--schedules",
        choices=("file", "quick"),
        help="those of prefect.yaml, or every job within minutes (quick; default with --venue loopback)",
    )
    parser.add_argument(
        "--project", type=Path, metavar="FILE", help="another prefect.yaml, with schedules of your own"
    )
    parser.add_argument("--detach", action="store_true", help="leave it running in the background")
    add_json(parser)


def _down(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "down",
        "Stop what leadline up runs for this home folder, in order, and wait until it has.",
        "leadline down",
    )
    parser.add_argument("--wait", type=seconds, default=120.0, metavar="S", help="give up after (120)")
    add_json(parser)


COMMANDS = (_up, _down)
