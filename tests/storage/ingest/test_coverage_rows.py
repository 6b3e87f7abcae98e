"""Coverage through the writer: the rows that stand after each transaction."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.rows.batch import Batch, CoverageEnded, CoverageOpened, DepthSample
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS, START_NS, diff

PATIENCE_S = 60.0


def coverage_rows(owner: Owner) -> list[tuple[object, ...]]:
    asked = "SELECT first_id, last_id, ended_by FROM coverage ORDER BY first_id, last_id"
    return owner.cursor().execute(asked).fetchall()


def test_an_interval_ends_and_another_of_the_same_epoch_begins_in_one_transaction(
    writer: Writer, owner: Owner
) -> None:
    """As when a book falls silent for a moment: the old interval's end is not the new one's."""
    first = Batch(MARKETS)
    first.coverage.append(CoverageOpened(0, 1, START_NS, 5))
    first.add_diff(0, 1, diff(6, 6))
    writer.submit(first)
    assert writer.drain(PATIENCE_S)
    both = Batch(MARKETS)
    both.coverage += [CoverageEnded(0, 1, START_NS + 7, 6, "silent"), CoverageOpened(0, 1, START_NS + 9, 7)]
    both.add_diff(0, 1, diff(7, 8))
    writer.submit(both)
    assert writer.drain(PATIENCE_S)
    last = Batch(MARKETS)
    last.add_diff(0, 1, diff(9, 9))
    writer.submit(last)
    assert writer.drain(PATIENCE_S)
    assert coverage_rows(owner) == [(5, 6, "silent"), (7, 9, None)]


def test_an_interval_refuted_from_before_its_start_is_no_row(writer: Writer, owner: Owner) -> None:
    for split in (False, True):
        epoch = 2 + split
        opened, refuted = Batch(MARKETS), Batch(MARKETS)
        opened.coverage.append(CoverageOpened(0, epoch, START_NS, 20))
        ended = CoverageEnded(0, epoch, START_NS + 30, 15, "refuted", START_NS + 40)
        (refuted if split else opened).coverage.append(ended)
        writer.submit(opened)
        assert writer.drain(PATIENCE_S)
        writer.submit(refuted)
        assert writer.drain(PATIENCE_S)
        assert coverage_rows(owner) == []


def test_a_sample_that_comes_after_its_retraction_is_not_trusted(writer: Writer, owner: Owner) -> None:
    first, late = Batch(MARKETS), Batch(MARKETS)
    first.coverage.append(CoverageOpened(0, 1, START_NS, 5))
    first.add_diff(0, 1, diff(6, 9))
    first.coverage.append(CoverageEnded(0, 1, START_NS + 9000, 6, "refuted", START_NS + 90_000))
    sample = DepthSample(
        0, 1, START_NS + 50_000, 9, ((5, 9),), ((6, 9),), 0.055, 1.0, 0.0, 0.055, (), (), (), True, ""
    )
    after = replace(sample, ts_ns=START_NS + 2_000_000, last_id=9)
    late.samples += [sample, after]
    writer.submit(first)
    assert writer.drain(PATIENCE_S)
    writer.submit(late)
    assert writer.drain(PATIENCE_S)
    asked = "SELECT trusted, reason FROM depth_snapshots ORDER BY ts"
    assert owner.cursor().execute(asked).fetchall() == [(False, "refuted"), (True, "")]
