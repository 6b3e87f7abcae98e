"""Any text in a page is text: CommonMark with tables finds no node that we did not write."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from leadline.flows.render.markdown import JOINER, bold, plain, row
from leadline.flows.render.visible import visible_line

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = (
    "![a](https://x.example/p.png)", "[a](javascript:alert(1))", "[a][b]", "<https://x.example>",
    "www.x.example", "http://x.example", "ftp://x.example/a_b", "me@x.example", "<b>", "</td>", "<!-- ",
    "-->", "&lt;", "&#60;", "`", "```", "~~", "**", "__", "_", "*", "|", "\\", "\\|", "- ", "+ ", "1. ",
    "2) ", "# ", "> ", "---", "===", "\n", "\n\n", "\t", "    ", "|---|", ":--", "[x]: /u", "!", "a", " ",
    "\x00", "\x1b[31m", "\u202e",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=8).map("".join)
# What remark-gfm, of Prefect's new UI, makes links of; it searches the text once it is parsed.
ADDRESS = re.compile(r"https?://|www\.|[-.\w+]+@[-\w]+(?:\.[-\w]+)+", re.IGNORECASE)


def nodes(tokens: list[Token]) -> list[str]:
    """Return the types of all nodes but texts, depth first."""
    found = []
    for token in tokens:
        if token.type not in {"text", "text_special", "softbreak"}:
            found.append(token.type)
        found += nodes(token.children or [])
    return found


def words(tokens: list[Token]) -> str:
    """Return what a reader sees."""
    return "".join(words(token.children) if token.children else token.content for token in tokens)


def as_seen(text: str) -> str:
    """Return a text as a page is to show it: on one line, nothing hidden."""
    return visible_line(re.sub(r"[ \t\r\n\v\f]+", " ", text)).strip()


PLACES = {
    "a line of its own": lambda text: text,
    "an item": lambda text: f"- {text}",
    "after our words": lambda text: f"store: {text}",
    "a cell": lambda text: f"| a | b |\n| --- | --- |\n| 1 | {text} |",
    "a heading": lambda text: f"# {text}",
    "words of an image": lambda text: f"![{text}](data:,)",
}


@pytest.mark.parametrize("place", PLACES)
@given(text=TEXTS)
@example(text="![x](http://x.example/a.png) [y](http://x.example) <img src=x onerror=alert(1)> `c` **b**")
@example(text="https://x.example WWW.x.example me@x.example")
@example(text="1. one")
@example(text="---")
@example(text="a\\|b")
def test_a_text_is_only_text(place: str, text: str) -> None:
    write = PLACES[place]
    parsed = PARSER.parse(write(plain(f"a{text}")))
    assert nodes(parsed) == nodes(PARSER.parse(write("a")))
    alone = PARSER.parse(write(plain(text)))
    assert nodes(alone) == nodes(PARSER.parse(write("a" if as_seen(text) else "")))
    if place == "a line of its own":
        assert words(alone).replace(JOINER, "") == as_seen(text).replace(JOINER, "")
    assert ADDRESS.search(words(alone)) is None


@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_a_row_has_its_cells_and_each_its_text(cells: list[str]) -> None:
    table = f"| a | b |\n| --- | --- |\n{row(cells)}"
    parsed = PARSER.parse(table)
    assert nodes(parsed) == nodes(PARSER.parse("| a | b |\n| --- | --- |\n| 1 | 2 |"))
    seen = [words([token]) for token in parsed if token.type == "inline"][2:]
    assert [each.replace(JOINER, "") for each in seen] == [as_seen(c).replace(JOINER, "") for c in cells]


@given(TEXTS)
def test_bold_adds_nothing_else(text: str) -> None:
    found = set(nodes(PARSER.parse(bold(text))))
    assert found <= {"paragraph_open", "inline", "strong_open", "strong_close", "paragraph_close"}


def test_figures_stay_readable() -> None:
    assert row(["BTCUSDT", "-1.25", "0.80", "no: gap", None]) == "| BTCUSDT | -1.25 | 0.80 | no: gap |  |"
