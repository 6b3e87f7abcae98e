"""What every drawing is made of: a scale, round ticks, lines, texts, and the document around them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from leadline.flows.render.charts import GREY

WIDTH, LEFT, RIGHT, TITLE, FOOT = 960, 78, 16, 26, 26
STEPS = (1, 2, 5, 10)
SPANS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


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


def time_scale(first_s: float, last_s: float) -> Scale:
    """Return the scale of a time axis; seconds since 1970 UTC; of one moment it is a second wide."""
    return Scale(first_s, last_s if last_s > first_s else first_s + 1.0, LEFT, WIDTH - RIGHT)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values between two, about so many."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(s * power for s in STEPS if s * power >= raw)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def time_axis(time: Scale, y: float) -> list[str]:
    """Write the clock under a drawing, UTC; ``y`` is the base line of the text."""
    raw = (time.high - time.low) / 8
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


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = ""
) -> str:
    """Draw a line, in pixels."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def rect(
    x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1, why: str = ""
) -> str:
    """Draw a filled box, in pixels; ``why`` appears on pointing at it."""
    faint = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
    told = f"><title>{escape(why)}</title></rect>" if why else "/>"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{colour}"{faint}{told}'
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "", size: int = 12) -> str:
    """Write words; without a colour they are as the page around them."""
    fill = colour or "currentColor"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def heading(title: str, words: str) -> list[str]:
    """Write the title of a drawing on the left and a remark on the right."""
    return [text(LEFT, 17, title, size=14), text(WIDTH - RIGHT, 17, words, anchor="end", colour=GREY)]


def document(height: float, title: str, parts: Sequence[str], *, told: str = "") -> str:
    """Return the drawing as one SVG; ``title`` and ``told`` say it to who cannot see it."""
    body = "\n".join(parts)
    description = f"<desc>{escape(told)}</desc>\n" if told else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" font-family="sans-serif" color="{GREY}" role="img">\n'
        f"<title>{escape(title)}</title>\n{description}{body}\n</svg>\n"
    )
