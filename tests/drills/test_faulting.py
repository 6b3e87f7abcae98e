"""Four named faults and what the store says of them; `make drill` takes all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.fault_lines import table
from tests.drills.faulting import endure
from tests.drills.faults import FEW, SPOT, USDM


@pytest.mark.slow
def test_four_faults(tmp_path: Path) -> None:
    found = endure("spot", FEW, tmp_path)
    assert [line.wrong for line in found.lines] == [[]] * len(FEW), "\n".join(table(found.lines))
    assert found.astray == []
    assert found.compared > 0
    lost, emptied, doubled, cut = found.lines
    assert (lost.seen_as, cut.seen_as, doubled.seen_as) == ("gap", "session_lost", "")
    assert emptied.seen_as
    assert lost.hits == 1
    assert lost.named >= lost.ids > 0
    assert emptied.exposed[0] > 0
    assert [line.lost for line in found.lines] == [0] * len(FEW)


def test_names_are_told_apart() -> None:
    for faults in (SPOT, USDM):
        assert len({fault.name for fault in faults}) == len(faults)
    assert len(SPOT) >= 25
