"""Two compressed days, and a level that is spoilt; `make drill` lives thirty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.days import live, spoil_one_level


@pytest.mark.slow
def test_two_days(tmp_path: Path) -> None:
    found = live(tmp_path, 2)
    assert found.rotations >= 3, "a shutdown that was announced, and two days' ends"
    assert found.unplanned == 1
    assert (found.unexplained, found.missing) == ([], [])
    assert found.breaks_in_epochs == 0
    assert (found.in_memory.wrong, found.stored.wrong, found.changed) == ([], [], [])
    assert found.in_memory.is_right, "every id that was LIVE is known to the venue"
    assert found.stored.is_right
    assert found.seeds_cut == 0
    assert found.in_memory.ids >= found.stored.ids > 50


@pytest.mark.slow
def test_a_level_that_is_spoilt_in_silence_is_seen(tmp_path: Path) -> None:
    found = spoil_one_level(tmp_path)
    assert found.in_memory.counts, "wrong in memory"
    assert found.stored.counts.keys() == found.in_memory.counts.keys(), "and stored"
    assert len(found.in_memory.counts) == 1, "of the symbol that was hit"
