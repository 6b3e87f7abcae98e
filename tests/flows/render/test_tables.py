"""Rows as table, csv and json."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from leadline.flows.render.tables import lines, plain, plain_float, text_of


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.10000000", "0.1"),
        ("1E+5", "100000"),
        ("1E-8", "0.00000001"),
        ("100", "100"),
        ("100.00", "100"),
        ("-0.0", "0"),
        ("61837.64000000", "61837.64"),
    ],
)
def test_plain_decimals(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize("number", [1e-8, 1e22, 0.1, 61837.64, 3.0, 12345678.12345678])
def test_plain_floats_read_back_as_themselves(number: float) -> None:
    text = plain_float(number)
    assert "e" not in text
    assert float(text) == number


def test_a_table_lines_up_wide_characters_and_numbers() -> None:
    got = list(lines(["symbol", "n"], [("BTCUSDT", 5), ("币安人生USDT", 1234), (None, None)], "table"))
    assert got == [
        "symbol           n",
        "────────────  ────",
        "BTCUSDT          5",
        "币安人生USDT  1234",
        "NULL          NULL",
    ]


def test_a_table_cuts_long_cells_and_keeps_to_one_line() -> None:
    rows = [([1.5, 2.0, 3.25, 4.0], "a\nb" + "x" * 100)]
    cell = list(lines(["l", "t"], rows, "table"))[2]
    assert cell.startswith("[1.5, 2, 3.25, … 4 in all]  a bx")
    assert cell.endswith("x…")


def test_csv_reads_back() -> None:
    rows = [("a,b", None, 1e-9, [Decimal("0.10"), 2]), ('q"x', True, 2.0, [])]
    got = list(csv.reader(lines(["t", "n", "f", "l"], rows, "csv")))
    assert got == [
        ["t", "n", "f", "l"],
        ["a,b", "", "0.000000001", '["0.1", 2]'],
        ['q"x', "true", "2", "[]"],
    ]


def test_json_is_one_valid_array_whatever_the_values() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    rows = [(float("nan"), at, {"k": (1, Decimal("1E+1"))}, 7), (float("inf"), None, {}, 8)]
    got = json.loads("\n".join(lines(["a", "b", "c", "a"], rows, "json")))
    assert got == [
        {"a": None, "b": "2026-01-02T03:04:05.000678Z", "c": {"k": [1, "10"]}, "a_2": 7},
        {"a": None, "b": None, "c": {}, "a_2": 8},
    ]
    assert json.loads("\n".join(lines(["a"], [], "json"))) == []


def test_times_with_a_zone_are_told_in_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert text_of(datetime(2026, 1, 1, 8, tzinfo=east)) == "2026-01-01 00:00:00"
