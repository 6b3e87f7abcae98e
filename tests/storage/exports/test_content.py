"""The content hash says the same of two stores exactly when the venue said the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from leadline.book.messages import DepthDiff, Trade
from leadline.storage.access.connect import connect
from leadline.storage.exports.content import Content, content
from tests.storage.exports.days import Day, make_day, plain_content

BATCHES = [pytest.param(1, id="one-batch"), pytest.param(7, id="seven-batches")]


def hashed(
    template: Path, db: Path, day: Day, *, batches: int = 1, shuffle: Random | None = None
) -> Content:
    shutil.copy(template, db)
    day.store(db, batches=batches, shuffle=shuffle)
    with connect(db) as con:
        return content(con, day.market.venue, day.market.symbol, *day.moments)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batches", BATCHES)
def test_it_is_what_its_definition_says(template: Path, tmp_path: Path, seed: int, batches: int) -> None:
    day = make_day(seed)
    found = hashed(template, tmp_path / "a.duckdb", day, batches=batches)
    assert found.digest == plain_content(day)
    assert sum(found.rows.values()) == len(day.messages)
    assert len({part.hour for part in found.parts}) > 1


def test_order_epochs_and_the_moment_of_receipt_do_not_count(template: Path, tmp_path: Path) -> None:
    day = make_day(5)
    first = hashed(template, tmp_path / "a.duckdb", day)
    other = Day(
        day.market,
        [
            (epoch + 17, replace(message, ts_recv_ns=message.ts_recv_ns + 12_345))
            for epoch, message in day.messages
        ],
        day.coverage,
    )
    assert hashed(template, tmp_path / "b.duckdb", other, shuffle=Random(1)).parts == first.parts


def changed(message: object) -> object | None:
    match message:
        case DepthDiff() if message.bids:
            (price, qty), *rest = message.bids
            return replace(message, bids=((price, qty + 1), *rest))
        case Trade():
            return replace(message, buyer_is_maker=not message.buyer_is_maker)
    return None


@pytest.mark.parametrize("kind", [DepthDiff, Trade])
def test_one_lot_or_one_side_more_shows_in_its_hour_only(
    template: Path, tmp_path: Path, kind: type
) -> None:
    day = make_day(6)
    first = hashed(template, tmp_path / "a.duckdb", day)
    messages = list(day.messages)
    at = next(n for n, (_, m) in enumerate(messages) if isinstance(m, kind) and changed(m) is not None)
    messages[at] = (messages[at][0], changed(messages[at][1]))
    second = hashed(template, tmp_path / "b.duckdb", Day(day.market, messages, day.coverage))
    assert second.digest != first.digest
    differ = [a for a, b in zip(first.parts, second.parts, strict=True) if a != b]
    assert len(differ) == 1


def test_an_empty_window_has_the_hash_of_nothing(template: Path, tmp_path: Path) -> None:
    day = make_day(7)
    shutil.copy(template, tmp_path / "a.duckdb")
    with connect(tmp_path / "a.duckdb") as con:
        found = content(con, day.market.venue, day.market.symbol, *day.moments)
    assert (found.parts, found.digest[:8]) == ((), "e3b0c442")
