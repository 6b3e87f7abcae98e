"""A store with a few hours of one market, made from a seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.storage.exports.days import Day, Stored, make_day


@pytest.fixture
def stored(template: Path, tmp_path: Path) -> Stored:
    def make(seed: int, **how: Any) -> tuple[Path, Day]:
        db, day = Path(shutil.copy(template, tmp_path / f"{seed}.duckdb")), make_day(seed, **how)
        day.store(db, batches=3)
        return db, day

    return make
