"""Arguments of the commands that act on a running stream: stop, handover."""

from __future__ import annotations

from leadline.flows.arguments.common import (
    AddParser,
    add_db,
    add_json,
    add_symbols,
    add_venue,
    command,
    seconds,
)

STOP_S = 60.0


def _stop(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "stop",
        "Ask the stream that has the database to end in order, and wait until the file is closed.",
        "leadline stop",
        'leadline stop --db books.duckdb --why "new disk"',
    )
    add_db(parser, "leadline.duckdb")
    parser.add_argument("--why", default="asked on the command line", metavar="TEXT", help="for the log")
    parser.add_argument(
        "--wait", type=seconds, default=STOP_S, metavar="S", help=f"give up after this long ({STOP_S:g})"
    )
    add_json(parser)


def _handover(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "handover",
        "Let a new process follow the running stream, warm before the old one leaves: no update is lost.",
        "leadline handover                (after an update of the code, or to move off an old process)",
        "leadline handover --here --symbols BTCUSDT ETHUSDT",
    )
    add_db(parser, "leadline.duckdb")
    add_symbols(parser)
    add_venue(parser)
    parser.add_argument(
        "--here",
        action="store_true",
        help="become the new stream in this terminal, even if a worker runs the old one",
    )
    parser.add_argument(
        "--warm-s", dest="warm_s", metavar="S", help="leave all as it is if not warm after this long (900)"
    )
    add_json(parser)


COMMANDS = (_stop, _handover)
