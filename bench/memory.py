"""
What one book adds to a process: makes many of one kind, says how much memory each took, and ends.

``bench.books`` runs it once for each kind, so that none lives off memory another gave back.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from bench.measure import rss_mb
from bench.naive import NaiveBook
from leadline.book.engine.factory import make_book
from leadline.book.engine.live import LiveBook
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import SPOT

BOOKS, LEVELS = 60, 5_000  # as many levels a side as the venue's REST answer has
MARKET = Market("binance-spot", "BTCUSDT", Scale(2, 8), SPOT)
DIFF = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":7,"u":8,"b":[],"a":[]}'


def _seed() -> bytes:
    bids = [[f"{60_000 - n / 100:.2f}", "1.00000000"] for n in range(1, LEVELS + 1)]
    asks = [[f"{60_000 + n / 100:.2f}", "1.00000000"] for n in range(1, LEVELS + 1)]
    body = {"lastUpdateId": 8, "bids": bids, "asks": asks}
    return json.dumps(body, separators=(",", ":")).encode()


def _ours(engine: Any, seed: bytes) -> LiveBook:
    book, batch = make_book(0, MARKET, specs.SPOT, engine=engine), Batch([MARKET], diff_rows=8)
    book.receive_depth(DIFF, 0, 1, batch)
    book.receive_snapshot(seed, 1, batch)
    assert book.level_counts() == (LEVELS, LEVELS)
    return book


def main() -> None:
    """Print ``{"kb": …}`` for the kind of book named on the command line."""
    kind, seed = sys.argv[1], _seed()
    make: Callable[[], Any] = lambda: _ours(kind, seed)  # noqa: E731
    if kind == "naive":
        make = lambda: NaiveBook(json.loads(seed))  # noqa: E731
    kept = [make() for _ in range(3)]  # what only the first ones need is not theirs
    gc.collect()
    before = rss_mb(os.getpid())
    kept += [make() for _ in range(BOOKS)]
    gc.collect()
    print(json.dumps({"kb": (rss_mb(os.getpid()) - before) * 1000 / BOOKS}))


if __name__ == "__main__":
    main()
