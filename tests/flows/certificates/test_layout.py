"""Pages: whatever comes from outside is text, nothing is fetched, the same input gives the same page."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from leadline.flows.certificates.layout import Section, facts, light, note, page
from leadline.flows.render.elements import Html, code, table
from leadline.flows.render.svg import Panel, Series, panels

EVIL = '<script>alert("x")</script> & "quoted"'
VOID = {"meta", "link"}


class Reader(HTMLParser):
    """Takes a page apart and sees that every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


def example() -> str:
    plot = panels([Panel(EVIL, "bps", [Series(EVIL, np.arange(3.0), np.arange(3.0))])], title=EVIL)
    return page(
        EVIL,
        [EVIL, note(EVIL), facts([(EVIL, EVIL), ("rows", 5)])],
        [Section(EVIL, [table([EVIL, "n"], [[EVIL, 1], [code(EVIL), light("bad", EVIL)]]), plot])],
        lead=EVIL,
        foot=EVIL,
    )


def test_what_comes_from_outside_is_text() -> None:
    text = example()
    seen = read(text)
    assert "script" not in seen.tags
    assert "<script" not in text
    assert sum(EVIL in words for words in seen.words) >= 12
    assert "".join(seen.words).count("alert") == text.count("alert")


def test_nothing_is_fetched() -> None:
    text = example()
    outside = {name: value for name, value in read(text).attributes if name in {"src", "href", "action"}}
    assert outside == {"href": "data:,"}
    assert not re.search(r"@import|url\(|javascript:|\bon\w+=", text)
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {
        "http://www.w3.org/2000/svg"
    }  # a name, no address
    assert "default-src 'none'" in unescape(text)


def test_the_same_input_gives_the_same_page() -> None:
    assert example() == example()


def test_a_light_has_one_of_three_colours() -> None:
    assert isinstance(light("good", "LIVE"), Html)
    with pytest.raises(ValueError, match="good, warn or bad, got 'green'"):
        light("green", "LIVE")
