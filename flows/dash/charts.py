"""
The drawings of the dash: trust, depth and single figures over time; pure functions from figures to SVG.

Colours are the page's own variables, so that they follow a reader's light or dark theme.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

from leadline.flows.render.draw import (
    Scale,
    curve,
    document,
    evenly,
    line,
    rect,
    round_up,
    text,
    time_axis,
    time_scale,
)
from leadline.flows.render.elements import Child, Html, tag
from leadline.flows.render.tables import plain_float
from leadline.storage.queries.dashboard import COLUMNS, STRIP, WHOLE, Piece, Sample, Span

SHADES = 14  # of a heat map
HELD = 2.5  # a sample stands for so many usual distances, then the time is blank
LEFT, RIGHT, WIDTH = 62, 8, 560
LINE, ROW, FOOT = 62, 15, 20
FIGURE_WIDTH, FIGURE_HEIGHT, FIGURE_LEFT = 380, 132, 44


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
        parts.append(rect(10 * n, 0, 10.2, 10, f"var(--{colour})", why=words))
    return tag("svg", parts, viewBox=f"0 0 {10 * (len(pieces) or STRIP)} 10", preserveAspectRatio="none",
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
    parts.append(line(LEFT, middle, WIDTH - RIGHT, middle, "var(--text)", width=0.8))
    parts += _clock(span, height - 5, LEFT, WIDTH - RIGHT, about=5)
    return document(height, "mid and depth over time", parts, width=WIDTH)


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
            yield text(LEFT - 6, LINE + y * ROW + 11, words, anchor="end")


def _mids(grid: Sequence[Sample | None], scale: float) -> list[Html]:
    mids = [one.mid if one is not None and one.trusted else None for one in grid]
    known = [mid for mid in mids if mid is not None]
    if not known:
        return [text(LEFT, 20, "no trusted mid in this time")]
    low, high, top, floor = min(known), max(known), 8.0, LINE - 12.0
    flat = high == low
    y = Scale(low - 1, low + 1, floor, top) if flat else Scale(low, high, floor, top)
    points = evenly(mids, Scale(-0.5, len(grid) - 0.5, LEFT, LEFT + scale * len(grid)), y)
    labels = [
        text(LEFT - 6, at, plain_float(float(f"{value:.7g}")), anchor="end")
        for at, value in ((top + 5, high), (floor + 3, low))
    ]
    return [*labels[: 1 if flat else 2], *curve(points, "var(--info)")]


def _blanks(grid: Sequence[Sample | None], scale: float, bottom: float) -> Iterator[Html]:
    """Grey out time that has no trusted sample, with the reason."""
    for x, one in enumerate(grid):
        if one is None or not one.trusted:
            why = "no sample" if one is None else f"not trusted: {one.reason}"
            yield rect(LEFT + x * scale, 4, scale + 0.2, bottom - 4, "var(--muted)", opacity=0.16, why=why)


def figure(
    values: Sequence[float | None], span: Span, *, title: str, unit: str, colour: str = "info"
) -> Html:
    """Draw one figure over a span from 0; None breaks it."""
    left, right, floor = FIGURE_LEFT, FIGURE_WIDTH - RIGHT, FIGURE_HEIGHT - FOOT
    known = [value for value in values if value is not None]
    top = round_up(max(known, default=0.0))
    y = Scale(0, top, floor, 24)
    parts: list[Child] = [text(0, 12, f"{title}, {unit}")]
    for tick in (0.0, top / 2, top):
        parts += [
            line(left, y.at(tick), right, y.at(tick), "var(--line)"),
            text(left - 6, y.at(tick) + 4, f"{tick:,.6g}", anchor="end"),
        ]
    parts += curve(evenly(values, Scale(0, max(len(values) - 1, 1), left, right), y), f"var(--{colour})")
    if not known:
        parts.append(text(left + 8, floor - 30, "not measured"))
    parts += _clock(span, FIGURE_HEIGHT - 5, left, right, about=3)
    return document(FIGURE_HEIGHT, title, parts, width=FIGURE_WIDTH)


def _clock(span: Span, y: float, left: float, right: float, *, about: int) -> list[Html]:
    since_s = span.since.replace(tzinfo=dt.UTC).timestamp()
    return time_axis(time_scale(since_s, since_s + span.seconds, left=left, right=right), y, about=about)
