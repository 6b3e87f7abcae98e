"""Databases on disk: one is migrated per session, tests get copies of the closed file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.owner import Owner
from tests.storage.helpers import Served


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.duckdb"
    Owner(path).close()
    return path


@pytest.fixture
def db(template: Path, tmp_path: Path) -> Path:
    """A migrated, empty database in a place with a name that is not ASCII."""
    folder = tmp_path / "bücher ₿ it's"
    folder.mkdir()
    return Path(shutil.copy(template, folder / "größe%d.duckdb"))


@pytest.fixture
def owner(db: Path) -> Iterator[Owner]:
    with Owner(db) as made:
        yield made


@pytest.fixture
def served(db: Path) -> Iterator[Served]:
    """The database owned and served by another process."""
    with Served(db) as other:
        yield other
