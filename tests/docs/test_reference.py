"""The pages of the reference are what the program declares; one that differs is named and written anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.flows.cli.program import COMMANDS
from leadline.flows.config.settings import SETTINGS
from tests.docs.pages import DOCS, ROOT, Page


def run(root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the program that makes the pages in ``root``, with the package of this tree."""
    return subprocess.run(
        [sys.executable, root / "docs" / "reference.py", *argv],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages and their program somewhere else."""
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("screenshots"))
    return tmp_path


def test_the_pages_are_what_the_program_declares() -> None:
    ran = run(ROOT, "--check")
    assert (ran.returncode, ran.stdout) == (0, ""), "run python docs/reference.py"


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        ("settings.md", "`1GB`", "`2GB`"),
        ("settings.md", "from 1 to 64", "from 1 to 65"),
        ("commands/run.md", "Stream books", "Stream looks"),
        ("commands.md", "| [`sql`]", "| [`sqlite`]"),
    ],
)
def test_a_page_that_differs_is_named_and_mended(copy: Path, page: str, old: str, new: str) -> None:
    path = copy / "docs" / page
    before = path.read_text("utf-8")
    assert old in before
    path.write_text(before.replace(old, new), "utf-8")
    checked = run(copy, "--check")
    assert (checked.returncode, checked.stdout) == (1, f"docs/{page}\n")
    assert path.read_text("utf-8") != before
    assert run(copy).returncode == 0
    assert path.read_text("utf-8") == before


def test_a_page_left_over_is_removed(copy: Path) -> None:
    left = copy / "docs" / "commands" / "old.md"
    left.write_text("# Old\n", "utf-8")
    assert run(copy, "--check").returncode == 1
    assert run(copy).returncode == 0
    assert not left.exists()


def test_every_setting_and_command_has_its_place() -> None:
    rows = {
        cells[1].strip(" `")
        for cells in map(cells_of, Page(DOCS / "settings.md").text.splitlines())
        if cells
    }
    assert set(SETTINGS) <= rows
    sections = {name for path in (DOCS / "commands").glob("*.md") for name in Page(path).anchors()}
    assert {f"leadline-{name}" for name in COMMANDS} <= sections


def cells_of(line: str) -> list[str]:
    return line.split("|") if line.startswith("|") else []
