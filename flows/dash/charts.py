"""
The page's drawings as SVG: trust over time, depth over time, a line. Pure functions from figures to text.

Colours are the page's own variables, so that they follow a reader's light or dark theme.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

from leadline.flows.dash.skin import Child, Html, tag
from leadline.flows.render.draw import SPANS_S
from leadline.flows.render.tables import plain_float
from leadline.storage.queries.dashboard import COLUMNS, STRIP, WHOLE, Piece, Sample, Span

SHADES = 14  # of a heat map
HELD = 2.5  # a sample stands for so many usual distances, then the time is blank
LEFT, RIGHT, WIDTH = 62, 8, 560
LINE, ROW, FOOT = 62, 15, 20
CLOCK_SECONDS = 1200  # shorter spans are labelled with seconds


def strip(pieces: Sequence[Piece], span: Span) -> Html:
    """Draw when a market was covered: a column a piece of time, pointing at one says what was wrong."""
    parts = []
    step = dt.timedelta(seconds=span.seconds / max(len(pieces), 1))
    for n, piece in enumerate(pieces):
        colour = _colour(piece)
        at = span.since + n * step
        share = "nobody watched" if piece.covered is None else f"{piece.covered:.1%} covered"
        words = "; ".join(filter(None, (
            f"{at:%H:%M:%S} to {at + step:%H:%M:%S}: {share}", piece.causes,
            f"{piece.mismatches} mismatches" if piece.mismatches else "",
        )))  # fmt: skip
        parts.append(
            tag("rect", tag("title", words), x=n, y=0, width=1.02, height=10, fill=f"var(--{colour})")
        )
    return tag("svg", parts, viewBox=f"0 0 {len(pieces) or STRIP} 10", preserveAspectRatio="none",
               class_="strip", shape_rendering="crispEdges", role="img",
               aria_label="trust over time")  # fmt: skip


def _colour(piece: Piece) -> str:
    if piece.covered is None:
        return "line"
    if piece.mismatches or piece.covered == 0:
        return "bad"
    return "good" if piece.covered >= WHOLE else "warn"


def depth(samples: Sequence[Sample], span: Span) -> Html:
    """Draw a market's mid, and below it how much was to be had at which distance from it, over time."""
    grid = _columns(samples, span)
    bands = next((one.bands_bps for one in reversed(samples) if one.bands_bps), ())
    rows = 2 * len(bands)
    height = LINE + rows * ROW + FOOT
    scale = (WIDTH - LEFT - RIGHT) / len(grid)
    parts: list[Child] = [_mids(grid, scale), _rings(bands)]
    cells = tag(
        "g", _cells(grid, bands), transform=f"translate({LEFT} {LINE}) scale({scale:.4f} {ROW})",
        shape_rendering="crispEdges",
    )  # fmt: skip
    parts += [cells, _blanks(grid, scale, LINE + rows * ROW)]
    middle = LINE + len(bands) * ROW
    parts.append(_line(LEFT, middle, WIDTH - RIGHT, middle, "text", width=0.8))
    parts += _clock(span, height)
    return tag("svg", parts, viewBox=f"0 0 {WIDTH} {height}", width=WIDTH, height=height, role="img",
               aria_label="mid and depth over time")  # fmt: skip


def _columns(samples: Sequence[Sample], span: Span) -> list[Sample | None]:
    """Put samples on an even grid of time; one stands until the next, but not for long."""
    steps = [(b.ts - a.ts).total_seconds() for a, b in itertools.pairwise(samples)]
    usual_s = statistics.median(steps) if steps else span.seconds
    n = max(1, min(COLUMNS, round(span.seconds / max(usual_s, span.seconds / COLUMNS))))
    grid: list[Sample | None] = [None] * n
    for one in samples:
        grid[min(n - 1, int((one.ts - span.since).total_seconds() / span.seconds * n))] = one
    last: Sample | None = None
    for k, held in enumerate(grid):
        if held is not None:
            last = held
        elif last is not None:
            ends = span.since + dt.timedelta(seconds=(k + 1) / n * span.seconds)
            grid[k] = last if (ends - last.ts).total_seconds() < HELD * usual_s else None
    return grid


def _cells(grid: Sequence[Sample | None], bands: tuple[float, ...]) -> Iterator[Html]:
    """Yield one path a side and shade: depth per bp of distance, on a common logarithmic scale."""
    known: dict[tuple[str, int, int], float] = {}
    for x, one in enumerate(grid):
        if one is None or not one.trusted or one.bands_bps != bands:
            continue
        for side, depths in (("ask", one.asks), ("bid", one.bids)):
            for ring, density in enumerate(_densities(depths, bands)):
                if density:
                    y = len(bands) - 1 - ring if side == "ask" else len(bands) + ring
                    known[side, x, y] = density
    if not known:
        return
    low, high = math.log(min(known.values())), math.log(max(known.values()))
    shades: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for (side, x, y), density in known.items():
        share = (math.log(density) - low) / (high - low) if high > low else 1.0
        shades[side, round(share * (SHADES - 1))].append((y, x))
    for (side, shade), places in sorted(shades.items()):
        drawn = "".join(f"M{x} {y}h{n}v1h-{n}z" for x, y, n in _runs(sorted(places)))
        yield tag("path", d=drawn, fill=f"var(--{side})", fill_opacity=f"{(shade + 1) / SHADES:.2f}")


def _densities(depths: Sequence[float | None], bands: Sequence[float]) -> Iterator[float | None]:
    """Yield quantity per bp of each ring from the mid outwards; None where it is not known."""
    inner: float | None = 0.0
    inner_bps = 0.0
    for depth_to, bps in zip(depths, bands, strict=True):
        known = depth_to is not None and inner is not None
        yield max(depth_to - inner, 0.0) / (bps - inner_bps) if known else None  # type: ignore[operator]
        inner, inner_bps = depth_to, bps


def _runs(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield neighbours of a row as one: x, y, how many."""
    begin, y, n = 0, -1, 0
    for row, x in places:
        if row == y and x == begin + n:
            n += 1
            continue
        if n:
            yield begin, y, n
        begin, y, n = x, row, 1
    if n:
        yield begin, y, n


def _rings(bands: Sequence[float]) -> Iterator[Html]:
    edges = [0.0, *bands]
    for ring in range(len(bands)):
        words = f"{edges[ring]:g} to {edges[ring + 1]:g}"
        for y in (len(bands) - 1 - ring, len(bands) + ring):
            yield _text(LEFT - 6, LINE + y * ROW + 11, words, anchor="end")


def _mids(grid: Sequence[Sample | None], scale: float) -> list[Html]:
    known = [one.mid for one in grid if one is not None and one.trusted and one.mid is not None]
    if not known:
        return [_text(LEFT, 20, "no trusted mid in this time")]
    low, high = min(known), max(known)
    top, floor = 8.0, LINE - 12.0
    pieces: list[list[str]] = [[]]
    for x, one in enumerate(grid):
        if one is None or not one.trusted or one.mid is None:
            pieces.append([])
            continue
        share = (one.mid - low) / (high - low) if high > low else 0.5
        pieces[-1].append(f"{LEFT + (x + 0.5) * scale:.1f},{floor - (floor - top) * share:.1f}")
    drawn = [
        tag("polyline", points=" ".join(piece), fill="none", stroke="var(--info)", stroke_width=1.6,
            stroke_linejoin="round")
        for piece in pieces if piece
    ]  # fmt: skip
    labels = [
        _text(LEFT - 6, y, plain_float(float(f"{value:.7g}")), anchor="end")
        for y, value in ((top + 5, high), (floor + 3, low))
    ]
    return [*labels[: 2 if high > low else 1], *drawn]


def _blanks(grid: Sequence[Sample | None], scale: float, bottom: float) -> Iterator[Html]:
    """Grey out time that has no trusted sample, with the reason."""
    for x, one in enumerate(grid):
        if one is None or not one.trusted:
            why = "no sample" if one is None else f"not trusted: {one.reason}"
            yield tag(
                "rect", tag("title", why), x=f"{LEFT + x * scale:.2f}", y=4, width=f"{scale + 0.2:.2f}",
                height=bottom - 4, fill="var(--muted)", fill_opacity=0.16,
            )  # fmt: skip


def line(
    values: Sequence[float | None], span: Span, *, title: str, unit: str, colour: str = "info"
) -> Html:
    """Draw one figure over a span from 0; None breaks it."""
    width, height, left = 380, 132, 44
    known = [value for value in values if value is not None]
    top = _round_up(max(known, default=0.0))
    floor = height - FOOT
    x_step = (width - left - RIGHT) / max(len(values) - 1, 1)
    pieces: list[list[str]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        pieces[-1].append(f"{left + n * x_step:.1f},{floor - (floor - 24) * value / top:.1f}")
    parts: list[Child] = [_text(0, 12, f"{title}, {unit}")]
    for share in (0.0, 0.5, 1.0):
        y = floor - (floor - 24) * share
        parts += [
            _line(left, y, width - RIGHT, y, "line"),
            _text(left - 6, y + 4, f"{top * share:,.6g}", anchor="end"),
        ]
    parts += [
        tag("polyline", points=" ".join(piece), fill="none", stroke=f"var(--{colour})", stroke_width=1.6,
            stroke_linejoin="round")
        for piece in pieces if piece
    ]  # fmt: skip
    if not known:
        parts.append(_text(left + 8, floor - 30, "not measured"))
    parts += _clock(span, height, left=left, right=width - RIGHT, about=3)
    return tag("svg", parts, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img",
               aria_label=title)  # fmt: skip


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 …; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-12)))


def _clock(
    span: Span, height: float, *, left: float = LEFT, right: float = WIDTH - RIGHT, about: int = 5
) -> Iterator[Html]:
    """Yield times along the foot, whatever is round within the span."""
    step_s = next(
        (step for step in SPANS_S if step >= span.seconds / about), math.ceil(span.seconds / about)
    )
    since_s = span.since.replace(tzinfo=dt.UTC).timestamp()
    form = "%H:%M:%S" if span.seconds < CLOCK_SECONDS else "%H:%M"
    form = form if span.seconds < 2 * 86_400 else "%m-%d %H:%M"
    k = math.ceil(since_s / step_s)
    while k * step_s <= since_s + span.seconds:
        x = left + (right - left) * (k * step_s - since_s) / span.seconds
        if left + 18 <= x <= right - 18:
            words = dt.datetime.fromtimestamp(k * step_s, dt.UTC).strftime(form)
            yield _text(x, height - 5, words, anchor="middle")
        k += 1


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}",
               stroke=f"var(--{colour})", stroke_width=width)  # fmt: skip


def _text(x: float, y: float, words: str, *, anchor: str | None = None) -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
