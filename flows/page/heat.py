"""Heat maps: an amount over time and one more axis, such as depth over price."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.page.draw import FOOT, LEFT, TITLE, Scale, document, heading, text, ticks, time_axis, time_scale
from flows.ui.charts import BLUE, GREY

Floats = NDArray[np.float64]

HEIGHT = 340
SHADES = 12  # steps of the colour
CELLS = (320, 80)  # most cells, along time and along the other axis


def heat(
    at_s: Floats,
    grid: Floats,
    *,
    rows: tuple[float, float],
    row_unit: str,
    unit: str,
    title: str,
    window_s: tuple[float, float] | None = None,
    colour: str = BLUE,
    height: int = HEIGHT,
) -> str:
    """
    Draw ``grid[time, row]`` as cells, the darker the more; NaN is left open.

    ``rows`` are the values at the lowest and the highest row's outer edge, ``at_s`` the start of each
    time. The scale of colour runs from the 2nd to the 98th percentile, so that one wall hides nothing.
    Cells that would be finer than the picture are averaged. Raises `ValueError` for an empty grid.
    """
    if not grid.size or len(at_s) != len(grid):
        raise ValueError(f"expected a row of cells for each of {len(at_s)} times, got {grid.shape}")
    step_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else 1.0
    time = time_scale(*(window_s or (float(at_s[0]), float(at_s[-1]) + step_s)))
    across = Scale(*rows, TITLE + height - 4, TITLE + 4)
    parts = heading(title, f"{row_unit} up; colour: {unit}")
    for tick in ticks(rows[0], rows[1], 6):
        parts.append(text(LEFT - 6, across.at(tick) + 4, f"{tick:,.10g}", anchor="end", colour=GREY))
    known = grid[np.isfinite(grid)]
    if len(known):
        low, high = (float(v) for v in np.percentile(known, (2, 98)))
        parts += _cells(at_s, grid, time, across, (low, high if high > low else low + 1.0), colour)
        told = f"from {low:,.4g} (pale) to {high:,.4g} {unit} (strong)"
    else:
        told = "nothing known"
    top = TITLE + height
    parts += [*time_axis(time, top + FOOT - 8), text(LEFT, top + FOOT + 8, told, colour=GREY)]
    return document(top + FOOT + 18, title, parts, told=told)


def _cells(
    at_s: Floats, grid: Floats, time: Scale, across: Scale, colours: tuple[float, float], colour: str
) -> list[str]:
    """Return a path of cells for each strength of colour."""
    stride, rows = -(-len(grid) // CELLS[0]), -(-grid.shape[1] // CELLS[1])
    paths: list[list[str]] = [[] for _ in range(SHADES)]
    row_step = (across.high - across.low) / grid.shape[1]
    step_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else time.high - time.low
    for n in range(0, len(grid), stride):
        block = grid[n : n + stride]
        end_s = float(at_s[n + stride]) if n + stride < len(at_s) else float(at_s[-1]) + step_s
        # A hole in time stays open: what is drawn lasts no longer than its cells do.
        end_s = min(end_s, float(at_s[n]) + 1.5 * stride * step_s)
        a, z = time.within(float(at_s[n])), time.within(end_s)
        for m in range(0, grid.shape[1], rows):
            cell = block[:, m : m + rows]
            known = cell[np.isfinite(cell)]
            if not len(known) or z <= a:
                continue
            share = (float(known.mean()) - colours[0]) / (colours[1] - colours[0])
            low = across.at(across.low + m * row_step)
            high = across.at(across.low + min(m + rows, grid.shape[1]) * row_step)
            strength = min(max(int(share * SHADES), 0), SHADES - 1)
            paths[strength].append(f"M{a:.1f} {low:.1f}H{z:.1f}V{high:.1f}H{a:.1f}z")
    return [
        f'<path fill="{colour}" fill-opacity="{(n + 1) / SHADES:.2f}" d="{"".join(path)}"/>'
        for n, path in enumerate(paths)
        if path
    ]
