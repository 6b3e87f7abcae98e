"""``leadline book``: one book, now or at a past time, rebuilt from the database by SQL."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.reading import database, moment, symbol_hint
from leadline.flows.render.tables import csv_lines, plain
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.storage.access.connect import connect
from leadline.storage.queries.rebuild import PriceLevel, StoredBook, book_at

TABLE_LEVELS = 10
BAR_CELLS = 24
EIGHTHS = " ▏▎▍▌▋▊▉█"
BPS = Decimal(10_000)


def run(args: argparse.Namespace) -> int:
    """Rebuild the book and print it."""
    settings = settings_of(args)
    at = moment("--at", args.at)
    symbol = args.symbol.upper()
    levels = args.levels or (TABLE_LEVELS if args.style == "table" else None)
    with connect(database(settings)) as con, symbol_hint(con, symbol):
        book = book_at(
            con,
            symbol,
            venue=settings.venue if args.venue is not None else None,
            at=at,
            at_id=args.at_id,
            levels=levels,
        )
    if args.style == "csv":
        to_stdout(csv_lines(("side", "price", "qty"), _rows(book)), is_data=True)
    elif args.style == "json":
        json_to_stdout(as_json(book))
    else:
        to_stderr(headline(book))
        to_stdout(ladder(book))
    return 0


def _rows(book: StoredBook) -> Iterator[tuple[str, str, str]]:
    for side, levels in (("bid", book.bids), ("ask", book.asks)):
        for price, qty in levels:
            yield side, plain(price), plain(qty)


def as_json(book: StoredBook) -> dict[str, object]:
    """Return the book for JSON: decimals as text, best levels first."""
    return {
        "venue": book.venue,
        "symbol": book.symbol,
        "epoch": book.epoch,
        "last_id": book.last_id,
        "as_of": book.as_of.isoformat(),
        "ended_by": book.ended_by,
        "bids": [[plain(price), plain(qty)] for price, qty in book.bids],
        "asks": [[plain(price), plain(qty)] for price, qty in book.asks],
    }


def headline(book: StoredBook) -> str:
    """Return which book this is, and whether it is still being updated."""
    now = "streaming" if book.ended_by is None else f"its stream ended: {book.ended_by}"
    time = f"{book.as_of:%Y-%m-%d %H:%M:%S.%f} UTC"
    return f"{book.symbol} {book.venue} after update {book.last_id} at {time} ({now})"


def ladder(book: StoredBook) -> Iterator[str]:
    """Yield the levels, asks on top, each with a bar for its quantity."""
    most = max((qty for _, qty in book.bids + book.asks), default=Decimal(1))
    prices = _aligned([price for price, _ in book.bids + book.asks])
    qtys = _aligned([qty for _, qty in book.bids + book.asks])
    lines = [
        f"  {'bid' if n < len(book.bids) else 'ask'}  {prices[n]}  {qtys[n]}  {bar(qty / most)}"
        for n, (_, qty) in enumerate(book.bids + book.asks)
    ]
    yield from reversed(lines[len(book.bids) :])
    yield spread_line(book.bids, book.asks)
    yield from lines[: len(book.bids)]


def spread_line(bids: Sequence[PriceLevel], asks: Sequence[PriceLevel]) -> str:
    """Return the line between the sides."""
    if not bids or not asks:
        return "  ── one side is empty"
    spread = asks[0][0] - bids[0][0]
    mid = (asks[0][0] + bids[0][0]) / 2
    return f"  ── mid {plain(mid)}  spread {plain(spread)} = {spread / mid * BPS:.3f} bps"


def bar(share: Decimal) -> str:
    """Draw a share of 0 to 1 in eighths of a cell."""
    eighths = max(1, round(share * BAR_CELLS * 8)) if share > 0 else 0
    return EIGHTHS[-1] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _aligned(numbers: Sequence[Decimal]) -> list[str]:
    """Align numbers at the decimal point."""
    texts = [plain(number) for number in numbers]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    padded = [f"{number:.{decimals}f}" for number in numbers]
    width = max(map(len, padded), default=0)
    return [text.rjust(width) for text in padded]
