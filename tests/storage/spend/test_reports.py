"""Roll-ups, forecast and what to worry about, against sums by hand; late outcomes are in at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as Usd
from typing import Any

import pytest

from leadline.storage.access.connect import Connection
from leadline.storage.spend import ledger, prices, reports
from leadline.storage.spend.calls import Plan, Usage
from tests.storage.spend.plans import NOON, outcome, plan, price

HOUR = dt.timedelta(hours=1)
LONG_AGO = NOON - dt.timedelta(days=300)


def book(con: Connection, call_id: str, *, tokens: int | None = 1_000, **rest: Any) -> Plan:
    """One call of so many prompt tokens at a micro-dollar each; None: nobody speaks of it again."""
    one = plan(call_id, prompt_tokens_max=5_000, completion_tokens_max=0, **rest)
    ledger.reserve(con, one, default_usd_per_day=Usd(10))
    if tokens is not None:
        used = Usage(prompt_tokens=tokens, completion_tokens=0)
        ledger.settle(con, outcome(one, usage=used), now=NOON)
    return one


def sums(con: Connection, what: str, since: dt.datetime = LONG_AGO) -> list[tuple[object, ...]]:
    found = reports.spent_by(con, what, since=since)
    return [(*row[: found.columns.index("calls") + 1], row[-2]) for row in found.rows]


def test_sums_by_whatever_is_asked(con: Connection) -> None:
    book(con, "a", flow="analyze-signals", symbol="BTCUSDT", tokens=1_000)
    book(con, "b", flow="rescore", symbol="BTCUSDT", tokens=2_000, ts=NOON - HOUR)
    book(con, "c", flow="analyze-signals", symbol="ETHUSDT", tokens=500, ts=NOON - 20 * HOUR)
    assert sums(con, "model") == [("acme", "flat-1", 3, Usd("0.0035"))]
    assert sums(con, "flow") == [("rescore", 1, Usd("0.002")), ("analyze-signals", 2, Usd("0.0015"))]
    assert sums(con, "symbol") == [("BTCUSDT", 2, Usd("0.003")), ("ETHUSDT", 1, Usd("0.0005"))]
    noon = NOON.replace(tzinfo=None)
    assert sums(con, "hour") == [
        (noon, 1, Usd("0.001")), (noon - HOUR, 1, Usd("0.002")), (noon - 20 * HOUR, 1, Usd("0.0005")),
    ]  # fmt: skip
    assert sums(con, "day") == [(noon.date(), 2, Usd("0.003")), (dt.date(2026, 5, 27), 1, Usd("0.0005"))]
    assert sums(con, "flow", NOON) == [("analyze-signals", 1, Usd("0.001"))]


def test_an_orphan_is_in_the_sums_and_a_late_outcome_corrects_them(con: Connection) -> None:
    orphan = book(con, "a", tokens=None)
    assert sums(con, "hour")[0][1:] == (1, Usd("0.005"))
    ledger.expire(con, now=NOON + HOUR)
    assert sums(con, "hour")[0][1:] == (1, Usd("0.005"))
    ledger.settle(con, outcome(orphan), now=NOON + HOUR)
    assert sums(con, "hour")[0][1:] == (1, Usd("0.00075"))


def test_what_is_under_way_is_held_and_not_spent(con: Connection) -> None:
    now = dt.datetime.now(dt.UTC)
    book(con, "a", tokens=None, ts=now, expires_at=now + HOUR)
    (row,) = reports.spent_by(con, "hour", since=now - HOUR).dicts()
    assert (row["cost_usd"], row["held_usd"]) == (0, Usd("0.005"))
    held = con.execute("SELECT state, held_usd, settled_usd FROM reservations").fetchall()
    assert held == [("held", Usd("0.005"), None)]


def test_the_forecast_goes_on_at_the_pace_of_the_last_day(con: Connection) -> None:
    for number in range(24):  # a milli-dollar an hour; noon to noon
        book(con, f"c{number}", ts=NOON - number * HOUR - HOUR / 2)
    found = reports.forecast(con, now=NOON)
    # Thursday, 28 May, noon: 12 hours are left of the day, 84 of the month.
    assert found == reports.Forecast(
        day_usd=Usd("0.012"), month_usd=Usd("0.024"), pace_usd_per_hour=Usd("0.001021"),
        day_end_usd=Usd("0.024255"), month_end_usd=Usd("0.109787"),
    )  # fmt: skip


def test_a_forecast_of_nothing_and_of_the_first_minutes(con: Connection) -> None:
    nothing = reports.forecast(con, now=NOON)
    assert (nothing.day_usd, nothing.month_end_usd) == (0, 0)
    book(con, "a", ts=NOON - HOUR / 4)
    # A quarter of an hour counts as an hour, or the first call would frighten everybody.
    assert reports.forecast(con, now=NOON).pace_usd_per_hour == Usd("0.001")


def test_drift_overruns_and_shutdowns(con: Connection) -> None:
    one = plan("a", prompt_tokens_max=100, completion_tokens_max=0)
    ledger.reserve(con, one, default_usd_per_day=Usd(10))
    told = Usage(prompt_tokens=300, completion_tokens=0, provider_cost_usd=Usd("0.0004"))
    ledger.settle(con, outcome(one, usage=told), now=NOON)
    assert reports.drift(con, since=NOON).rows == [
        ("acme", "flat-1", 1, Usd("0.0003"), Usd("0.0004"), Usd("0.0001"))
    ]
    assert reports.overruns(con, since=NOON).rows == [("acme", "flat-1", 1, Usd("0.0002"))]
    assert reports.shutdowns(con, since=NOON, now=NOON).rows == []
    ends = dt.datetime(2026, 6, 15)  # noqa: DTZ001
    prices.load(con, [price(shutdown_at=ends), price(model="unused", shutdown_at=ends)])
    (row,) = reports.shutdowns(con, since=NOON, now=NOON).dicts()
    assert (row["model"], row["shutdown_at"], row["calls"]) == ("flat-1", ends, 1)


def test_a_thousand_signals_cost_all_their_attempts(con: Connection) -> None:
    con.execute("DELETE FROM signals")
    add = """INSERT INTO signals BY NAME
             SELECT $id AS signal_id, TIMESTAMP '2026-05-28' AS ts, 'v' AS venue, 'BTCUSDT' AS symbol,
                    'llm' AS kind, 'manual' AS trigger, 'acme' AS provider, 'flat-1' AS model_requested,
                    'acme/flat-1' AS lineage, FALSE AS is_switched, '1' AS prompt_version,
                    'ok' AS outcome, 'neutral' AS direction"""
    for signal in ("s1", "s2"):
        con.execute(add, {"id": signal})
    book(con, "a", signal_id="s1", tokens=1_000)
    book(con, "b", signal_id="s1", tokens=500, purpose="repair", attempt=2)
    book(con, "c", signal_id="s2", tokens=1_500)
    book(con, "d", signal_id=None, tokens=5_000)
    (row,) = reports.per_1000_signals(con, since=NOON).dicts()
    assert (row["signals"], row["usd_per_1000_signals"], row["prompt_tokens_each"]) == (
        2,
        Usd("1.5"),
        1_500,
    )
    con.execute("DELETE FROM signals")


def test_budgets_are_set_changed_and_lifted(con: Connection) -> None:
    for usd in ("1", "2.5"):
        reports.set_budget(con, "flow:rescore", "month", Usd(usd), now=NOON)
    assert con.execute('SELECT scope, "window", limit_usd FROM budgets').fetchall() == [
        ("flow:rescore", "month", Usd("2.5"))
    ]
    assert reports.drop_budget(con, "flow:rescore", "month")
    assert not reports.drop_budget(con, "flow:rescore", "month")


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_said_is_known(con: Connection, times: int) -> None:
    assert not reports.was_said(con, "kind", "it's")
    for _ in range(times):
        reports.note_said(con, "kind", "it's", now=NOON)
    assert reports.was_said(con, "kind", "it's")
    assert not reports.was_said(con, "kind", "other")
