"""Tables into messages: which rows were one message, and where a book ends."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.storage.recordings.notes import read_left
from leadline.storage.recordings.tables import (
    BadRow,
    Converter,
    Depth,
    Gone,
    Row,
    Side,
    Top,
    TradeRow,
    plain_decimal,
)

T0 = 1_700_000_000_000_000_000


def depth(
    n: int, px: str, qty: str = "1", *, side: Side = "bid", whole: bool = False, of: str = "X"
) -> Depth:
    return Depth(of, T0 + n, T0 + n + 5, whole, side, px, qty)


def told(rows: Sequence[Row]) -> list[str]:
    """What came of rows: s(napshot), d(iff), t(rade), b(est prices), or why a book was left."""
    words = []
    for _, frame in Converter().take(rows):
        if (left := read_left(frame)) is not None:
            words.append(f"{left[0]} {left[1][0]}")
            continue
        message = json.loads(frame)
        symbol, kind = message["stream"].upper().split("@")
        data: dict[str, Any] = message["data"]
        levels = data.get("b", data.get("bids", ""))
        words.append({"SNAPSHOT": "s", "DEPTH": "d", "TRADE": "t", "BOOKTICKER": "b"}[kind] + symbol)
        if kind in {"SNAPSHOT", "DEPTH"}:
            words[-1] += str(len(levels))
    return words


TRADE = TradeRow("X", T0, T0, None, "1", "1", buyer_is_maker=True)
TOP = Top("X", T0, T0, ("1", "1"), ("2", "1"))


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([depth(0, "1"), depth(0, "2")], ["dX2"], id="same-times-one-message"),
        pytest.param([depth(0, "1"), depth(1, "1")], ["dX1", "dX1"], id="another-time-another-message"),
        pytest.param([depth(0, "1"), depth(0, "1", "0")], ["dX1", "dX1"], id="a-level-again"),
        pytest.param(
            [depth(0, "1", whole=True), depth(0, "2", whole=True), depth(0, "3")],
            ["sX2", "dX1"],
            id="snapshot-then-diff",
        ),
        pytest.param(
            [depth(0, "1", whole=True), depth(1, "1"), depth(2, "1", whole=True)],
            ["sX1", "dX1", "new_snapshot X", "sX1"],
            id="a-new-book",
        ),
        pytest.param([depth(0, "1"), TRADE, depth(0, "2"), TOP], ["dX1", "tX", "dX1", "bX"], id="kinds"),
        pytest.param(
            [depth(0, "1"), depth(0, "1", of="y"), depth(0, "2")], ["dX1", "dY1", "dX1"], id="symbols"
        ),
        pytest.param(
            [
                Gone("X", T0, "cleared"),
                depth(0, "1", whole=True),
                Gone("X", T0, "cleared"),
                depth(9, "1", whole=True),
            ],
            ["sX1", "cleared X", "sX1"],
            id="gone-once",
        ),
    ],
)
def test_transcript(rows: list[Row], wanted: list[str]) -> None:
    assert told(rows) == wanted


messages = st.lists(
    st.tuples(
        st.sampled_from("XY"),
        st.lists(st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 9)), min_size=1, unique=True),
    ),
    max_size=30,
)


@given(messages)
def test_messages_at_times_of_their_own_come_back_as_they_were(
    made: list[tuple[str, list[tuple[Side, int]]]],
) -> None:
    rows = [
        depth(n, str(px), side=side, of=symbol)
        for n, (symbol, levels) in enumerate(made)
        for side, px in levels
    ]
    found, last_ids = [], dict.fromkeys("XY", 2)
    for ts_ns, frame in Converter().take(rows):
        data = json.loads(frame)["data"]
        assert data["U"] == last_ids[data["s"]] + 1  # no gap, whatever stands between
        last_ids[data["s"]] = data["u"]
        bids, asks = ([int(px) for px, _ in data[side]] for side in "ba")
        found.append((ts_ns, data["E"], data["s"], bids, asks))
    assert found == [
        (
            T0 + n + 5,
            (T0 + n) // 1_000,
            symbol,
            [px for side, px in levels if side == "bid"],
            [px for side, px in levels if side == "ask"],
        )
        for n, (symbol, levels) in enumerate(made)
    ]


@pytest.mark.parametrize("text", ["1", "0.10", "61837.63", "1e-7", "1E+3", "00012.5"])
def test_numbers_stay_as_they_are_written_but_for_exponents(text: str) -> None:
    assert float(plain_decimal(text, "price")) == float(text)
    assert "e" not in plain_decimal(text, "price").lower()


@given(st.integers(1, 10**15 - 1), st.integers(0, 12), st.integers(-3, 3))
def test_what_a_double_left_behind_is_rounded_off_and_nothing_else(
    digits: int, places: int, ulps: int
) -> None:
    written = f"{digits:d}" if not places else f"{Decimal(digits).scaleb(-places):f}"
    assert Decimal(plain_decimal(written, "price")) == Decimal(written)
    near = float(written)
    for _ in range(abs(ulps)):
        near = math.nextafter(near, math.inf if ulps > 0 else 0.0)
    said = Decimal(plain_decimal(repr(near), "price"))
    assert abs(said - Decimal(written)) <= Decimal(written) * Decimal("1e-14")
    assert len(said.normalize().as_tuple().digits) <= 15


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0.30000000000000004", "0.3"),
        ("0.100000000000000000", "0.100000000000000000"),
        ("1e-05", "0.00001"),
        ("123456789012345.0", "123456789012345.0"),
    ],
)
def test_sums_of_doubles_are_what_was_meant(text: str, wanted: str) -> None:
    assert plain_decimal(text, "price") == wanted


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "0", "1_0", "\uff11", "1e999"])
def test_what_is_no_price_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadRow, match="price"):
        plain_decimal(text, "price")
    assert plain_decimal("0", "amount", zero=True) == "0"
