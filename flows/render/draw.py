"""
The kit that every drawing is made with: scales, round ticks, clocks, shapes, and the SVG document.

Colours are mid tones that read on light and on dark; a page may pass its own CSS variables instead. All
coordinates are pixels from the top left, and whatever is written is escaped (`flows.render.elements`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from leadline.flows.render.elements import Child, Html, tag

BLUE, AMBER, GREEN, RED, GREY = "#3b82f6", "#d97706", "#16a34a", "#dc2626", "#808a9a"
WIDTH, LEFT, RIGHT, TITLE, FOOT = 960, 78, 16, 26, 26
STEPS = (1, 2, 5, 10)
SPANS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale from values to pixels."""

    low: float
    high: float
    first_px: float
    last_px: float

    def at(self, value: float) -> float:
        """Return the pixel of a value, also outside the scale."""
        return self.first_px + (self.last_px - self.first_px) * (value - self.low) / (self.high - self.low)

    def within(self, value: float) -> float:
        """Return the pixel of a value, held inside the scale."""
        return self.at(min(max(value, self.low), self.high))


def time_scale(first_s: float, last_s: float, *, left: float = LEFT, right: float = WIDTH - RIGHT) -> Scale:
    """Return the scale of a time axis, seconds since 1970 UTC; a single moment becomes a second wide."""
    return Scale(first_s, last_s if last_s > first_s else first_s + 1.0, left, right)


def round_up(value: float) -> float:
    """Return the next of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, …; 1 for zero and less."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in STEPS if step * power >= value * (1 - 1e-12)))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return about ``about`` round values from ``low`` to ``high``."""
    step = round_up((high - low) / about)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def time_axis(time: Scale, y: float, *, about: int = 8) -> list[Html]:
    """Write some ``about`` times of day (UTC) below a drawing; ``y`` is the base line of the text."""
    raw = (time.high - time.low) / about
    step = next((s for s in SPANS_S if s >= raw), 86_400 * math.ceil(raw / 86_400))
    first, last = math.ceil(time.low / step), math.floor(time.high / step)
    moments = [float(k * step) for k in range(first, last + 1)]
    return [text(time.at(t), y, _clock(t, time), anchor=_anchor(t, time), colour=GREY) for t in moments]


def _anchor(at_s: float, time: Scale) -> str:
    """Keep the words at either end of the axis inside the drawing."""
    if at_s - time.low < 0.02 * (time.high - time.low):
        return "start"
    return "end" if time.high - at_s < 0.02 * (time.high - time.low) else "middle"


def _clock(at_s: float, time: Scale) -> str:
    moment = dt.datetime.fromtimestamp(at_s, dt.UTC)
    if time.high - time.low > 2 * 86_400:
        return f"{moment:%m-%d %H:%M}"
    return f"{moment:%H:%M:%S}" if time.high - time.low < 1200 else f"{moment:%H:%M}"  # noqa: PLR2004


# -- shapes --------------------------------------------------------------------------------------------


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str | None = None
) -> Html:
    """Draw a straight line."""
    return tag(
        "line", x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2), stroke=colour, stroke_width=f"{width:g}",
        stroke_dasharray=dash,
    )  # fmt: skip


def rect(
    x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1, why: str = ""
) -> Html:
    """Draw a filled box; ``why`` appears on pointing at it."""
    return tag(
        "rect", tag("title", why) if why else None, x=_px(x), y=_px(y), width=_px(width),
        height=_px(height), fill=colour, fill_opacity=f"{opacity:g}" if opacity < 1 else None,
    )  # fmt: skip


def text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = "currentColor", size: int = 12
) -> Html:
    """Write words; without a colour they are as the page around them."""
    return tag("text", words, x=_px(x), y=_px(y), fill=colour, font_size=size, text_anchor=anchor)


def circle(x: float, y: float, radius: float, colour: str) -> Html:
    """Draw a dot."""
    return tag("circle", cx=_px(x), cy=_px(y), r=f"{radius:g}", fill=colour)


def polygon(points: Iterable[Point], colour: str) -> Html:
    """Draw a closed area with its outline."""
    return tag("polygon", fill=colour, fill_opacity=0.25, stroke=colour, points=_joined(points))


def curve(points: Iterable[Point | None], colour: str, *, width: float = 1.6) -> Iterator[Html]:
    """Draw a line through ``points``, in one piece for each run without a None."""
    piece: list[Point] = []
    for point in (*points, None):
        if point is not None:
            piece.append(point)
        elif piece:
            yield tag(
                "polyline", fill="none", stroke=colour, stroke_width=f"{width:g}", points=_joined(piece)
            )
            piece = []


def evenly(values: Iterable[float | None], x: Scale, y: Scale) -> Iterator[Point | None]:
    """Yield the points of values that stand at 0, 1, 2, … of ``x``; None stays None."""
    for n, value in enumerate(values):
        yield None if value is None else (x.at(n), y.at(value))


def _px(value: float) -> str:
    return f"{value:.1f}"


def _joined(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


# -- documents -----------------------------------------------------------------------------------------


def heading(title: str, words: str) -> list[Html]:
    """Write the title of a drawing on the left and a remark on the right."""
    return [text(LEFT, 17, title, size=14), text(WIDTH - RIGHT, 17, words, anchor="end", colour=GREY)]


def document(
    height: float, title: str, parts: Iterable[Child], *, width: float = WIDTH, words: str = ""
) -> Html:
    """Return the drawing as one SVG; ``title`` and ``words`` describe it to those who cannot see it."""
    return tag(
        "svg",
        *(tag("title", title), tag("desc", words) if words else None, parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        font_family="sans-serif",
        color=GREY,
        role="img",
    )
