"""The pages as data: what each links to, shows as code and says in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
FLOORS = ("flows", "tasks", "storage", "book")
ENDS = re.compile(r"(?<=[.!?])\s+")
WORD = re.compile(r"\w[\w'.,-]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the line its text begins at."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Link:
    """A link or picture: a path (may be empty: this page) and the anchor in it."""

    path: str
    anchor: str


class Page:
    """One Markdown file, parsed."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8") if text is None else text

    @property
    def name(self) -> str:
        """How the tests name it."""
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else self.path.name

    @cached_property
    def tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    def blocks(self, *languages: str) -> list[Block]:
        """Find the fenced blocks of these languages (none given: all)."""
        return [
            Block(token.info.strip(), token.content, token.map[0] + 2)
            for token in self.tokens
            if token.type == "fence" and token.map and (not languages or token.info.strip() in languages)
        ]

    def links(self) -> list[Link]:
        """Find links and pictures that stay in the project."""
        found = []
        for token in self._inline():
            target = str(token.attrGet("href") or token.attrGet("src") or "")
            if target and not re.match(r"[a-z]+:", target):
                path, _, anchor = target.partition("#")
                found.append(Link(unquote(path), anchor))
        return found

    def code(self) -> list[str]:
        """Find the code spans."""
        return [token.content for token in self._inline() if token.type == "code_inline"]

    def anchors(self) -> set[str]:
        """Name the headings as GitHub and the site do."""
        return {
            re.sub(r"[^\w\- ]", "", heading.content.lower()).replace(" ", "-")
            for before, heading in zip(self.tokens, self.tokens[1:], strict=False)
            if before.type == "heading_open"
        }

    def sentences(self) -> list[str]:
        """Split paragraphs and list items into sentences; tables, code and headings are left out."""
        prose = (
            token
            for before, token in zip(self.tokens, self.tokens[1:], strict=False)
            if before.type == "paragraph_open"
        )
        return [part for token in prose for part in ENDS.split(_words(token)) if WORD.search(part)]

    def _inline(self) -> Iterator[Token]:
        for token in self.tokens:
            yield from token.children or ()


def _words(token: Token) -> str:
    """Return a paragraph's text; a code span is one word, a picture none."""
    parts = {"text": lambda one: one.content, "softbreak": lambda _: " ", "code_inline": lambda _: "code"}
    return "".join(parts[one.type](one) for one in token.children or () if one.type in parts).strip()


def length(sentence: str) -> int:
    """Count the words of a sentence."""
    return len(WORD.findall(sentence))
