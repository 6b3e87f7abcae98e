"""A hundred analyses at once, four processes, faults, two kill -9: one round of the drill."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.drills.spend import play


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_cents_are_never_overspent_and_every_cost_is_the_servers(tmp_path: Path) -> None:
    found = play(tmp_path, budget_usd=Decimal("0.05"), questions=2, seed=7)
    assert found.wrong == []
    assert found.looks > 20
    assert found.exact > 5
    assert found.kills == 2
