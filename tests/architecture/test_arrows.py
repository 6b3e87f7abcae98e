"""Imports run flows → tasks → storage → book and never in a circle; a planted fault is found."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.graph import Arrow, arrows, backward, between_folders, circles, imports, modules

ROOT = Path(__file__).parents[2]
MOST_FILES = 15  # beside each other in one folder, about


@pytest.fixture(scope="module")
def house() -> set[Arrow]:
    return arrows(ROOT)


def test_every_import_points_right(house: set[Arrow]) -> None:
    assert not backward(house)


def test_no_files_import_each_other_in_a_circle(house: set[Arrow]) -> None:
    assert not circles(house)


def test_no_folders_import_each_other_in_a_circle(house: set[Arrow]) -> None:
    assert not circles(between_folders(house))


def test_no_folder_holds_too_many_files() -> None:
    folders: dict[str, int] = {}
    for path in modules(ROOT).values():
        folders[path.rpartition("/")[0]] = folders.get(path.rpartition("/")[0], 0) + 1
    assert not {folder: n for folder, n in folders.items() if n > MOST_FILES + 1}  # and its __init__


def test_only_rooms_of_the_package_are_imported() -> None:
    """``import flows`` would load a second copy of every module, or the files of somebody's own folder."""
    wrong = {
        (path, name)
        for path in modules(ROOT).values()
        for candidates in imports((ROOT / path).read_text(encoding="utf-8"))
        for name in candidates[-1:]
        if name.partition(".")[0] in {"book", "storage", "tasks", "flows", "tests", "bench"}
    }
    assert not wrong


VENUE = re.compile(r"(?:book|tasks|tasks/loopback)/venues/(\w+)/")
NO_VENUES = {"common", "converted"}  # what all share; files of other formats, written in a venue's words


def venue_of(path: str) -> str | None:
    """The venue whose folder a file stands in."""
    found = VENUE.match(path)
    return found[1] if found and found[1] not in NO_VENUES else None


def knowing(found: Iterable[Arrow]) -> list[Arrow]:
    """The arrows to a venue from outside its folders; the registries and converted files may."""
    return sorted(
        arrow
        for arrow in found
        if venue_of(arrow.imported) not in (None, venue_of(arrow.importer))
        and not arrow.importer.endswith("venues/registry.py")
        and not arrow.importer.startswith("book/venues/converted/")
    )


def test_nobody_knows_a_venue_but_its_folders_and_the_registries(house: set[Arrow]) -> None:
    assert not knowing(house)


@pytest.mark.parametrize("floor", ["book", "tasks", "tasks/loopback"])
@pytest.mark.parametrize("importer", ["flows/a.py", "tasks/feed/a.py", "book/venues/bybit/a.py"])
def test_whoever_knows_a_venue_would_be_found(importer: str, floor: str) -> None:
    planted = Arrow(importer, f"{floor}/venues/binance/x.py")
    assert knowing([planted]) == [planted]
    assert not knowing([Arrow(f"{floor}/venues/registry.py", planted.imported)])
    assert not knowing([Arrow("book/venues/binance/y.py", planted.imported)])


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_venue_is_small(venue: str) -> None:
    files = [path for path in modules(ROOT).values() if re.match(rf"(book|tasks)/venues/{venue}/", path)]
    lines = sum(len((ROOT / path).read_text("utf-8").splitlines()) for path in files)
    assert (
        0 < lines < (2_000 if venue == "binance" else 1_000)
    )  # Binance has a compiled scanner, and more addresses


def names_python(source: str) -> bool:
    """Whether a file names the running Python, as one that starts a child by hand does."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "executable"
        for node in ast.walk(ast.parse(source))
    ) or ("sys.executable",) in {names[:1] for names in imports(source)}


def test_one_place_makes_the_commands_of_children() -> None:
    """Elsewhere one would forget that a child must not look into the working folder."""
    found = {path for path in modules(ROOT).values() if names_python((ROOT / path).read_text("utf-8"))}
    assert found == {"tasks/programs.py", "flows/commands/setup/checks.py"}  # which prints it


# -- the checks find what is planted ---------------------------------------------------------------


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_backward_import_is_found(tmp_path: Path) -> None:
    planted = tree(tmp_path, {"book/a.py": "from leadline.flows import b", "flows/b.py": ""})
    assert backward(arrows(planted)) == [Arrow("book/a.py", "flows/b.py")]


@pytest.mark.parametrize(
    "how",
    [
        "from leadline.book.x.b import name",
        "import leadline.book.x.b",
        "from leadline.book.x import b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from leadline.book.x.b import Name",
        "def late():\n    from leadline.book.x import b",
    ],
)
def test_a_circle_is_found_however_it_is_imported(tmp_path: Path, how: str) -> None:
    back = {
        "book/x/b.py": "from leadline.book.c import name",
        "book/c.py": "from leadline.book.y.a import name",
    }
    planted = arrows(tree(tmp_path, {"book/y/a.py": how, **back}))
    assert circles(planted) == [["book/c.py", "book/x/b.py", "book/y/a.py"]]
    assert circles(between_folders(planted)) == [["book", "book/x", "book/y"]]


def test_a_circle_of_folders_needs_none_of_files(tmp_path: Path) -> None:
    files = {
        "book/x/a.py": "from leadline.book.y.a import name",
        "book/y/a.py": "",
        "book/y/b.py": "from leadline.book.x.b import name",
        "book/x/b.py": "",
    }
    planted = arrows(tree(tmp_path, files))
    assert not circles(planted)
    assert circles(between_folders(planted)) == [["book/x", "book/y"]]


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nrun([sys.executable, '-m', 'leadline'])",
        "from sys import executable",
        "import sys as s\ns.executable",
    ],
)
def test_a_child_started_by_hand_is_found(code: str) -> None:
    assert names_python(code)


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="relative import"):
        arrows(tree(tmp_path, {"book/a.py": "from . import b"}))
