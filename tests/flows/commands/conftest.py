"""A database with one small replay in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.commands import finish, start
from tests.flows.recordings.test_replay import CLEAN, write


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the database."""
    folder = tmp_path_factory.mktemp("db")
    process = start(folder, "replay", write(folder / "a", CLEAN), "--engine", "plain")
    assert finish(process).code == 0
    return folder / "leadline.duckdb"
