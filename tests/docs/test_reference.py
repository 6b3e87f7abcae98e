"""The pages of the reference are what the program declares; one that differs is named and written anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.flows.cli.program import COMMANDS
from leadline.flows.config.settings import SETTINGS
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.schema.migrate import migrate
from leadline.storage.schema.trust_views import MACROS
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
        ("sql.md", "| table |", "| view |"),
        ("sql/trust.md", "update id of the last stored diff", "update id of a stored diff"),
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


def test_every_table_view_column_and_macro_has_its_place(tmp_path: Path) -> None:
    with open_duckdb(tmp_path / "new.duckdb") as con:
        migrate(con, tmp_path)
        found = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE NOT internal AND table_name <> 'alembic_version'"
        ).fetchall()
    pages = [Page(path).text for path in (DOCS / "sql").glob("*.md")]
    sections = [section for text in pages for section in text.split("\n## ")[1:]]
    rows = {
        (section.partition("\n")[0], cells[1].strip(" `"))
        for section in sections
        for cells in map(cells_of, section.splitlines())
        if cells
    }
    assert len(found) > 200
    assert set(found) <= rows
    overview = Page(DOCS / "sql.md").text
    assert all(f"`{name}`" in overview for name, _ in found)
    assert all(f"`{name}(" in overview for name in MACROS)


def cells_of(line: str) -> list[str]:
    return line.split("|") if line.startswith("|") else []
