"""
Small charts for markdown in the Prefect UI: sparklines of block characters, and SVG as a data URI.

A sparkline goes anywhere, table cells too; an image gets wide margins from the UI, so it stands alone.
Text colours follow the reader's theme, so drawings use mid tones that read on light and on dark.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
BLUE, AMBER, GREEN, RED, GREY = "#3b82f6", "#d97706", "#16a34a", "#dc2626", "#808a9a"
WIDTH, HEIGHT, MARGIN = 720, 150, 18


def spark(values: Sequence[float | None], *, low: float | None = None, high: float | None = None) -> str:
    """
    Draw values as one line of blocks; a missing one is a dot.

    The scale runs from ``low`` to ``high``; where not given, from the least to the most. Values that
    are all equal are drawn at half height.
    """
    known = [value for value in values if value is not None]
    if not known:
        return NOTHING * len(values)
    bottom = min(known) if low is None else low
    top = max(known) if high is None else high
    return "".join(NOTHING if value is None else _block(value, bottom, top) for value in values)


def _block(value: float, bottom: float, top: float) -> str:
    if top <= bottom:
        return BLOCKS[len(BLOCKS) // 2 - 1]
    share = min(max((value - bottom) / (top - bottom), 0.0), 1.0)
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]


def balance(value: float | None, *, half: int = 4) -> str:
    """Draw a share from -1 (all asks) to 1 (all bids) as a bar that leans to its side of a centre."""
    if value is None:
        return ""
    n = round(min(abs(value), 1.0) * half)
    left = "█" * n if value > 0 else ""
    right = "█" * n if value < 0 else ""
    return left.rjust(half, NOTHING) + "│" + right.ljust(half, NOTHING)


def gauge(share: float, *, cells: int = 12) -> str:
    """Draw a share from 0 to 1 as a bar that fills; more than all is a full one."""
    full = round(min(max(share, 0.0), 1.0) * cells)
    return "█" * full + "░" * (cells - full)


def image(svg: str, words: str) -> str:
    """Return markdown that shows ``svg``; ``words`` say the same to who cannot see it."""
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f"![{words}](data:image/svg+xml;base64,{data})"


def lines_svg(series: Sequence[tuple[str, str, Sequence[float | None]]], *, unit: str) -> str:
    """Draw ``(name, colour, values)`` over a common scale from 0; None breaks a line."""
    top = max([value for _, _, values in series for value in values if value is not None], default=0.0)
    parts = [_scale_words(top, unit)]
    for n, (name, colour, values) in enumerate(series):
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{piece}"/>'
            for piece in _pieces(values, top or 1.0)
        ]
        parts.append(_text(WIDTH - 4, 12 + 14 * n, name, colour, anchor="end"))
    return _svg(parts)


def bars_svg(values: Sequence[float], *, unit: str, first: str = "", last: str = "") -> str:
    """Draw bars from 0, oldest first; ``first`` and ``last`` are written under the ends."""
    top = max(values, default=0.0)
    step = WIDTH / max(len(values), 1)
    parts = [_scale_words(top, unit)]
    for n, value in enumerate(values):
        height = (HEIGHT - 2 * MARGIN) * (value / top if top > 0 else 0.0)
        y = HEIGHT - MARGIN - height
        parts.append(
            f'<rect x="{n * step + 1:.1f}" y="{y:.1f}" width="{max(step - 2, 1):.1f}" '
            f'height="{height:.1f}" fill="{BLUE}"/>'
        )
    parts += [_text(0, HEIGHT - 4, first, GREY), _text(WIDTH, HEIGHT - 4, last, GREY, anchor="end")]
    return _svg(parts)


def depth_svg(
    bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], *, title: str
) -> str:
    """Draw what may be bought and sold up to each price: ``(price, quantity)``, best first, both sides."""
    prices = [price for price, _ in (*bids, *asks)]
    most = max(sum(qty for _, qty in bids), sum(qty for _, qty in asks), 0.0) or 1.0
    low, high = min(prices, default=0.0), max(prices, default=1.0)
    parts = [_text(0, 12, title, GREY)]
    for levels, colour in ((bids, GREEN), (asks, RED)):
        if levels:
            points = _steps(levels, low, max(high - low, 1e-12), most)
            parts.append(
                f'<polygon fill="{colour}" fill-opacity="0.25" stroke="{colour}" points="{points}"/>'
            )
    return _svg(parts)


def _steps(levels: Sequence[tuple[float, float]], low: float, span: float, most: float) -> str:
    floor, total = HEIGHT - 4, 0.0
    xs = [WIDTH * (price - low) / span for price, _ in levels]
    points = [(xs[0], float(floor))]
    for x, (_, qty) in zip(xs, levels, strict=True):
        points.append((x, points[-1][1]))
        total += qty
        points.append((x, floor - (floor - 20) * total / most))
    points.append((xs[-1], float(floor)))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _pieces(values: Sequence[float | None], top: float) -> list[str]:
    step = WIDTH / max(len(values) - 1, 1)
    pieces: list[list[str]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / top
        pieces[-1].append(f"{n * step:.1f},{y:.1f}")
    return [" ".join(piece) for piece in pieces if piece]


def _scale_words(top: float, unit: str) -> str:
    floor = HEIGHT - MARGIN
    line = f'<line x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}" stroke="{GREY}" stroke-width="0.5"/>'
    return line + _text(0, 12, f"up to {top:,.4g} {unit}", GREY)


def _text(x: float, y: float, words: str, colour: str, *, anchor: str = "start") -> str:
    safe = words.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="12" font-family="sans-serif" '
        f'text-anchor="{anchor}">{safe}</text>'
    )


def _svg(parts: Sequence[str]) -> str:
    body = "".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{body}</svg>'
