"""Decisions on disk: written once, a failure is never a neutral, costs are the ledger's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Decision, Record, Text
from leadline.storage.spend import ledger, prices
from tests.storage.signals.market import EPOCH, NOON, SYMBOL, VENUE, Stored, at
from tests.storage.spend.plans import DAY_USD, outcome, plan, price


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


def decision(signal_id: str, **rest: Any) -> Decision:
    filled: dict[str, Any] = {
        "ts": NOON,
        "venue": VENUE,
        "symbol": SYMBOL,
        "kind": "llm",
        "trigger": "manual",
        "provider": "p",
        "model_requested": "m",
        "lineage": "p/m",
        "outcome": "abstained",
    }
    return Decision(signal_id=signal_id, **{**filled, **rest})


def columns(con: Connection, table: str) -> set[str]:
    return {name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall()}


def test_every_column_but_the_cost_is_a_field(con: Connection) -> None:
    assert {field.name for field in fields(Decision)} | {"cost_usd"} == columns(con, "signals")
    assert {field.name for field in fields(Text)} == columns(con, "llm_texts")


def test_what_is_written_is_read_again(con: Connection) -> None:
    odd = "币安\"'; DROP TABLE signals; --\\u0000"
    figures = {"mid": 0.1, "ofi_10s_qty": None, "missing": {"ofi_10s_qty": "no trades"}}
    one = decision("a", symbol=odd, features=figures, last_id=2**62, moved_spreads=1e-300)
    rows.put(con, [one])
    row = rows.since(con, NOON).dicts()[0]
    assert (row["symbol"], row["last_id"], row["moved_spreads"], row["ts"]) == (odd, 2**62, 1e-300, at(0))
    told = con.execute(
        "SELECT features->>'mid', features->'missing'->>'ofi_10s_qty' FROM signals"
    ).fetchall()
    assert told == [("0.1", "no trades")]


@pytest.mark.parametrize(
    ("outcome", "direction"),
    [
        ("error", "neutral"),
        ("refused_budget", "bullish"),
        ("abstained", "neutral"),
        ("ok", None),
        ("ok", "up"),
    ],
)
def test_a_failure_is_never_a_neutral(con: Connection, outcome: str, direction: str | None) -> None:
    with pytest.raises(duckdb.ConstraintException, match="CHECK"):
        rows.put(con, [decision("a", outcome=outcome, direction=direction)])
    assert rows.since(con, NOON).rows == []


def test_written_twice_is_written_once(con: Connection) -> None:
    text = Text(signal_id="a", ts=NOON, request_hash="h", messages=[], answer="x", capability="plain")
    for _ in range(2):
        rows.put(con, [decision("a"), decision("b")])
        rows.put_texts(con, [text])
    assert len(rows.since(con, NOON).rows) == 2
    assert con.execute("SELECT count(*) FROM llm_texts").fetchall() == [(1,)]


def test_the_cost_is_what_the_ledger_says(con: Connection) -> None:
    prices.load(con, [price()])
    for n, booked in enumerate((True, True, False)):
        made = plan(f"c{n}", signal_id="a", attempt=n + 1)
        hold = ledger.reserve(con, made, default_usd_per_day=DAY_USD)
        if booked:
            ledger.settle(con, outcome(made), now=NOON, hold=hold)
    rows.put(con, [decision("a"), decision("b")])
    costs = con.execute("SELECT signal_id, cost_usd FROM signals ORDER BY ALL").fetchall()
    assert costs == [("a", 2 * Decimal("0.00075") + Decimal("0.001")), ("b", Decimal(0))]


def test_the_mid_at_arrival_needs_the_same_unbroken_book(con: Connection) -> None:
    market = Stored(con)
    market.quiet_book()

    def mid(**rest: Any) -> float | None:
        since, now = at(-120), at(0.5)
        return rows.mid_at_arrival(
            con, VENUE, SYMBOL, **{"epoch": EPOCH, "since": since, "at": now, **rest}
        )

    assert mid() == 100.5
    market.top(0.2, 40, 101, 1, 103, 1)
    assert mid() == 102.0
    assert mid(at=at(0.1)) == 100.5
    assert mid(epoch=EPOCH + 1) is None
    assert mid(since=at(-130)) is None
    con.execute("UPDATE coverage SET ended_by = 'gap'")
    assert mid() is None


def test_a_record_counts_calls_whose_horizon_has_passed(con: Connection) -> None:
    def call(minute: int, mid: float, direction: str) -> Decision:
        ts = NOON + dt.timedelta(minutes=minute)
        return decision(
            f"s{minute}", ts=ts, kind="baseline", provider="baseline", model_requested="ofi",
            outcome="ok", direction=direction, horizon_s=60, mid_at_snapshot=mid,
        )  # fmt: skip

    calls = [
        call(0, 100, "bullish"),
        call(1, 101, "bullish"),
        call(2, 100, "neutral"),
        call(3, 99, "bullish"),
    ]
    rows.put(con, calls)
    later = NOON + dt.timedelta(minutes=3, seconds=30)
    # 0 came true, 1 did not, 2 said nothing, 3 is not due yet.
    assert rows.records(con, VENUE, at=later) == {(SYMBOL, "ofi"): Record(1, 2)}
    assert rows.records(con, VENUE, at=NOON + dt.timedelta(minutes=1)) == {(SYMBOL, "ofi"): Record(1, 1)}
    assert rows.records(con, VENUE, at=NOON) == {}


@pytest.mark.parametrize(
    ("record", "confidence"), [(Record(), 0.5), (Record(3, 3), 0.8), (Record(0, 2), 0.25)]
)
def test_a_rule_is_as_sure_as_its_record(record: Record, confidence: float) -> None:
    assert record.confidence == confidence


def test_the_latest_of_each_model_is_shown(con: Connection) -> None:
    old = [decision(f"o{n}", model_requested=m, ts=NOON) for n, m in enumerate("ab")]
    new = [replace(old[0], signal_id="n", ts=NOON + dt.timedelta(seconds=1))]
    other = [decision("r", kind="rescore", ts=NOON + dt.timedelta(seconds=9))]
    base = [decision("x", kind="baseline", provider="baseline", model_requested="ofi")]
    rows.put(con, [*old, *new, *other, *base])
    told = con.execute("SELECT kind, model, signal_id FROM latest_signals").fetchall()
    assert told == [("llm", "p/a", "n"), ("llm", "p/b", "o1"), ("baseline", "baseline/ofi", "x")]
