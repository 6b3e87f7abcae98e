"""A file written anew holds the same rows in less room, or is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.book.rows.batch import Batch
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreBroken, StoreFull, StoreOwned
from leadline.storage.ingest.writer import Writer
from leadline.storage.lifecycle import compact
from leadline.storage.queries.everyday import row_counts
from leadline.storage.queries.rebuild import book_at
from tests.storage.helpers import MARKETS, Served, diff, fill, seed


@pytest.fixture
def holed(db: Path) -> Path:
    """A file most of whose rows were deleted."""
    with Owner(db) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(
            fill(Batch(MARKETS), 0, [diff(11, 11, [(5, 5)])], seeded=seed(10, [(1, 1)], [(99, 9)]))
        )
        writer.close()
        con = owner.cursor()
        con.execute(
            "INSERT INTO trades SELECT 'v', 's', now(), now(), range, now(), hash(range) % 1000000, "
            "random(), random(), true, 'market', random(), NULL, NULL, false FROM range(400000)"
        )
        con.execute("CHECKPOINT")
        con.execute("DELETE FROM trades")
        con.execute("CHECKPOINT")
    return db


def test_it_holds_the_same_rows_in_less_room(holed: Path) -> None:
    with connect(holed) as con:
        counts, book, before = row_counts(con), book_at(con, "BTCUSDT"), compact.size(con)
    done = compact.rewrite(holed)
    assert done.rows == sum(counts.values())
    assert done.after_bytes < done.before_bytes / 2
    assert holed.stat().st_size == done.after_bytes
    with connect(holed) as con:
        assert row_counts(con) == counts
        assert book_at(con, "BTCUSDT") == book
        assert compact.size(con).total_bytes < before.total_bytes
        con.execute("SELECT * FROM depth_levels, trust")  # the views are there
    assert list(holed.parent.glob("*.rewrite*")) == []


def test_near_and_far_the_size_is_the_same(holed: Path) -> None:
    with connect(holed) as con:
        near = compact.size(con)
    served = Served(holed)
    with connect(holed) as con:
        far = compact.size(con)
    assert far.total_bytes == near.total_bytes
    assert far.free_bytes > near.total_bytes / 2
    # Blocks of 256 KiB after three headers; free ones at the end may have been cut off meanwhile.
    cut_off = near.total_bytes - (holed.stat().st_size - 3 * 4096)
    assert cut_off % (256 * 1024) == 0
    assert 0 <= cut_off <= near.free_bytes
    with pytest.raises(StoreOwned):
        compact.rewrite(holed)
    served.stop()


def test_without_room_or_with_a_stranger_inside_it_is_left_alone(
    holed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = holed.stat().st_ino
    monkeypatch.setattr(compact, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(StoreFull):
        compact.rewrite(holed)
    monkeypatch.undo()
    assert holed.stat().st_ino == before
    with open_duckdb(holed) as con:
        con.execute("CREATE TABLE notes AS SELECT 'of somebody' AS note")
    with pytest.raises(StoreBroken, match="tables of somebody else"):
        compact.rewrite(holed)
    with open_duckdb(holed) as con:
        assert con.execute("FROM notes").fetchall() == [("of somebody",)]
    assert list(holed.parent.glob("*.rewrite*")) == []
