"""The skin of report and dash: sections, what is empty, the whole page with its script or without."""

from __future__ import annotations

import base64
import hashlib

from leadline.flows.render.elements import POLICY, Child, Html, document, tag


def section(name: str, title: str, *children: Child, words: Child = None) -> Html:
    """Make a section with its heading; ``words`` say under it what it shows."""
    said = tag("p", words, class_="words") if words else None
    return tag("section", tag("h2", title), said, *children, id=name)


def empty(*words: Child) -> Html:
    """Say in words that something is not there, and what would bring it."""
    return tag("p", *words, class_="empty")


def page(title: str, body: Html, *, script: str = "", every_s: float | None = None) -> Html:
    """Make the whole document; one with a script is served, with `policy` in its header."""
    live = tag("script", Html(script)) if script else None
    every_ms = None if every_s is None else round(every_s * 1000)
    return document(title, STYLE, body, live, policy=None if script else POLICY, every_ms=every_ms)


def policy(script: str = "") -> str:
    """Return the Content-Security-Policy that allows what `page` holds, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    allowed = f"; script-src 'sha256-{digest}'; connect-src 'self'" if script else ""
    return f"{POLICY}{allowed}; frame-ancestors 'none'"


STYLE = """
:root { color-scheme: light dark; --bg: #f4f6f8; --card: #fff; --text: #18212c; --muted: #5d6877;
  --line: #e2e6eb; --soft: #eef1f4; --good: #1a8f52; --warn: #d68a00; --bad: #cf3636; --info: #2764c5;
  --bid: #0f8a6d; --ask: #d1495b; }
@media (prefers-color-scheme: dark) { :root { --bg: #0e131a; --card: #161d26; --text: #e4e9ef;
  --muted: #93a0b0; --line: #2a3440; --soft: #1f2832; --good: #3fbf7f; --warn: #e5a93c; --bad: #ef6a6a;
  --info: #6ea2f5; --bid: #2bb394; --ask: #ee7482; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 14px/1.45 system-ui, "Segoe UI",
  Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1240px; margin: 0 auto; padding: 20px 20px 48px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; margin-bottom: 14px; }
h1 { font-size: 22px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 0 0 2px; }
h3 { font-size: 14px; margin: 0 0 6px; }
table + h3, .scroll + h3, details + h3 { margin-top: 16px; }
p { margin: 0 0 10px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px 18px 14px; margin-top: 16px; }
.words, .muted, .empty { color: var(--muted); }
.empty { border: 1px dashed var(--line); border-radius: 8px; padding: 12px 14px; margin: 8px 0 2px; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: var(--soft);
  border-radius: 4px; padding: 1px 5px; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(154px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 13px; }
.tile b { display: block; font-size: 20px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.3;
  white-space: nowrap; }
.tile span { color: var(--muted); font-size: 12.5px; display: block; }
.tile .good, .good { color: var(--good); } .tile .warn, .warn { color: var(--warn); }
.tile .bad, .bad { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 6px 0; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: 12px; border-bottom:
  1px solid var(--line); padding: 4px 12px 4px 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--soft); padding: 5px 12px 5px 0; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; white-space: nowrap; }
.light { white-space: nowrap; font-weight: 600; }
.light::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 50%;
  background: currentColor; margin-right: 7px; }
.light.bad::before { border-radius: 2px; }
.light.warn::before { border-radius: 2px; transform: rotate(45deg) scale(0.85); }
.word { white-space: nowrap; }
.why { min-width: 240px; } .why div + div { color: var(--muted); }
.strip { display: block; width: 220px; height: 18px; border-radius: 3px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 14px;
  margin-top: 10px; }
.three { grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); }
.wide { grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; min-width: 0; }
.card .top { display: flex; justify-content: space-between; gap: 10px; align-items: baseline; }
.ladder { font-size: 11.5px; } .ladder td, .ladder th { padding: 1px 4px; border: 0; }
.ladder td.bid { background: linear-gradient(to left, color-mix(in srgb, var(--bid) 24%, transparent)
  var(--w), transparent var(--w)); text-align: right; }
.ladder td.ask { background: linear-gradient(to right, color-mix(in srgb, var(--ask) 24%, transparent)
  var(--w), transparent var(--w)); }
.ladder .bidpx { color: var(--bid); text-align: right; } .ladder .askpx { color: var(--ask); }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; }
svg polyline { stroke-linejoin: round; }
svg.strip { height: 18px; max-width: none; }
svg text { fill: var(--muted); font-size: 11px; }
svg text[font-size="14"] { fill: var(--text); font-weight: 600; }
.legend { display: flex; gap: 16px; flex-wrap: wrap; color: var(--muted); font-size: 12.5px;
  margin: 6px 0 0; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px;
  vertical-align: -1px; }
.headline { font-size: 17px; font-weight: 600; margin: 8px 0 12px; }
.meter { display: inline-block; width: 120px; height: 9px; border-radius: 5px; background: var(--soft);
  overflow: hidden; vertical-align: middle; margin-right: 8px; }
.meter i { display: block; height: 100%; background: var(--info); }
.notice { border: 1px solid var(--warn); border-radius: 8px; padding: 9px 14px; margin-bottom: 14px; }
details { margin-top: 6px; } summary { cursor: pointer; color: var(--muted); }
footer { color: var(--muted); margin-top: 18px; font-size: 12.5px; }
@media (max-width: 560px) { .three { grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); }
.wide { grid-template-columns: 1fr; } main { padding: 12px; } }
"""
