"""Everyday questions, near and far."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.book.rows.batch import Batch, BookEventRow, CoverageEnded
from leadline.book.sync.events import State
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import ReadOnly
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries import everyday as queries
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, Served, diff, fill, seed


@pytest.fixture
def filled(db: Path) -> Path:
    with Owner(db) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        batch = fill(Batch(MARKETS), 0, [diff(n, n) for n in range(11, 21)], seeded=seed(10))
        batch.coverage.append(CoverageEnded(0, 1, START_NS + 20 * STEP_NS, 20, "gap"))
        batch.events.append(
            BookEventRow(0, START_NS + 21 * STEP_NS, State.LIVE, State.BUFFERING, "gap", 21, 25)
        )
        batch.events.append(BookEventRow(1, START_NS, State.WAITING, State.BUFFERING, "start"))
        writer.submit(fill(batch, 0, [diff(31, 31)], epoch=2, seeded=seed(30)))
        writer.close()
    return db


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_questions(filled: Path, remote: bool) -> None:
    served = Served(filled) if remote else None
    with connect(filled) as con:
        assert {name: n for name, n in queries.row_counts(con).items() if n} == {
            "depth_diffs": 11,
            "seeds": 2,
            "book_events": 2,
            "coverage": 2,
            "ingest_batches": 1,
            "markets": 3,
        }
        (fault,) = queries.faults(con).dicts()
        assert (fault["symbol"], fault["reason"], fault["expected_id"], fault["got_id"]) == (
            "BTCUSDT",
            "gap",
            21,
            25,
        )
        assert queries.faults(con, symbol="NOPE").rows == []
        assert [row["symbol"] for row in queries.events(con, n=1).dicts()] == ["BTCUSDT"]
        assert queries.latest_stats(con).rows == []
    if served is not None:
        served.stop()


def test_peoples_sql_is_cut_and_kept_from_harm(filled: Path) -> None:
    with connect(filled) as con:
        answer = queries.run_sql(con, "SELECT last_id AS id FROM depth_diffs ORDER BY 1", limit=3)
        assert (answer.columns, answer.rows, answer.truncated) == (("id",), [(11,), (12,), (13,)], True)
        assert answer.dicts()[0] == {"id": 11}
        whole = queries.run_sql(con, "SELECT 1 WHERE false", limit=3)
        assert (whole.rows, whole.truncated) == ([], False)
        with pytest.raises(ReadOnly):
            queries.run_sql(con, "DROP TABLE trades")
