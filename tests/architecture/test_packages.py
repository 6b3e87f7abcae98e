"""Wheel and sdist hold the package, each file once, no more; a checkout without links is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.wheel.building import BuildFailed, build, names, unpacked

ROOT = Path(__file__).parents[2]
LINKED = ("book", "storage", "tasks", "flows", "prefect.yaml")
BESIDE = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md", "prefect.yaml"}
pytestmark = pytest.mark.slow


def strays(files: Iterable[str]) -> list[str]:
    """Return the files of a wheel that would lie in everybody's site-packages outside our package."""
    return [
        name
        for name in files
        if not name.startswith("leadline/") and not name.partition("/")[0].endswith(".dist-info")
    ]


def packaged() -> set[str]:
    """Name what the wheel ought to hold: every file of the floors that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "leadline", *LINKED],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    files = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return {name if name.startswith("leadline/") else f"leadline/{name}" for name in files}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return build("wheel", ROOT, dist)


@pytest.fixture(scope="module")
def sdist(dist: Path) -> Path:
    return build("sdist", ROOT, dist)


def test_no_file_of_the_wheel_lies_outside_the_package(wheel: Path) -> None:
    assert not strays(names(wheel))


def test_the_wheel_holds_every_file_of_the_floors(wheel: Path) -> None:
    ours = {name for name in names(wheel) if name.startswith("leadline/")}
    assert ours == packaged()
    assert {Path(name).suffix for name in ours} >= {
        ".py",
        ".toml",
        ".yaml",
    }  # prompts, prices, project file
    assert "leadline/prefect.yaml" in ours


def test_the_sdist_holds_each_file_once(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2]: one for one in archive.getmembers() if (name := one.name)}
    tops = {name.partition("/")[0] for name in members}
    assert tops == {"leadline", ".gitignore", "PKG-INFO", *BESIDE}
    assert {name for name in members if name.startswith("leadline/")} == packaged()
    assert members["leadline/prefect.yaml"].linkname == "../prefect.yaml"


def test_a_wheel_of_the_sdist_is_the_wheel_of_the_tree(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    again = build("wheel", unpacked(sdist, tmp_path / "unpacked"), tmp_path / "dist")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


# -- the checks find what is planted ---------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout with the links, of which little more than the floors' names is there."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "leadline", folder / "leadline", symlinks=True)
    for name in BESIDE:
        shutil.copy2(ROOT / name, folder / name)
    for name in LINKED[:-1]:
        (folder / name).mkdir()
        shutil.copy2(ROOT / name / "__init__.py", folder / name)
    return folder


def test_a_second_name_in_the_wheel_is_found(checkout: Path, tmp_path: Path) -> None:
    assert not strays(names(build("wheel", checkout, tmp_path)))
    project = checkout / "pyproject.toml"
    text = project.read_text(encoding="utf-8").replace(
        'packages = ["leadline"]', 'packages = ["leadline", "flows"]'
    )
    project.write_text(text, encoding="utf-8")
    assert strays(names(build("wheel", checkout, tmp_path))) == ["flows/__init__.py"]


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
@pytest.mark.parametrize("how", ["missing", "a file that names the target"])
@pytest.mark.parametrize("name", ["flows", "prefect.yaml"])
def test_nothing_is_built_from_a_checkout_without_a_link(
    checkout: Path, tmp_path: Path, name: str, how: str, kind: str
) -> None:
    link = checkout / "leadline" / name
    target = link.readlink()
    link.unlink()
    if how != "missing":  # what git writes with core.symlinks=false, and what many programs unzip
        link.write_text(str(target), encoding="utf-8")
    with pytest.raises(
        BuildFailed, match=rf"leadline/{name} should be a symbolic link to \.\./{name}.*wheel"
    ):
        build(kind, checkout, tmp_path / "dist")


@pytest.mark.parametrize("name", LINKED[:-1])
def test_a_checkout_without_a_link_is_not_imported(checkout: Path, name: str) -> None:
    link = checkout / "leadline" / name
    link.unlink()
    link.write_text(f"../{name}", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "leadline", "--version"],
        env={**os.environ, "PYTHONPATH": str(checkout)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"leadline/{name} is not a folder: this checkout lacks its symbolic links" in ran.stderr
