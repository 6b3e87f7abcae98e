"""Text and names as SQL writes them, for the few statements that cannot bind them."""

from __future__ import annotations

from leadline.book.errors import BadInput


def quoted(text: str) -> str:
    """Write text as a string literal; raises `BadInput` for NUL, which DuckDB text cannot hold."""
    if "\0" in text:
        raise BadInput(f"text with a NUL character cannot be stored: {text[:40]!r}")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'
