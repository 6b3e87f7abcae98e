"""Arguments of trust and certify."""

from __future__ import annotations

from argparse import ArgumentParser

from leadline.flows.commands.common import flags
from leadline.flows.commands.common.command import command


@command(
    "leadline trust BTCUSDT",
    "leadline trust BTCUSDT --from 2026-01-31T13:00 --to 2026-01-31T14:00",
    "leadline trust BTCUSDT --from 2026-01-31 --json",
    "leadline sql \"SELECT minute, is_trusted, why FROM trust WHERE symbol = 'BTCUSDT'\"",
)
def trust(parser: ArgumentParser) -> None:
    """
    Show whether a symbol's data can be trusted in a time range, and why not.

    It shows the share covered and every gap with its cause and length. It shows how often the
    venue's tickers agreed with the book, clock offset and latency.
    """
    parser.add_argument("symbol", metavar="SYMBOL", help="As the venue writes it, such as BTCUSDT.")
    flags.add_stored_db(parser)
    flags.add_time(parser, "--from", "since", "Start", "an hour before --to")
    flags.add_time(parser, "--to", "until", "End", "the newest row of the symbol")
    flags.add_json(parser)


@command(
    "leadline certify BTCUSDT",
    "leadline certify BTCUSDT --day 2026-01-31 --out certificates",
    "leadline certify --verify certificates/binance-spot/BTCUSDT/2026-01-31.json",
)
def certify(parser: ArgumentParser) -> None:
    """
    Certify a symbol's day as JSON and HTML, or verify a certificate.

    A certificate has coverage, gaps with cause and ids, attestation, latency, spread and depth.
    It has the hash of the content, too. --verify compares the certificate of a day or an export
    with the database. The exit code is 1 if they differ.
    """
    add = parser.add_argument
    add("symbol", metavar="SYMBOL", nargs="?", help="As the venue writes it, such as BTCUSDT.")
    add(
        "--day",
        metavar="YYYY-MM-DD",
        help="The day, UTC; the current one is provisional (default: the newest stored).",
    )
    add("--verify", metavar="FILE", type=flags.path, help="Compare this certificate with the database.")
    add(
        "--out",
        metavar="DIR",
        type=flags.path,
        help="Where to write (default: certificates in export_to, else in the home folder).",
    )
    flags.add_setting(parser, "venue", text="Only this venue.", default="every venue that has the day")
    flags.add_stored_db(parser)
    flags.add_json(parser)


COMMANDS = (trust, certify)
