"""``leadline book`` as people and programs see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows.commands import leadline


def test_the_picture_of_a_book(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "book", "BTCUSDT", "--db", db)
    assert said.out.splitlines() == [
        "  ask  102  7.25  ████████████████████████",
        "  ── mid 100.5  spread 3 = 298.507 bps",
        "  bid   99  1.50  █████",
    ]
    assert said.err.startswith("BTCUSDT binance-spot after update 40 at 2023-11-14 22:13:20")
    assert "its stream ended: end_of_recording" in said.err


def test_a_book_for_programs(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(leadline(capsys, "book", "BTCUSDT", "--db", db, "--json").out)
    assert (told["venue"], told["last_id"]) == ("binance-spot", 40)
    assert (told["bids"], told["asks"]) == ([["99", "1.5"]], [["102", "7.25"]])
    said = leadline(
        capsys, "book", "BTCUSDT", "--db", db, "--format", "csv", "--at", "2023-11-14T22:13:21Z"
    )
    assert said.code == 1
    assert "no trusted book at 2023-11-14 22:13:21 UTC" in said.err


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (["BTCUSDT", "--at", "noon"], 2, "--at 'noon': expected a time such as"),
        (["XYZ"], 1, "XYZ: no trusted book was ever stored\n"),
        (["BTCUSD"], 1, "BTCUSD: no trusted book was ever stored; did you mean BTCUSDT?"),
        (["BTCUSDT", "--venue", "binance-usdm"], 1, "no trusted book was stored"),
    ],
)
def test_a_book_that_is_not_there(
    db: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, expected: str
) -> None:
    said = leadline(capsys, "book", *argv, "--db", db)
    assert (said.code, said.out) == (code, "")
    assert expected in said.err
    assert said.err.count("\n") == 1
