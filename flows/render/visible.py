r"""
Text from elsewhere with everything visible: it commands no terminal and hides nothing.

Control characters (C0, DEL, C1), marks that turn the direction of text (Unicode 15, UAX #9), line and
paragraph separators, tags, half surrogates and noncharacters are shown as their escapes, such as ``\x1b``.
A terminal would obey the first, a reader would be deceived by the others. Every other character stays.
"""

from __future__ import annotations

import json
import re
from typing import Any

LAST_OF_LATIN, LAST_OF_PLANE = 0xFF, 0xFFFF

_HIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f"
)
_IN_LINES = re.compile(f"[{_HIDDEN}]")
_ON_ONE_LINE = re.compile(f"[{_HIDDEN}\\t\\n]")


def visible(text: str) -> str:
    """Show what is hidden in a text of several lines; line feeds and tabs stay."""
    return _IN_LINES.sub(_escape, text)


def visible_line(text: str) -> str:
    """Show what is hidden in a text that must stay on one line."""
    return _ON_ONE_LINE.sub(_escape, text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""
    Write JSON that any terminal can show: what is hidden stands as ``\uXXXX``, so no value changes.

    `json.dumps` alone escapes C0 only.
    """
    return _IN_LINES.sub(_json_escape, json.dumps(value, ensure_ascii=False, indent=indent))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= LAST_OF_LATIN:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= LAST_OF_PLANE else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) > LAST_OF_LATIN else f"\\u{ord(found[0]):04x}"
