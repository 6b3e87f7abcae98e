"""
The one builder of HTML and SVG: every text is escaped, so nothing that is shown can break out of the page.

`tag` builds elements, `document` the whole file. Nothing is loaded from anywhere: styles and SVG pictures
are part of the page, and a Content-Security-Policy stops whatever tries to load more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeAlias

from leadline.flows.render.visible import visible

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

VOID = frozenset({"meta", "br", "hr", "link"})
SHAPES = frozenset({"line", "rect", "circle", "path", "polyline", "polygon"})  # of SVG, often empty


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "str | Html | int | float | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Make an element; of attributes ``class_`` is ``class``, other ``_`` are ``-``, None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{given}>")
    inner = join(*children)
    if name in SHAPES and not inner:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{inner}</{name}>")


def join(*children: Child) -> Html:
    """Put pieces after each other; texts are escaped, and what they hide is shown."""
    made: list[str] = []
    for child in children:
        if isinstance(child, Html):
            made.append(child)
        elif isinstance(child, str):
            made.append(escape(visible(child)))
        elif isinstance(child, int | float):
            made.append(str(child))
        elif child is not None:
            made.append(join(*child))
    return Html("".join(made))


def table(
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: Iterable[int | str] = (),
    class_: str | None = None,
) -> Html:
    """
    Make a table that scrolls by itself; the columns in ``numbers``, by place or name, are set right.

    Raises `ValueError` for a row that is longer or shorter than the head.
    """
    right = {head.index(one) if isinstance(one, str) else one for one in numbers}

    def cells(name: str, row: Sequence[Child]) -> list[Html]:
        if len(row) != len(head):
            raise ValueError(f"expected {len(head)} cells for {list(head)}, got {list(row)}")
        return [tag(name, cell, class_="n" if n in right else None) for n, cell in enumerate(row)]

    top = tag("thead", tag("tr", cells("th", head)))
    body = tag("tbody", [tag("tr", cells("td", row)) for row in rows])
    return tag("div", tag("table", top, body, class_=class_), class_="scroll")


def code(text: str) -> Html:
    """Show what may be typed or copied."""
    return tag("code", text)


def document(
    title: str,
    style: str,
    *body: Child,
    policy: str | None = POLICY,
    every_ms: int | None = None,
) -> Html:
    """
    Make the whole file. ``policy`` is None where the server's header says it.

    ``every_ms`` is for a script that keeps the page current.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy) if policy else None,
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(style)),
        # A page without an icon of its own makes a browser ask for one.
        tag("link", rel="icon", href="data:,"),
    )
    whole = tag("html", head, tag("body", *body), lang="en", data_every_ms=every_ms)
    return Html(f"<!doctype html>\n{whole}\n")
