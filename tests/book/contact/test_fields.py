"""Whatever differs from a documented object is named, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.book.contact.fields import FieldCheck
from leadline.book.contact.findings import Finding, Verdict
from leadline.book.venues.common.documented import Part, Shape, Type
from leadline.book.venues.registry import MARKETS

RIGHT: dict[Type, Any] = {
    Type.INT: 7, Type.NUMBER: 1.5, Type.TEXT: "x", Type.DECIMAL: "0.10", Type.BOOL: True,
    Type.LEVELS: [["1.0", "2"]], Type.LIST: [], Type.OBJECT: {}, Type.NULL: None, Type.ANY: [None],
}  # fmt: skip
WRONG: dict[Type, list[Any]] = {
    Type.INT: ["7", 7.5, True, None], Type.NUMBER: ["1"], Type.TEXT: [1, None, ["x"]],
    Type.DECIMAL: [1.5, "1e5", "", None], Type.BOOL: [0, "true"], Type.LIST: ["", {}],
    Type.OBJECT: [[], ""],
    Type.LEVELS: [[["1", 2]], [["1"]], [["1", "2", "3"]], "", [{"p": "1"}]], Type.NULL: [0],
}  # fmt: skip
PARTS = (Part.DEPTH, Part.TICKER, Part.TRADE, Part.DEPTH20, Part.REPLY, Part.BOOK, Part.TIME)


def shapes() -> list[Shape]:
    """Every object of every market's documents, made by asking about empty ones."""
    found = {}
    for spec in MARKETS:
        documented = spec.documented
        entry = {"symbol": "X", "filters": [], "priceFilter": {}, "lotSizeFilter": {}}
        listing = {"symbols": [entry], "result": {"list": [entry]}}
        pieces = list(documented.pieces(Part.LISTING, listing, ["X"]))
        for part in PARTS:
            pieces += documented.pieces(
                part, {"stream": "x", "data": {}} if part is not Part.TRADE else {"data": [{}]}
            )
            pieces += documented.pieces(part, {"e": "aggTrade"})
        found |= {
            (spec.name.partition("-")[0], shape.name, tuple(shape.needed)): shape for shape, _ in pieces
        }
    return list(found.values())


SHAPES = shapes()


def seen(shape: Shape, *messages: Any) -> Finding:
    check = FieldCheck()
    check.look((shape, message) for message in messages)
    (finding,) = check.findings()
    return finding


def right(shape: Shape) -> dict[str, Any]:
    return {name: RIGHT[kind] for name, kind in (*shape.needed.items(), *shape.known.items())}


def test_documents_of_every_kind_are_there() -> None:
    names = {shape.name for shape in SHAPES}
    assert {"diff depth", "partial depth", "book ticker", "trade", "aggregate trade", "order book"} <= names
    assert {
        "listed symbol",
        "filter PRICE_FILTER",
        "lotSizeFilter",
        "server time",
        "trade message",
    } <= names


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_an_object_as_documented_holds_with_or_without_what_may_be_there(shape: Shape) -> None:
    needed = {name: RIGHT[kind] for name, kind in shape.needed.items()}
    assert seen(shape, right(shape), needed).verdict is Verdict.HOLDS


@settings(deadline=None)
@given(st.integers(0, len(SHAPES) - 1), st.data())
def test_each_difference_is_named(n: int, data: st.DataObject) -> None:
    shape = SHAPES[n]
    message = right(shape)
    name = data.draw(st.sampled_from(sorted(message)))
    kind = {**shape.known, **shape.needed}[name]
    move = data.draw(
        st.sampled_from(["drop", "retype", "new"] if kind is not Type.ANY else ["drop", "new"])
    )
    if move == "drop":
        del message[name]
        words, verdict = f"missing: {name}", Verdict.BROKEN
        if name not in shape.needed:
            assert seen(shape, message).verdict is Verdict.HOLDS
            return
    elif move == "retype":
        message[name] = data.draw(st.sampled_from(WRONG[kind]))
        is_needed = name in shape.needed
        words = f"type changed: {name}" if is_needed else f"type changed, not read: {name}"
        verdict = Verdict.BROKEN if is_needed else Verdict.NOTED
    else:
        message["brandNew"] = 1
        words, verdict = "new: brandNew = 1", Verdict.NOTED
    finding = seen(shape, right(shape), message)
    assert (finding.verdict, words in finding.detail) == (verdict, True), finding


def test_an_object_that_is_none_is_told() -> None:
    finding = seen(SHAPES[0], [1])
    assert (finding.verdict, "expected object, got a list" in finding.detail) == (Verdict.BROKEN, True)


def test_what_never_came_is_named_if_it_was_expected() -> None:
    (finding,) = FieldCheck().findings(["trade"])
    assert (finding.verdict, finding.assumption) == (Verdict.UNSEEN, "fields of: trade")
