"""Drawings: well formed, to scale, honest about what is missing, bounded in size."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.flows.render.draw import WIDTH
from leadline.flows.render.svg import Interval, Panel, Series, Shade, intervals, panels, strips

SVG = "{http://www.w3.org/2000/svg}"
NOON_S = 1_780_056_000.0


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def line(*values: float, **given: bool) -> Series:
    return Series("a <b>", NOON_S + np.arange(len(values), dtype=np.float64), np.array(values), **given)


def points(svg: str) -> list[list[tuple[float, float]]]:
    told = [one.get("points", "").split() for one in drawn(svg).iterfind(f"{SVG}polyline")]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in piece)] for piece in told]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in drawn(svg).iterfind(f"{SVG}text")]


def test_a_line_is_to_scale_and_breaks_where_nothing_is_known() -> None:
    svg = panels([Panel("mid", "USD", [line(1, 3, np.nan, 2, 1)])], title="a & b")
    (first, second) = points(svg)
    assert first[0][1] > first[1][1]  # up is up
    assert second[0][1] == pytest.approx((first[0][1] + first[1][1]) / 2, abs=0.11)
    assert second[1][0] - second[0][0] == pytest.approx(first[1][0] - first[0][0], abs=0.11)
    assert "mid · USD" in texts(svg)
    assert "a & b" in texts(svg)
    assert "12:00:02" in texts(svg)


def test_a_step_holds_until_the_next() -> None:
    (only,) = points(panels([Panel("", "", [line(1, 2, is_step=True)])], title=""))
    assert only[1] == (only[2][0], only[0][1])


def test_what_is_not_covered_is_shaded_with_its_reason_and_never_outside() -> None:
    shades = [Shade(NOON_S + 1, NOON_S + 2, "gap <1>"), Shade(NOON_S - 50, NOON_S - 40, "before")]
    svg = panels([Panel("", "", [line(1, 2, 3, 4)])], title="", shades=shades)
    (rect,) = drawn(svg).iterfind(f"{SVG}rect")
    assert rect.findtext(f"{SVG}title") == "gap <1>"
    assert float(rect.get("width", 0)) == pytest.approx((WIDTH - 78 - 16) / 3, abs=0.2)


def test_a_million_points_are_what_one_sees_of_them() -> None:
    values = np.sin(np.arange(1e6) / 1e5)
    values[500_000] = 9.0
    svg = panels([Panel("", "", [Series("", np.arange(1e6), values)])], title="")
    (only,) = points(svg)
    assert len(only) <= 5 * WIDTH
    assert min(y for _, y in only) < min(y for _, y in only if y > min(y for _, y in only)) - 50
    assert len(svg) < 100_000


def test_intervals_stand_about_zero() -> None:
    rows = [
        Interval("llm", 1.0, 0.5, 1.5, "better", "#16a34a"),
        Interval("few", -1.0, None, None, "too few"),
    ]
    svg = intervals(rows, title="edge", unit="bps")
    zero, only = [
        one for one in drawn(svg).iterfind(f"{SVG}line") if one.get("y1") == one.get("y2") or True
    ]
    dots = [float(one.get("cx", 0)) for one in drawn(svg).iterfind(f"{SVG}circle")]
    at = float(zero.get("x1", 0))
    assert dots[0] - at == pytest.approx(at - dots[1], abs=0.2)
    assert at < float(only.get("x1", 0)) < dots[0] < float(only.get("x2", 0))
    assert {"better", "too few", "bps", "0"} <= set(texts(svg))


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        panels([Panel("", "", [line()])], title="")
    with pytest.raises(ValueError, match="at least one interval"):
        intervals([], title="", unit="")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e12, 1e12) | st.just(float("nan")), min_size=1, max_size=40))
def test_any_numbers_make_a_drawing(values: list[float]) -> None:
    svg = panels([Panel("x", "y", [line(*values)])], title="t")
    assert "nan" not in svg.replace("nan</", "")
    for piece in points(svg):
        assert all(0 <= x <= WIDTH and 0 <= y <= 400 for x, y in piece)


def test_a_window_holds_and_an_empty_panel_says_so() -> None:
    empty = Panel("latency", "ms", [])
    svg = panels([empty], title="t", window_s=(NOON_S, NOON_S + 86_400))
    assert {"latency · ms", "nothing stored", "12:00"} <= set(texts(svg))
    (only,) = points(panels([Panel("", "", [line(1, 2)])], title="", window_s=(NOON_S - 1, NOON_S + 3)))
    assert only[0][0] == pytest.approx(78 + (WIDTH - 94) / 4, abs=0.11)


def test_powers_of_ten_are_as_far_apart_as_each_other() -> None:
    svg = panels([Panel("", "ms", [line(1, 10, 100, 0, -5)], is_log=True)], title="")
    ((a, b, c),) = ([y for _, y in piece] for piece in points(svg))
    assert a - b == pytest.approx(b - c, abs=0.11)
    assert {"1", "10", "100"} <= set(texts(svg))


def test_bars_stand_on_zero_and_the_tallest_of_a_pixel_is_seen() -> None:
    values = np.ones(100_000)
    values[50_000] = 7.0
    bars = Series("checks", NOON_S + np.arange(100_000.0), values, bar_s=1.0)
    svg = panels([Panel("", "", [bars])], title="")
    (path,) = drawn(svg).iterfind(f"{SVG}path")
    heights = [float(piece.split("v")[1].split("h")[0]) for piece in path.get("d", "").split("M")[1:]]
    assert len(heights) <= WIDTH
    assert min(heights) == pytest.approx(7 * max(heights), rel=0.02)  # up is negative
    assert len(svg) < 60_000


def test_a_strip_shows_every_kind_of_span_however_short() -> None:
    covered = [Shade(NOON_S, NOON_S + 80_000, "epoch 1", "#16a34a")]
    gaps = [Shade(NOON_S + 40_000 + n / 1e3, NOON_S + 40_000 + n / 1e3, "gap") for n in range(5000)]
    svg = strips([("<b>", [*covered, *gaps])], window_s=(NOON_S, NOON_S + 86_400), title="day")
    boxes = [one for one in drawn(svg).iterfind(f"{SVG}rect") if one.findtext(f"{SVG}title")]
    assert [one.findtext(f"{SVG}title") for one in boxes] == ["epoch 1", "gap and 4999 more"]
    assert all(float(one.get("width", 0)) >= 1.5 for one in boxes)
    assert "<b>" in texts(svg)
