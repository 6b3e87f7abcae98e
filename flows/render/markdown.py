"""
Text from elsewhere inside a markdown page: shown as it was written, never read as markup.

`plain` is the only way for a text of a venue, a model or a person into a page. It is made for every reader
such a page meets: CommonMark, GitHub's, and both UIs of Prefect. What has a meaning gets a backslash, as
CommonMark 0.31 §2.4 allows. Bare addresses need more: remark-gfm looks for them once backslashes are gone.
An invisible word joiner breaks them; the eye sees no difference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from leadline.flows.render.visible import visible_line

JOINER = "\u2060"

_SPACE = re.compile(r"[ \t\r\n\v\f]+")
# GFM 0.29 §6.9: ``https://``, ``www.`` and e-mail addresses are links without any brackets.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=[\w.-]*\.)", re.IGNORECASE)
_INLINE = re.compile(r"[\\`*_\[\]<>|~&$]")
# Headings, lists, rules, underlines of headings and the line under a table's head begin so.
_START = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-+](?:[-:\s]|$))|(?=[=#:]))(.)")


def plain(text: str) -> str:
    """Write any text on one line of markdown so that a reader sees just this text."""
    line = visible_line(_SPACE.sub(" ", text)).strip()
    return _START.sub(r"\1\\\2", _INLINE.sub(r"\\\g<0>", _ADDRESS.sub(JOINER, line)))


def row(cells: Sequence[object]) -> str:
    """Write one row of a table; None is an empty cell."""
    return "| " + " | ".join("" if cell is None else plain(str(cell)) for cell in cells) + " |"


def bold(text: str) -> str:
    """Write a text strong; nothing where there is none."""
    said = plain(text)
    return f"**{said}**" if said else ""
