"""Arguments of the commands that act on a running stream: stop."""

from __future__ import annotations

from flows.arguments.common import AddParser, add_db, add_json, command, seconds

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


COMMANDS = (_stop,)
