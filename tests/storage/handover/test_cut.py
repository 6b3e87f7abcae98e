"""Cutting at any id keeps the books: seed and kept diffs give the same book, whatever was folded away."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from leadline.book.messages import DepthDiff, Level
from leadline.book.rows.batch import Batch, Count, CoverageOpened, DiffCol, FlatBook, Market, SeedRow
from leadline.book.scale import Scale
from leadline.book.venues.binance.sequence import SPOT
from leadline.storage.handover.cut import REBUILT, Cutter
from leadline.storage.handover.succession import Ends, SymbolEnd

EPOCH, SEED_ID = 7, 100
MARKETS = [Market("venue", name, Scale(2, 3), SPOT) for name in ("AAA", "BBB")]
Book = tuple[dict[int, int], dict[int, int]]


def seed(last_id: int, book: int = 0, source: str = "venue") -> SeedRow:
    """A book of a hundred levels a side, bids up to 999 and asks from 1001."""
    bids = np.array([(1000 - n, 5) for n in range(1, 101)], np.int64)
    asks = np.array([(1000 + n, 5) for n in range(1, 101)], np.int64)
    return SeedRow(book, EPOCH, FlatBook(last_id, last_id, bids, asks), source)


def changes(rng: Random, away: int) -> tuple[Level, ...]:
    return tuple(
        (1000 + away * rng.randint(1, 120), rng.choice([0, 0, 3, 8])) for _ in range(rng.randint(0, 4))
    )


def random_diffs(rng: Random, n: int) -> list[DepthDiff]:
    diffs, last_id = [], SEED_ID
    for _ in range(n):
        first_id, last_id = last_id + 1, last_id + rng.randint(1, 3)
        bids = tuple(
            (1000 - rng.randint(1, 120), rng.choice([0, 0, 3, 8])) for _ in range(rng.randint(0, 4))
        )
        asks = tuple(
            (1000 + rng.randint(1, 120), rng.choice([0, 0, 3, 8])) for _ in range(rng.randint(0, 4))
        )
        diffs.append(DepthDiff("AAA", first_id, last_id, None, last_id, last_id, bids, asks))
    return diffs


def book_of(batches: list[Batch], book: int = 0) -> tuple[int, Book]:
    """The plain way: the newest seed of a book, and every diff after it."""
    rows = [row for batch in batches for row in batch.seeds if row.book == book]
    newest = max(rows, key=lambda row: row.snapshot.last_id)
    last_id = newest.snapshot.last_id
    sides: Book = (dict(newest.snapshot.bids.tolist()), dict(newest.snapshot.asks.tolist()))  # type: ignore[union-attr]
    for batch in batches:
        start = 0
        for row in batch.diffs[: batch.counts[Count.DIFFS]]:
            sizes = int(row[DiffCol.N_BIDS]), int(row[DiffCol.N_ASKS])
            levels = batch.levels[start : start + sum(sizes)].tolist()
            start += sum(sizes)
            if row[DiffCol.BOOK] != book or row[DiffCol.LAST_ID] <= newest.snapshot.last_id:
                continue
            assert row[DiffCol.FIRST_ID] == last_id + 1
            last_id = int(row[DiffCol.LAST_ID])
            for n, (price, qty) in enumerate(levels):
                sides[n >= sizes[0]].pop(price, None)
                if qty:
                    sides[n >= sizes[0]][price] = qty
    return last_id, sides


def held(diffs: list[DepthDiff], rng: Random) -> list[Batch]:
    """What a stream keeps back: a seed of its own and diffs, in several batches."""
    batches = [Batch(list(MARKETS), diff_rows=8, level_rows=64) for _ in range(3)]
    batches[0].seeds.append(seed(SEED_ID, source=REBUILT))
    batches[0].coverage.append(CoverageOpened(0, EPOCH, SEED_ID, SEED_ID))
    at = 0
    for diff in diffs:
        at = min(2, at + (rng.random() < 0.2))
        batches[at].reserve(1, 8, grow=True)
        batches[at].add_diff(0, EPOCH, diff)
    return batches


@pytest.mark.parametrize("number", range(60))
def test_the_book_after_the_cut_is_the_book_without_it(number: int) -> None:
    rng = Random(number)
    diffs = random_diffs(rng, 20)
    whole = book_of(held(diffs, Random(number)))
    end = rng.choice([SEED_ID, *[diff.last_id for diff in diffs[:-1]]])
    batches = held(diffs, Random(number))
    Cutter(MARKETS, Ends({"AAA": SymbolEnd(end, end)}, 0)).cut_all(batches)
    assert book_of(batches) == whole
    (row,) = [row for batch in batches for row in batch.seeds]
    assert (row.source, row.snapshot.last_id) == (REBUILT, end)
    kept = [int(n) for batch in batches for n in batch.diffs[: batch.counts[Count.DIFFS], DiffCol.LAST_ID]]
    assert kept == [diff.last_id for diff in diffs if diff.last_id > end]
    opened = [(one.first_id, one.ts_ns) for batch in batches for one in batch.coverage]  # type: ignore[union-attr]
    assert opened == [(end, end)]


def test_seeds_of_one_id_in_one_batch_are_told_apart() -> None:
    """A book written out before any diff came after its snapshot: two seeds, the same in all but source."""
    batch = Batch(list(MARKETS), diff_rows=8, level_rows=64)
    grown_from = seed(SEED_ID)
    batch.seeds += [grown_from, seed(SEED_ID, source=REBUILT), replace(grown_from, book=1)]
    Cutter(MARKETS, Ends({"AAA": SymbolEnd(SEED_ID, SEED_ID)}, 0)).cut_all([batch])
    assert [(row.book, row.source) for row in batch.seeds] == [(0, "venue"), (1, "venue"), (0, REBUILT)]
