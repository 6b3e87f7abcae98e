"""
Plots as one self-contained SVG: panels above each other over a common time, strips, intervals.

Pure functions from numbers to text. Colours are mid tones that read on light and on dark, words are as
the page around them; a series of a million points is drawn as what one sees of it, the least and the most
of each pixel, and of a thousand short spans in one pixel one is drawn and the others are counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.flows.render.draw import (
    BLUE,
    FOOT,
    GREY,
    LEFT,
    RED,
    RIGHT,
    TITLE,
    WIDTH,
    Point,
    Scale,
    circle,
    curve,
    document,
    heading,
    line,
    rect,
    text,
    ticks,
    time_axis,
    time_scale,
)
from leadline.flows.render.elements import Html, tag

Floats = NDArray[np.float64]

PANEL = 170
ROW = 24  # of a plot of intervals, and of a strip


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """
    A line: ``at_s`` is seconds since 1970 UTC, growing; NaN breaks it; a step holds until the next.

    With ``bar_s`` it is bars from zero instead, each from its moment for so many seconds.
    """

    name: str
    at_s: Floats
    values: Floats
    colour: str = BLUE
    is_step: bool = False
    bar_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Shade:
    """A span of time, seconds since 1970 UTC; ``why`` appears on pointing at it."""

    from_s: float
    to_s: float
    why: str
    colour: str = RED


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines with a common unit; ``is_log`` for what spans powers of ten, where 0 and less are unknown."""

    title: str
    unit: str
    series: Sequence[Series]
    height: int = PANEL
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, one row; ``low`` and ``high`` None: there is none."""

    name: str
    value: float
    low: float | None
    high: float | None
    words: str = ""
    colour: str = BLUE


def panels(
    drawn: Sequence[Panel],
    *,
    title: str,
    shades: Sequence[Shade] = (),
    words: str = "",
    window_s: tuple[float, float] | None = None,
) -> Html:
    """
    Draw panels over a common time, from the first to the last point or over ``window_s``.

    Raises `ValueError` where there is no point and no window; within a window an empty panel says so.
    """
    times = [series.at_s for panel in drawn for series in panel.series if len(series.at_s)]
    if window_s is None and not times:
        raise ValueError("expected at least one point to draw, got none")
    time = time_scale(*(window_s or (min(float(t[0]) for t in times), max(float(t[-1]) for t in times))))
    parts, top = heading(title, words), TITLE
    for panel in drawn:
        parts += _panel(panel, top, time, shades)
        top += panel.height
    parts += time_axis(time, top + FOOT - 8)
    return document(top + FOOT, title, parts, words=words)


def strips(
    rows: Sequence[tuple[str, Sequence[Shade]]],
    *,
    window_s: tuple[float, float],
    title: str,
    words: str = "",
    height: int = ROW,
) -> Html:
    """Draw spans of time as rows of coloured boxes over a window; what no span says stays pale."""
    time, top = time_scale(*window_s), TITLE
    parts = heading(title, words)
    for name, shades in rows:
        parts.append(text(LEFT - 6, top + height / 2 + 4, name, anchor="end", colour=GREY))
        parts.append(rect(LEFT, top + 2, WIDTH - RIGHT - LEFT, height - 4, GREY, opacity=0.15))
        parts += [
            rect(a, top + 2, z - a, height - 4, colour, why=why)
            for a, z, colour, why in _boxes(shades, time)
        ]
        top += height
    parts += time_axis(time, top + FOOT - 8)
    return document(top + FOOT, title, parts, words=words)


def intervals(rows: Sequence[Interval], *, title: str, unit: str, words: str = "") -> Html:
    """Draw estimates with their intervals about zero, a row each; raises `ValueError` for none."""
    if not rows:
        raise ValueError("expected at least one interval to draw, got none")
    ends = [0.0, *(v for row in rows for v in (row.value, row.low, row.high) if v is not None)]
    left, right = LEFT * 3, WIDTH - 3 * LEFT
    low, high = min(ends), max(ends)
    room = 0.05 * max(high - low, 1e-9)
    span = Scale(low - room, high + room, left, right)
    height = TITLE + ROW * len(rows) + FOOT
    zero = span.at(0.0)
    parts = [
        text(8, 17, title, size=14),
        line(zero, TITLE, zero, height - FOOT, GREY, dash="3 3"),
        text(WIDTH - RIGHT, height - 8, words, anchor="end", colour=GREY),
    ]
    parts += [
        text(span.at(tick), height - 8, f"{tick:g}", anchor="middle", colour=GREY)
        for tick in ticks(span.low, span.high, 6)
    ]
    parts.append(text(8, height - 8, unit, colour=GREY))
    for n, row in enumerate(rows):
        y = TITLE + ROW * (n + 0.5)
        parts.append(text(left - 10, y + 4, row.name, anchor="end"))
        if row.low is not None and row.high is not None:
            parts.append(line(span.at(row.low), y, span.at(row.high), y, row.colour, width=2.5))
        parts.append(circle(span.at(row.value), y, 4, row.colour))
        parts.append(text(right + 10, y + 4, row.words, colour=GREY))
    return document(height, title, parts)


def _panel(panel: Panel, top: float, time: Scale, shades: Sequence[Shade]) -> list[Html]:
    parts = [
        rect(a, top + 18, z - a, panel.height - 26, colour, opacity=0.25, why=why)
        for a, z, colour, why in _boxes(shades, time)
    ]
    named = " · ".join(filter(None, (panel.title, panel.unit)))
    parts.append(text(LEFT, top + 13, named, colour=GREY))
    lines = [_logged(series) if panel.is_log else series for series in panel.series]
    known = np.concatenate([s.values[np.isfinite(s.values)] for s in lines] or [np.zeros(0)])
    if not len(known):
        x, y = (LEFT + WIDTH - RIGHT) / 2, top + panel.height / 2
        return [
            *parts,
            text(x, y, "nothing stored", anchor="middle", colour=GREY),
        ]
    low, high = float(known.min()), float(known.max())
    if any(series.bar_s for series in lines):
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):  # what differs by rounding alone is flat
        room = max(abs(low) * 1e-3, 1e-9)
        low, high = low - room, high + room
    value = Scale(low, high, top + panel.height - 12, top + 22)
    for tick, words in _log_ticks(low, high) if panel.is_log else _plain_ticks(low, high):
        y = value.at(tick)
        parts += [
            line(LEFT, y, WIDTH - RIGHT, y, GREY, width=0.4),
            text(LEFT - 6, y + 4, words, anchor="end", colour=GREY),
        ]
    x = WIDTH - RIGHT
    for series in reversed(lines):
        if len(lines) > 1:
            parts.append(text(x, top + 13, series.name, anchor="end", colour=series.colour))
            x -= 9 * len(series.name) + 12
    for series in lines:
        if series.bar_s:
            parts.append(_bars(series, time, value))
            continue
        parts += curve(_points(series, time, value), series.colour, width=1.3)
    return parts


def _plain_ticks(low: float, high: float) -> list[tuple[float, str]]:
    return [(tick, f"{tick:,.10g}") for tick in ticks(low, high, 4)]


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return ticks of a scale of logarithms, with what they stand for: powers of ten if there are many."""
    digits = (1,) if high - low > 1.7 else (1, 2, 5)  # noqa: PLR2004
    stands = [d * 10.0**k for k in range(math.floor(low), math.ceil(high) + 1) for d in digits]
    return [(math.log10(v), f"{v:,.10g}") for v in stands if low <= math.log10(v) <= high]


def _logged(series: Series) -> Series:
    values = np.where(series.values > 0, series.values, np.nan)
    return Series(series.name, series.at_s, np.log10(values), series.colour, series.is_step)


def _boxes(shades: Sequence[Shade], time: Scale) -> Iterator[tuple[float, float, str, str]]:
    """Yield spans as left, right, colour and words; those that fall into one pixel become one."""
    last: tuple[float, float, str, str] | None = None
    more = 0
    for shade in sorted(shades, key=lambda one: (one.from_s, one.to_s)):
        if shade.to_s < time.low or shade.from_s > time.high:
            continue
        a, z = time.within(shade.from_s), time.within(shade.to_s)
        if z <= a and shade.from_s != shade.to_s:
            continue
        if last and shade.colour == last[2] and z <= last[0] + 1.5:
            more += 1
            continue
        if last:
            yield _counted(last, more)
        last, more = (a, max(z, a + 1.5), shade.colour, shade.why), 0
    if last:
        yield _counted(last, more)


def _counted(box: tuple[float, float, str, str], more: int) -> tuple[float, float, str, str]:
    return (*box[:3], f"{box[3]} and {more} more") if more else box


def _bars(series: Series, time: Scale, value: Scale) -> Html:
    """Return bars as one path: of those that share a pixel the tallest."""
    tallest: dict[int, tuple[float, float, float]] = {}
    for at, amount in zip(series.at_s.tolist(), series.values.tolist(), strict=True):
        if not math.isfinite(amount) or at + series.bar_s <= time.low or at >= time.high:
            continue
        a, z = time.within(at), time.within(at + series.bar_s)
        before = tallest.get(round(a))
        if before is None or abs(amount) > abs(before[2]):
            tallest[round(a)] = (a, max(z - a - 0.3, 0.8), amount)
    zero = value.at(0.0)
    path = "".join(
        f"M{a:.1f} {zero:.1f}v{value.at(v) - zero:.1f}h{width:.1f}V{zero:.1f}z"
        for a, width, v in tallest.values()
        if v
    )
    return tag("path", fill=series.colour, d=path)


def _points(series: Series, time: Scale, value: Scale) -> Iterator[Point | None]:
    """Yield the points of a line, None where it breaks."""
    before_y: float | None = None
    for at, amount in zip(*_thinned(series), strict=True):
        x, y = time.at(float(at)), value.at(float(amount)) if math.isfinite(amount) else None
        if series.is_step and y is not None and before_y is not None:
            yield x, before_y
        yield None if y is None else (x, y)
        before_y = y


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
