"""
Write live books out whole, so that what follows can be kept without what came before.

A stream that is to follow another has passed its rows over until now. From here on they are kept: of
each LIVE book the seed it grew from, for reference, the book as it stands, and every diff after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import numpy as np

from leadline.book.rows.batch import CoverageOpened, FlatBook, SeedRow
from leadline.book.sync.events import State
from leadline.tasks.feed.routing.router import Router

REBUILT = "rebuilt"  # not from the venue, but from its seed and diffs


async def mark_books(
    router: Router, seeds: Mapping[int, SeedRow], wall_ns: Callable[[], int]
) -> dict[str, int]:
    """
    Write every LIVE book into the batch; return by symbol the update id it stood at.

    ``seeds`` are the seeds passed over so far, by book. One book a turn: the others stay in step.
    """
    marked: dict[str, int] = {}
    for symbol, book in list(router.books.items()):
        epoch = book.epoch
        if book.state is State.LIVE and epoch is not None:
            batch = router.batch
            grown_from = seeds.get(book.index)
            if grown_from is not None and grown_from.epoch == epoch:
                batch.seeds.append(grown_from)
            bids, asks = (np.array(side, np.int64).reshape(-1, 2) for side in book.levels())
            whole = FlatBook(book.last_id, book.last_recv_ns, bids, asks)
            batch.seeds.append(SeedRow(book.index, epoch, whole, REBUILT))
            batch.coverage.append(CoverageOpened(book.index, epoch, wall_ns(), book.last_id))
            marked[symbol] = book.last_id
        await asyncio.sleep(0)
    return marked
