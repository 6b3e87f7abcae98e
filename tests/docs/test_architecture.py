"""The map is the tree: every folder of the four floors has its line, and no line is left over."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docs.pages import DOCS, FLOORS, ROOT, Page

# What a newcomer looks for, and what one of the files named for it must hold.
SOUGHT = {
    "gap rule": r"\bGAP\b",
    "frame becomes a row": r"def _add_row\b",
    "price table": r"^\[\[price\]\]$",
    "schedule": r"^ +schedules:",
    "budget is enforced": r"raise \w*BudgetRefused|return BudgetRefused",
    "add a venue": r"\(Protocol\)",
    "add a baseline": r"^BASELINES\b",
}
PAGE = Page(DOCS / "architecture.md")


def rooms(paths: list[str]) -> set[str]:
    """Name the folders below the floors that hold modules, as the map writes them."""
    found = {
        path.rpartition("/")[0] + "/" for path in paths if path.endswith(".py") and path.count("/") > 1
    }
    return {folder for folder in found if folder.startswith(tuple(f"{floor}/" for floor in FLOORS))}


def tree() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FLOORS],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if (ROOT / path).exists()]


def mapped(text: str) -> set[str]:
    """Name the rooms that have a line of a table: ``| `book/sync/` | … |``."""
    rows = re.findall(rf"^\| `((?:{'|'.join(FLOORS)})/[\w/]+/)` \| (.*) \|$", text, re.MULTILINE)
    assert all(knows.strip() for _, knows in rows)
    return {room for room, _ in rows}


def test_the_map_is_the_tree() -> None:
    assert mapped(PAGE.text) == rooms(tree())


def test_a_room_without_a_line_would_be_found() -> None:
    planted = [*tree(), "book/cellar/rats.py"]
    assert rooms(planted) - mapped(PAGE.text) == {"book/cellar/"}


@pytest.mark.parametrize("sought", SOUGHT)
def test_a_newcomer_finds(sought: str) -> None:
    row = re.search(rf"^\| (?:the |where a |how to )[^|]*{sought}[^|]*\| (.*) \|$", PAGE.text, re.MULTILINE)
    assert row, sought
    paths = [ROOT / path for path in re.findall(r"`([\w./-]+)`", row[1])]
    assert all(path.exists() for path in paths)
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    assert any(re.search(SOUGHT[sought], file.read_text(encoding="utf-8"), re.MULTILINE) for file in files)


def test_every_floor_has_its_part() -> None:
    headings = re.findall(r"^## (\w+):", PAGE.text, re.MULTILINE)
    assert set(headings) == set(FLOORS)
