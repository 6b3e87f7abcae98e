"""The pages stay short, plain and true: links lead somewhere, paths exist, commands are commands."""

from __future__ import annotations

import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from leadline.flows.cli import parse
from tests.docs.pages import DOCS, FLOORS, PAGES, README, ROOT, Page, length

MOST_LINES, MOST_README_LINES = 250, 160
MEDIAN_WORDS = 14
MOST_CHARACTERS = 120
LINKED = [*PAGES, ROOT / "deploy" / "README.md", ROOT / "CHANGELOG.md"]
IS_PATH = re.compile(rf"(?:{'|'.join(FLOORS)}|bench|tests|docs|deploy|examples)/[\w./-]*")


def paged(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [pytest.param(Page(p), id=Page(p).name) for p in paths])


@paged(PAGES)
def test_a_page_is_short(page: Page) -> None:
    most = MOST_README_LINES if page.path == README else MOST_LINES
    assert len(page.text.splitlines()) <= most


def broken_links(page: Page) -> list[str]:
    """Find the links of a page that lead nowhere, files and headings."""
    wrong = []
    for link in page.links():
        target = (page.path.parent / link.path).resolve()
        if link.path and not target.exists():
            wrong.append(link.path)
        elif link.anchor and link.anchor not in (Page(target) if link.path else page).anchors():
            wrong.append(f"{link.path}#{link.anchor}")
    return wrong


@paged(LINKED)
def test_every_relative_link_leads_somewhere(page: Page) -> None:
    assert not broken_links(page)


def test_a_broken_link_would_be_found() -> None:
    text = "# Y\n[a](README.md) [b](no.md) [c](README.md#no) ![d](no.png) [e](https://x) [f](#x) [g](#y)"
    assert broken_links(Page(ROOT / "page.md", text)) == ["no.md", "README.md#no", "no.png", "#x"]


def test_every_page_can_be_reached_from_the_contents() -> None:
    reached, found = set[Path](), {DOCS / "README.md"}
    while found:
        page = found.pop()
        reached.add(page)
        there = {(page.parent / link.path).resolve() for link in Page(page).links() if link.path}
        found |= {path for path in there if path in PAGES} - reached
    assert reached | {README} == set(PAGES)


def test_the_site_lists_every_page_there_is() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    named = re.findall(r"[\w/-]+\.md", str(nav))
    assert sorted(named) == sorted(str(path.relative_to(DOCS)) for path in PAGES if path != README)


@paged(PAGES)
def test_every_path_named_is_there(page: Page) -> None:
    named = [path for span in page.code() for path in re.findall(r"^" + IS_PATH.pattern, span)]
    assert not [path for path in named if not (ROOT / path).exists()]


@paged(PAGES)
def test_every_command_shown_is_a_command(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    for block in page.blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["leadline"]:
                shell = [n for n, word in enumerate(words) if word in {">", "|"}]
                parse(words[1 : shell[0] if shell else None])  # leaves with 2, and says why, if it is none


@paged(PAGES)
def test_sentences_are_short(page: Page) -> None:
    words = [length(sentence) for sentence in page.sentences()]
    if words:
        assert statistics.median(words) <= MEDIAN_WORDS


def test_the_changelog_has_one_line_per_change() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()[3:]
    assert not [line for line in lines if not re.fullmatch(rf"|##+ .+|- .{{1,{MOST_CHARACTERS}}}", line)]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    program = Path(sys.prefix) / "bin" / "zensical"
    if not program.exists():
        pytest.skip("the generator of the site is not here: make docs")
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    built = build(program, tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "site" / "guarantees.html").exists()
    (tmp_path / "docs" / "speed.md").write_text("[gone](gone.md)\n")
    assert build(program, tmp_path).returncode != 0


def build(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )
