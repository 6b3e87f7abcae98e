"""
The skeleton of a self-contained page: one HTML file with its style and drawings in it.

It opens from a disk, an attachment or an archive: no script, no address of anything outside, and a
Content-Security-Policy that would stop both. Whatever is not `Markup` is text and is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5d6878; --page: #ffffff; --card: #f5f7fa;
  --rule: #dde3ea; --good: #15803d; --warn: #b45309; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --page: #10151c;
  --card: #18202a; --rule: #2b3643; --good: #4ade80; --warn: #fbbf24; --bad: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 24px 48px; max-width: 1040px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 36px 0 8px; padding-top: 12px; border-top: 1px solid var(--rule); }
p { margin: 6px 0; }
.lead, footer, .note, dt { color: var(--soft); }
footer { margin-top: 40px; font-size: 13px; }
svg { display: block; width: 100%; height: auto; color: var(--ink); margin: 8px 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr));
  gap: 10px; margin: 16px 0; }
.facts div { background: var(--card); border-radius: 8px; padding: 10px 12px; }
.facts dt { font-size: 13px; }
.facts dd { margin: 0; font-size: 20px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; }
.number + :not(.number) { padding-left: 14px; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.light { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; background: currentColor;
  margin-right: 0.45em; }
""".strip()


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page under its own heading, made of text (a paragraph each) and markup."""

    title: str
    parts: Sequence[str]


def page(
    title: str,
    parts: Sequence[str],
    sections: Sequence[Section] = (),
    *,
    lead: str = "",
    foot: str = "",
    refresh_s: int | None = None,
) -> str:
    """Return a whole page; with ``refresh_s`` the browser asks for it again, for one that is served."""
    again = f'<meta http-equiv="refresh" content="{refresh_s:d}">\n' if refresh_s is not None else ""
    body = [f"<header><h1>{safe(title)}</h1>"]
    if lead:
        body.append(f'<p class="lead">{safe(lead)}</p>')
    body += ["</header>\n<main>", *map(_block, parts)]
    for one in sections:
        body += [f"<section><h2>{safe(one.title)}</h2>", *map(_block, one.parts), "</section>"]
    body.append("</main>")
    if foot:
        body.append(f"<footer>{safe(foot)}</footer>")
    text = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'{again}<link rel="icon" href="data:,">\n'
        f"<title>{safe(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n{text}\n</body>\n</html>\n"
    )


def safe(words: object) -> Markup:
    """Return markup as it is, anything else as escaped text."""
    return words if isinstance(words, Markup) else Markup(escape(str(words)))


def drawing(svg: str) -> Markup:
    """Return a drawing of `flows.page.svg` as part of a page."""
    return Markup(svg)


def note(words: str) -> Markup:
    """Return a paragraph of small print."""
    return Markup(f'<p class="note">{safe(words)}</p>')


def code(words: str) -> Markup:
    """Return what is to be copied, such as a hash or a command."""
    return Markup(f"<code>{safe(words)}</code>")


def light(state: str, words: str) -> Markup:
    """Return words behind a coloured dot; ``state`` is good, warn or bad. The words say it too."""
    if state not in {"good", "warn", "bad"}:
        raise ValueError(f"expected good, warn or bad, got {state!r}")
    return Markup(f'<span class="{state}"><span class="light"></span>{safe(words)}</span>')


def facts(pairs: Sequence[tuple[str, object]]) -> Markup:
    """Return figures as cards: a name and its value each."""
    cards = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in pairs)
    return Markup(f'<dl class="facts">{cards}</dl>')


def table(
    header: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()
) -> Markup:
    """Return a table; the columns named in ``numbers`` stand right."""
    kinds = [' class="number"' if name in numbers else "" for name in header]
    head = "".join(f"<th{kind}>{safe(name)}</th>" for name, kind in zip(header, kinds, strict=True))
    lines = [
        "<tr>"
        + "".join(f"<td{kind}>{safe(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return Markup(
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _block(part: str) -> str:
    return part if isinstance(part, Markup) else f"<p>{safe(part)}</p>"
