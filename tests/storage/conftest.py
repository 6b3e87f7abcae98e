"""Databases on disk: one is migrated per session, tests get copies of the closed file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.storage.access.owner import Owner
from tests.storage.helpers import Served, Stage


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


@pytest.fixture(scope="module", params=["local", "remote"])
def stage(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A database used by the tests of a module, as a file or through its owner in another process."""
    path = Path(shutil.copy(template, tmp_path_factory.mktemp("stage") / "größe.duckdb"))
    if request.param == "local":
        yield Stage(path, remote=False)
        return
    with Served(path) as served:
        yield Stage(path, remote=True)
        served.stop()
