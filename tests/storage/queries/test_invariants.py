"""What the store promises holds where nothing was harmed, and each harm is found where it was done."""

from __future__ import annotations

import pytest

from leadline.book.rows.batch import Batch
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries import invariants
from tests.storage.helpers import COIN, MARKETS, diff, fill, seed

LINKED = MARKETS.index(COIN)


@pytest.fixture
def kept(owner: Owner) -> Owner:
    """Diffs of three ids each after a seed at 10, of a contiguous and of a linked market."""
    batch = Batch(MARKETS)
    for book in (0, LINKED):
        prev = [None] * 5 if book == 0 else [10, 13, 16, 19, 22]
        diffs = [diff(11 + 3 * n, 13 + 3 * n, [(1, n + 1)], prev=prev[n]) for n in range(5)]
        fill(batch, book, diffs, seeded=seed(10, [(1, 1)], [(99, 9)]))
    writer = Writer(owner, MARKETS)
    writer.start()
    writer.submit(batch)
    writer.close()
    return owner


CHECKS = (
    invariants.untiled,
    invariants.wrong_ends,
    invariants.copies,
    invariants.lost_ids,
    invariants.doubled_ids,
)


def broken(owner: Owner) -> dict[str, list[int]]:
    """By check the last ids of the rows that break it."""
    answers = {check.__name__: check(owner.cursor()) for check in CHECKS}
    return {
        name: [row["last_id"] for row in answer.dicts()] for name, answer in answers.items() if answer.rows
    }


def test_nothing_is_found_where_nothing_was_harmed(kept: Owner) -> None:
    assert broken(kept) == {}
    assert invariants.covered(kept.cursor()) == invariants.Covered(diffs=10, ids=30)


@pytest.mark.parametrize("book", [0, LINKED], ids=["contiguous", "linked"])
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("DELETE FROM depth_diffs WHERE symbol = $s AND last_id = 13", {"untiled": [16]}),
        ("DELETE FROM depth_diffs WHERE symbol = $s AND last_id = 19", {"untiled": [22], "lost_ids": [22]}),
        ("DELETE FROM depth_diffs WHERE symbol = $s AND last_id = 25", {"wrong_ends": [25]}),
        (
            "INSERT INTO depth_diffs FROM depth_diffs WHERE symbol = $s AND last_id = 19",
            {"untiled": [19], "copies": [19]},
        ),
        (
            "UPDATE depth_diffs SET first_id = 15, prev_id = prev_id - 2 WHERE last_id = 19 AND symbol=$s",
            {"untiled": [19], "doubled_ids": [19]},
        ),
    ],
    ids=["first-gone", "middle-gone", "last-gone", "copied", "overlapping"],
)
def test_each_harm_is_found_where_it_was_done(
    kept: Owner, book: int, harm: str, found: dict[str, list[int]]
) -> None:
    kept.cursor().execute(harm, {"s": MARKETS[book].symbol})
    assert broken(kept) == found


def test_what_was_attested_is_summed_over_all_books(kept: Owner) -> None:
    assert invariants.attested(kept.cursor()) == (0, 0)
    kept.cursor().execute(
        "INSERT INTO attestations VALUES ('v', 's', '2026-05-28 10:01:00', 10, 90, 3, 2, 0, 0), "
        "('v', 't', '2026-05-28 10:04:00', 5, 40, 1, 0, 9, 9)"
    )
    assert invariants.attested(kept.cursor()) == (15, 4)
