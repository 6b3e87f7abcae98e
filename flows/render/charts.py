"""
Small charts for markdown in the Prefect UI: sparklines of block characters, and SVG as a data URI.

A sparkline goes anywhere, table cells too; an image gets wide margins from the UI, so it stands alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from leadline.flows.render.draw import (
    BLUE,
    GREEN,
    GREY,
    RED,
    Point,
    Scale,
    curve,
    document,
    evenly,
    line,
    polygon,
    rect,
    text,
)
from leadline.flows.render.elements import Html
from leadline.flows.render.markdown import plain

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
WIDTH, HEIGHT, MARGIN = 720, 150, 18
FLOOR = HEIGHT - MARGIN


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
    """Return markdown that shows ``svg``; ``words`` say the same to those who cannot see it."""
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f"![{plain(words)}](data:image/svg+xml;base64,{data})"


def lines_svg(series: Sequence[tuple[str, str, Sequence[float | None]]], *, title: str, unit: str) -> Html:
    """Draw ``(name, colour, values)`` over a common scale from 0; None breaks a line."""
    top = max([value for _, _, values in series for value in values if value is not None], default=0.0)
    y = Scale(0, top or 1.0, FLOOR, MARGIN)
    parts = _axis(top, unit)
    for n, (name, colour, values) in enumerate(series):
        parts += curve(evenly(values, Scale(0, max(len(values) - 1, 1), 0, WIDTH), y), colour, width=1.8)
        parts.append(text(WIDTH - 4, 12 + 14 * n, name, colour=colour, anchor="end"))
    return document(HEIGHT, title, parts, width=WIDTH)


def bars_svg(values: Sequence[float], *, title: str, unit: str, first: str = "", last: str = "") -> Html:
    """Draw bars from 0, oldest first; ``first`` and ``last`` are written under the ends."""
    top = max(values, default=0.0)
    y, step = Scale(0, top or 1.0, FLOOR, MARGIN), WIDTH / max(len(values), 1)
    parts = _axis(top, unit)
    parts += [
        rect(n * step + 1, y.at(value), max(step - 2, 1), FLOOR - y.at(value), BLUE)
        for n, value in enumerate(values)
    ]
    parts.append(text(0, HEIGHT - 4, first, colour=GREY))
    parts.append(text(WIDTH, HEIGHT - 4, last, colour=GREY, anchor="end"))
    return document(HEIGHT, title, parts, width=WIDTH)


def depth_svg(
    bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], *, title: str
) -> Html:
    """Draw what can be bought and sold up to each price: ``(price, quantity)``, best first, both sides."""
    prices = [price for price, _ in (*bids, *asks)]
    most = max(sum(qty for _, qty in bids), sum(qty for _, qty in asks), 0.0) or 1.0
    low, high = min(prices, default=0.0), max(prices, default=1.0)
    x, y = Scale(low, max(high, low + 1e-12), 0, WIDTH), Scale(0, most, HEIGHT - 4, 20)
    sides = ((bids, GREEN), (asks, RED))
    areas = [polygon(_steps(levels, x, y), colour) for levels, colour in sides if levels]
    return document(HEIGHT, title, [text(0, 12, title, colour=GREY), *areas], width=WIDTH)


def _steps(levels: Sequence[tuple[float, float]], x: Scale, y: Scale) -> Iterator[Point]:
    """Yield the outline of the quantity up to each price, from the axis and back to it."""
    total = 0.0
    for price, qty in levels:
        yield x.at(price), y.at(total)
        total += qty
        yield x.at(price), y.at(total)
    yield x.at(levels[-1][0]), y.at(0)


def _axis(top: float, unit: str) -> list[Html]:
    base = line(0, FLOOR, WIDTH, FLOOR, GREY, width=0.5)
    return [base, text(0, 12, f"up to {top:,.4g} {unit}", colour=GREY)]
