"""
Plots as one self-contained SVG: panels above each other over a common time, or intervals side by side.

Pure functions from numbers to text. Colours are mid tones that read on light and on dark; a series of a
million points is drawn as what one sees of it, the least and the most of each pixel.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from flows.ui.charts import AMBER, BLUE, GREEN, GREY, RED

Floats = NDArray[np.float64]

WIDTH, PANEL, LEFT, RIGHT, TITLE, FOOT = 960, 170, 78, 16, 26, 26
ROW = 24  # of a plot of intervals
STEPS = (1, 2, 5, 10)
SPANS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)

__all__ = [
    "AMBER",
    "BLUE",
    "GREEN",
    "GREY",
    "RED",
    "Interval",
    "Panel",
    "Series",
    "Shade",
    "intervals",
    "panels",
]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A line: ``at_s`` is seconds since 1970 UTC, growing; NaN breaks it; a step holds until the next."""

    name: str
    at_s: Floats
    values: Floats
    colour: str = BLUE
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class Shade:
    """A span of time, seconds since 1970 UTC, shown behind the lines; ``why`` appears on pointing at it."""

    from_s: float
    to_s: float
    why: str
    colour: str = RED


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines with a common unit."""

    title: str
    unit: str
    series: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, one row; ``low`` and ``high`` None: there is none."""

    name: str
    value: float
    low: float | None
    high: float | None
    words: str = ""
    colour: str = BLUE


def panels(drawn: Sequence[Panel], *, title: str, shades: Sequence[Shade] = (), words: str = "") -> str:
    """Draw panels over a common time; raises `ValueError` where there is no point at all."""
    times = [series.at_s for panel in drawn for series in panel.series if len(series.at_s)]
    if not times:
        raise ValueError("expected at least one point to draw, got none")
    first, last = min(float(t[0]) for t in times), max(float(t[-1]) for t in times)
    span = _Span(first, last if last > first else first + 1.0, LEFT, WIDTH - RIGHT)
    height = TITLE + PANEL * len(drawn) + FOOT
    parts = [_text(LEFT, 17, title, size=14), _text(WIDTH - RIGHT, 17, words, anchor="end", colour=GREY)]
    for n, panel in enumerate(drawn):
        parts += _panel(panel, TITLE + n * PANEL, span, shades)
    parts += [
        _text(span.at(t), height - 8, _clock(t, span), anchor="middle", colour=GREY) for t in _times(span)
    ]
    return _svg(height, title, parts)


def intervals(rows: Sequence[Interval], *, title: str, unit: str, words: str = "") -> str:
    """Draw estimates with their intervals about zero, a row each; raises `ValueError` for none."""
    if not rows:
        raise ValueError("expected at least one interval to draw, got none")
    ends = [0.0, *(v for row in rows for v in (row.value, row.low, row.high) if v is not None)]
    left, right = LEFT * 3, WIDTH - 3 * LEFT
    low, high = min(ends), max(ends)
    room = 0.05 * max(high - low, 1e-9)
    span = _Span(low - room, high + room, left, right)
    height = TITLE + ROW * len(rows) + FOOT
    zero = span.at(0.0)
    parts = [
        _text(8, 17, title, size=14),
        _line(zero, TITLE, zero, height - FOOT, GREY, dash="3 3"),
        _text(WIDTH - RIGHT, height - 8, words, anchor="end", colour=GREY),
    ]
    parts += [
        _text(span.at(tick), height - 8, f"{tick:g}", anchor="middle", colour=GREY)
        for tick in _ticks(span.low, span.high, 6)
    ]
    parts.append(_text(8, height - 8, unit, colour=GREY))
    for n, row in enumerate(rows):
        y = TITLE + ROW * (n + 0.5)
        parts.append(_text(left - 10, y + 4, row.name, anchor="end"))
        if row.low is not None and row.high is not None:
            parts.append(_line(span.at(row.low), y, span.at(row.high), y, row.colour, width=2.5))
        parts.append(f'<circle cx="{span.at(row.value):.1f}" cy="{y:.1f}" r="4" fill="{row.colour}"/>')
        parts.append(_text(right + 10, y + 4, row.words, colour=GREY))
    return _svg(height, title, parts)


@dataclass(frozen=True, slots=True)
class _Span:
    """A scale from values to pixels."""

    low: float
    high: float
    first_px: float
    last_px: float

    def at(self, value: float) -> float:
        return self.first_px + (self.last_px - self.first_px) * (value - self.low) / (self.high - self.low)


def _panel(panel: Panel, top: float, time: _Span, shades: Sequence[Shade]) -> list[str]:
    known = np.concatenate([s.values[np.isfinite(s.values)] for s in panel.series] or [np.zeros(0)])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # what differs by rounding alone is flat
        room = max(abs(low) * 1e-3, 1e-9)
        low, high = low - room, high + room
    value = _Span(low, high, top + PANEL - 12, top + 22)
    parts = []
    for shade in shades:
        a, z = (time.at(min(max(t, time.low), time.high)) for t in (shade.from_s, shade.to_s))
        if z > a or shade.from_s == shade.to_s:
            parts.append(
                f'<rect x="{a:.1f}" y="{top + 18:.1f}" width="{max(z - a, 1.5):.1f}" height="{PANEL - 26}" '
                f'fill="{shade.colour}" fill-opacity="0.25"><title>{escape(shade.why)}</title></rect>'
            )
    for tick in _ticks(low, high, 4):
        y = value.at(tick)
        parts += [
            _line(LEFT, y, WIDTH - RIGHT, y, GREY, width=0.4),
            _text(LEFT - 6, y + 4, f"{tick:,.10g}", anchor="end", colour=GREY),
        ]
    named = " · ".join(filter(None, (panel.title, panel.unit)))
    parts.append(_text(LEFT, top + 13, named, colour=GREY))
    x = WIDTH - RIGHT
    for series in reversed(panel.series):
        if len(panel.series) > 1:
            parts.append(_text(x, top + 13, series.name, anchor="end", colour=series.colour))
            x -= 9 * len(series.name) + 12
        parts += [
            f'<polyline fill="none" stroke="{series.colour}" stroke-width="1.3" points="{piece}"/>'
            for piece in _pieces(series, time, value)
        ]
    return parts


def _pieces(series: Series, time: _Span, value: _Span) -> list[str]:
    """Return the unbroken pieces of a line as points."""
    at, values = _thinned(series)
    pieces: list[list[str]] = []
    points: list[str] = []
    for n in range(len(at)):
        if not math.isfinite(values[n]):
            pieces.append(points)
            points = []
            continue
        if series.is_step and points:
            points.append(f"{time.at(at[n]):.1f},{points[-1].partition(',')[2]}")
        points.append(f"{time.at(at[n]):.1f},{value.at(values[n]):.1f}")
    pieces.append(points)
    return [" ".join(piece) for piece in pieces if piece]


def _thinned(series: Series) -> tuple[Floats, Floats]:
    """Keep of each pixel's points the first, the least, the most and the last, in their order."""
    at, values = series.at_s, series.values
    if len(at) <= 4 * WIDTH:
        return at, values
    cell = ((at - at[0]) / max(float(at[-1] - at[0]), 1e-9) * WIDTH).astype(np.int64)
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    kept: set[int] = set()
    for a, z in zip(starts, np.append(starts[1:], len(at)), strict=True):
        part = values[a:z]
        kept.update((int(a), int(z) - 1))
        if np.isfinite(part).any():
            kept.update((int(a) + int(np.nanargmin(part)), int(a) + int(np.nanargmax(part))))
        broken = np.flatnonzero(~np.isfinite(part))
        kept.update(int(a) + int(k) for k in broken[:1])
    order = np.array(sorted(kept))
    return at[order], values[order]


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values between two, about so many."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(s * power for s in STEPS if s * power >= raw)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def _times(span: _Span) -> list[float]:
    raw = (span.high - span.low) / 8
    step = next((s for s in SPANS_S if s >= raw), 86_400 * math.ceil(raw / 86_400))
    first = math.ceil(span.low / step)
    return [float(k * step) for k in range(first, math.floor(span.high / step) + 1)]


def _clock(at_s: float, span: _Span) -> str:
    moment = dt.datetime.fromtimestamp(at_s, dt.UTC)
    if span.high - span.low > 2 * 86_400:
        return f"{moment:%m-%d %H:%M}"
    return f"{moment:%H:%M:%S}" if span.high - span.low < 1200 else f"{moment:%H:%M}"  # noqa: PLR2004


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = "", size: int = 12
) -> str:
    fill = colour or "currentColor"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" font-family="sans-serif" color="{GREY}" role="img">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>\n"
    )
