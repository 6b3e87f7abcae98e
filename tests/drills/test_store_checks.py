"""The drill's questions must notice a store that was broken by hand, each in its own way."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.book.rows.batch import Batch
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.commit import Commit
from leadline.storage.ingest.writer import Writer
from tests.drills.store_checks import (
    Acknowledged,
    half_batches,
    loose_ends,
    lost_batches,
    read_witness,
    unacknowledged,
    wrong_books,
)
from tests.storage.helpers import BTC, MARKETS, Plain, diff, fill, seed

SEED = seed(10, [(9_000, 1), (8_990, 2)], [(9_010, 1), (9_020, 2)])
DIFFS = [diff(n, n, [(9_000, n)], [(9_010, n)]) for n in range(11, 17)]


@dataclasses.dataclass
class Killed:
    """A store of two batches, opened again, and the witness of its writer."""

    owner: Owner
    witness: list[Acknowledged]

    def complaints(self) -> list[str]:
        con = self.owner.cursor()
        books = [text for _, _, text in wrong_books(con, truth, Random(1), each=99) if text]
        return [*lost_batches(con, self.witness), *half_batches(con), *loose_ends(con), *books]


def truth(symbol: str, at_id: int) -> dict[str, Any]:
    plain = Plain()
    plain.apply(SEED)
    for one in DIFFS:
        if one.last_id <= at_id:
            plain.apply(one)
    bids, asks = plain.sides(BTC)
    return {"last_id": at_id, "bids": bids, "asks": asks}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Acknowledged]]:
    """A store with an interval that its writer left open, and what the writer acknowledged."""
    path = tmp_path_factory.mktemp("drill") / "killed.duckdb"
    commits: list[Commit] = []
    with Owner(path) as owner:
        writer = Writer(owner, MARKETS, on_commit=commits.append)
        writer.start()
        writer.submit(fill(Batch(MARKETS), 0, DIFFS[:3], seeded=SEED))
        writer.drain(30)
        writer.submit(fill(Batch(MARKETS), 0, DIFFS[3:]))
        writer.close()
    return path, [Acknowledged(writer.writer_id, one.seq, dataclasses.asdict(one.rows)) for one in commits]


@pytest.fixture
def killed(written: tuple[Path, list[Acknowledged]], tmp_path: Path) -> Iterator[Killed]:
    path, witness = written
    with Owner(shutil.copy(path, tmp_path)) as owner:  # closes the interval left open
        yield Killed(owner, witness)


def test_a_sound_store_has_no_complaints(killed: Killed) -> None:
    assert killed.complaints() == []
    assert unacknowledged(killed.owner.cursor(), killed.witness) == 0
    books = wrong_books(killed.owner.cursor(), truth, Random(1), each=99)
    assert sorted(at_id for _, at_id, _ in books) == [one.last_id for one in DIFFS]


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        pytest.param("DELETE FROM ingest_batches WHERE seq = 2", "acknowledged", id="batch-lost"),
        pytest.param(
            "UPDATE ingest_batches SET diffs = 2 WHERE seq = 2", "acknowledged", id="batch-changed"
        ),
        pytest.param("DELETE FROM depth_diffs WHERE last_id = 14", "diffs: batches say", id="half-a-batch"),
        pytest.param(
            "UPDATE depth_diffs SET ask_px = [], ask_qty = []", "levels: batches say", id="levels"
        ),
        pytest.param("UPDATE ingest_batches SET seq = 3 WHERE seq = 2", "not 1, 2, 3", id="hole-in-seq"),
        pytest.param("UPDATE coverage SET ended_by = NULL", "has no end", id="coverage-open"),
        pytest.param("UPDATE coverage SET last_id = 15", "coverage 15", id="coverage-short"),
        pytest.param(
            "UPDATE coverage SET ts_to = ts_to + INTERVAL 1 SECOND", "coverage 16", id="coverage-late"
        ),
        pytest.param(
            "UPDATE depth_diffs SET bid_qty = [1] WHERE last_id = 15", "not at the venue", id="book"
        ),
    ],
)
def test_harm_is_noticed(killed: Killed, harm: str, complaint: str) -> None:
    killed.owner.cursor().execute(harm)
    found = killed.complaints()
    assert any(complaint in one for one in found), found


def test_a_line_cut_short_by_the_kill_is_none(tmp_path: Path) -> None:
    path = tmp_path / "witness"
    line = json.dumps({"writer": "w", "seq": 1, "rows": {"diffs": 2}})
    path.write_text(f'{line}\n{{"writer": "w", "se')
    assert read_witness(path) == [Acknowledged("w", 1, {"diffs": 2})]
    assert read_witness(tmp_path / "none") == []
