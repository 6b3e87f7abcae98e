"""Two compressed days; `make drill` lives thirty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.days import live


@pytest.mark.slow
def test_two_days(tmp_path: Path) -> None:
    found = live(tmp_path, 2)
    assert found.rotations >= 3, "a shutdown that was announced, and two days' ends"
    assert found.unplanned == 1
    assert (found.unexplained, found.missing, found.wrong) == ([], [], [])
    assert found.breaks_in_epochs == 0
    assert found.compared > 2
