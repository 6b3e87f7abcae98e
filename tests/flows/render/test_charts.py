"""Numbers as blocks and lines."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from leadline.flows.render import charts
from leadline.flows.render.draw import BLUE


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, None, 2], "▁·█"),
        ([5, 5], "▄▄"),
        ([None, None], "··"),
        ([], ""),
    ],
)
def test_sparklines(values: list[float | None], drawn: str) -> None:
    assert charts.spark(values) == drawn


def test_a_given_scale_holds() -> None:
    assert charts.spark([0.5, 2.0, -1.0], low=0, high=1) == "▅█▁"


@pytest.mark.parametrize(
    ("value", "drawn"), [(1.0, "████│····"), (-0.5, "····│██··"), (0.0, "····│····"), (None, "")]
)
def test_balance(value: float | None, drawn: str) -> None:
    assert charts.balance(value) == drawn


def test_gauge() -> None:
    assert [charts.gauge(share, cells=4) for share in (0, 0.5, 1, 7, -1)] == [
        "░░░░", "██░░", "████", "████", "░░░░",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "svg",
    [
        charts.lines_svg([("a < b & c", BLUE, [1, None, 3, 4])], title="t", unit="ms"),
        charts.lines_svg([("none", BLUE, [])], title="t", unit="ms"),
        charts.bars_svg([0, 1, 2], title="t", unit="USD"),
        charts.bars_svg([], title="t", unit="USD"),
        charts.depth_svg([(100.0, 1.0), (99.0, 2.0)], [(101.0, 3.0)], title="A & B"),
        charts.depth_svg([], [], title="empty"),
    ],
)
def test_drawings_are_images_a_browser_takes(svg: str) -> None:
    text = charts.image(svg, "words")
    assert text.startswith("![words](data:image/svg+xml;base64,")
    data = base64.b64decode(text.partition("base64,")[2].removesuffix(")"))
    root = ElementTree.fromstring(data)
    assert root.tag.endswith("svg")
    inner = {tag.tag.rpartition("}")[2] for tag in root}
    assert inner <= {"polyline", "text", "line", "rect", "polygon", "title"}


def test_a_hole_in_a_line_stays_a_hole() -> None:
    svg = charts.lines_svg([("a", BLUE, [1, 2, None, 3, 4])], title="t", unit="ms")
    assert svg.count("<polyline") == 2
