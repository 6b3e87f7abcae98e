"""Arguments of demo, up, down, stream, stop, handover and symbols."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command
from leadline.flows.config.kinds import url

PORT = 4200
VENUE = ("venue", "ws_url", "rest_url")


@command(
    "leadline demo",
    "leadline demo --seconds 120      (and in a second shell: leadline sql)",
    hosts_prefect=True,
)
def demo(parser: ArgumentParser) -> None:
    """Run everything on the built-in venue, with faults, and prove the result."""
    flags.add_number(parser, "--seconds", "How long to stream", 45.0)
    flags.add_setting(parser, "db", default="demo.duckdb, created anew by each demo")
    flags.add_setting(
        parser, "venue", text="Built-in venue, such as loopback-usdm", default="loopback-spot"
    )
    flags.add_number(
        parser, "--seed", "Seed of the synthetic market", 1, read=flags.whole(0, flags.LAST_ID)
    )
    flags.add_json(parser)


@command(
    "leadline up --symbols BTCUSDT ETHUSDT",
    "leadline up --venue loopback              (needs no network)",
    "leadline up --detach                      (and later: leadline down)",
    "leadline up --server http://prefect.example.org:4200/api",
    hosts_prefect=True,
)
def up(parser: ArgumentParser) -> None:
    """
    Run Prefect server, worker, deployments and stream on this machine.

    Ctrl-C stops everything in order. A second leadline up shows how the first one is doing.
    """
    add = parser.add_argument
    flags.add_settings(parser, "db", "symbols", *VENUE)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--server",
        type=flags.as_kind(url("http", "https")),
        metavar="URL",
        help="Use this Prefect server or Cloud workspace; its key is read from PREFECT_API_KEY.",
    )
    port = flags.whole(1, flags.LAST_PORT)
    flags.add_number(where, "--port", "Port of our own Prefect server", PORT, read=port)
    add("--pool", default="leadline", metavar="NAME", help="Prefect work pool (default: %(default)s).")
    add(
        "--schedules",
        choices=("file", "quick"),
        help="file: the schedules of prefect.yaml; quick: every job within minutes "
        "(default: quick with --venue loopback, else file).",
    )
    add("--project", type=flags.path, metavar="FILE", help="Your own prefect.yaml instead of ours.")
    add("--detach", action="store_true", help="Run in the background.")
    flags.add_json(parser)


@command(
    "leadline down",
    "leadline down --wait 300",
)
def down(parser: ArgumentParser) -> None:
    """Stop what leadline up runs in this home folder, and wait for its end."""
    flags.add_number(parser, "--wait", "Give up after this many seconds", 120.0, metavar="S")
    flags.add_json(parser)


@command(
    "leadline stream --symbols BTCUSDT ETHUSDT",
    "leadline stream --venue loopback --seconds 30",
    hosts_prefect=True,
)
def stream(parser: ArgumentParser) -> None:
    """
    Stream books into the database until Ctrl-C.

    Run it again to continue in the same database.
    """
    flags.add_settings(parser, "db", "symbols", *VENUE)
    flags.add_number(parser, "--seconds", "Stop after this long", none="at Ctrl-C")
    flags.add_setting(parser, "snapshot_every_s")
    flags.add_json(parser)


@command(
    "leadline stop",
    'leadline stop --db books.duckdb --why "new disk"',
)
def stop(parser: ArgumentParser) -> None:
    """Stop the stream that has the database, and wait until the file is closed."""
    flags.add_setting(parser, "db")
    parser.add_argument(
        "--why", default="asked on the command line", metavar="TEXT", help="Reason for the log."
    )
    flags.add_number(parser, "--wait", "Give up after this many seconds", 60.0, metavar="S")
    flags.add_json(parser)


@command(
    "leadline handover                (after an update of the code)",
    "leadline handover --here --symbols BTCUSDT ETHUSDT",
    hosts_prefect=True,
)
def handover(parser: ArgumentParser) -> None:
    """
    Replace the running stream with a new process, without losing an update.

    The new process is warm before the old one stops.
    """
    flags.add_settings(parser, "db", "symbols", *VENUE)
    parser.add_argument(
        "--here",
        action="store_true",
        help="Become the new stream in this terminal, even if a worker runs the old one.",
    )
    flags.add_setting(parser, "warm_s")
    flags.add_json(parser)


@command(
    "leadline symbols",
    "leadline symbols add SOLUSDT BNBUSDT",
    "leadline symbols drop SOLUSDT",
)
def symbols(parser: ArgumentParser) -> None:
    """
    Show where each symbol stands; add or drop some while the stream runs.

    What was added or dropped stays so when the stream starts again.
    """
    add = parser.add_argument
    actions = ("list", "add", "drop")
    add("action", nargs="?", choices=actions, default="list", help="What to do (default: list).")
    add("names", nargs="*", metavar="SYMBOL", help="Symbols to add or drop.")
    flags.add_settings(parser, "db", "venue")
    flags.add_number(
        parser, "--wait", "Wait for the stream no longer than this, seconds", 15.0, metavar="S"
    )
    flags.add_json(parser, "Print the list as JSON on stdout.")


COMMANDS = (demo, up, down, stream, stop, handover, symbols)
