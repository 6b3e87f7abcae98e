"""
The layout of a certificate's page: heading, figures, tables and drawings in one file.

The file opens from a disk, an attachment or an archive. What is not `Html` is text and is escaped
(`flows.render.elements`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadline.flows.render.elements import Child, Html, document, tag

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
th.n, td.n { text-align: right; }
.n + :not(.n) { padding-left: 14px; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.light { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; background: currentColor;
  margin-right: 0.45em; }
""".strip()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page under its own heading, made of text (a paragraph each) and markup."""

    title: str
    parts: Sequence[str]


def page(
    title: str, parts: Sequence[str], sections: Sequence[Section] = (), *, lead: str = "", foot: str = ""
) -> Html:
    """Return a whole page."""
    return document(
        title,
        STYLE,
        tag("header", tag("h1", title), tag("p", lead, class_="lead") if lead else None),
        tag(
            "main",
            map(_block, parts),
            (tag("section", tag("h2", one.title), map(_block, one.parts)) for one in sections),
        ),
        tag("footer", foot) if foot else None,
    )


def note(words: str) -> Html:
    """Return a paragraph of small print."""
    return tag("p", words, class_="note")


def light(state: str, words: str) -> Html:
    """Return words behind a coloured dot; ``state`` is good, warn or bad. The words say it too."""
    if state not in {"good", "warn", "bad"}:
        raise ValueError(f"expected good, warn or bad, got {state!r}")
    return tag("span", tag("span", class_="light"), words, class_=state)


def facts(pairs: Sequence[tuple[str, Child]]) -> Html:
    """Return figures as cards: a name and its value each."""
    return tag(
        "dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts"
    )


def _block(part: str) -> Html:
    return part if isinstance(part, Html) else tag("p", part)
