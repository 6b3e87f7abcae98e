"""Holding and settling, in transcripts; in process and through an owner elsewhere alike."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as Usd
from typing import Any

import pytest

from leadline.storage.access.connect import Connection
from leadline.storage.errors import BudgetRefused, PriceUnknown, StoreError
from leadline.storage.spend import ledger, prices
from leadline.storage.spend.calls import Plan, Usage
from tests.storage.spend.plans import CALL_LASTS, DAY_USD, NOON, outcome, plan, price

LATER = NOON + dt.timedelta(seconds=1)


def reserve(con: Connection, one: Plan) -> ledger.Hold:
    return ledger.reserve(con, one, default_usd_per_day=DAY_USD)


def settle(con: Connection, of: Plan, **rest: Any) -> ledger.Cost:
    return ledger.settle(con, outcome(of, **rest), now=LATER)


def budget(con: Connection, scope: str, usd: str, window: str = "day") -> None:
    con.execute(
        "INSERT INTO budgets VALUES ($s, $w, CAST($usd AS DECIMAL(18, 6)), now()::TIMESTAMP)",
        {"s": scope, "w": window, "usd": Usd(usd)},
    )


def row(con: Connection, call_id: str = "a") -> dict[str, Any]:
    con.execute("SELECT * FROM llm_calls WHERE call_id = $id", {"id": call_id})
    names = [column[0] for column in con.description or ()]
    return dict(zip(names, con.fetchone() or (), strict=True))


def left(con: Connection, scope: str = "all", window: str = "day") -> Usd:
    found = ledger.budgets(con, now=NOON, default_usd_per_day=DAY_USD).dicts()
    (usd,) = [one["left_usd"] for one in found if (one["scope"], one["window"]) == (scope, window)]
    assert isinstance(usd, Usd)
    return usd


def test_a_hold_is_there_before_the_call_and_its_cost_after_it(con: Connection) -> None:
    one = plan("a", signal_id="s1", attempt=2, purpose="repair")
    assert reserve(con, one).seq == 1
    assert left(con) == Usd("0.999")
    held = row(con)
    assert (held["state"], held["held_usd"], held["cost_usd"]) == ("open", Usd("0.001"), None)
    assert (held["signal_id"], held["attempt"], held["purpose"]) == ("s1", 2, "repair")
    told = Usage(
        prompt_tokens=700, cached_tokens=64, completion_tokens=50, reasoning_tokens=20,
        provider_cost_usd=Usd("0.0008"),
    )  # fmt: skip
    assert settle(con, one, usage=told) == ledger.Cost(Usd("0.00075"), "price:acme/flat-1@2026-01-01")
    booked = row(con)
    assert {name: booked[name] for name in ("state", "cost_usd", "provider_cost_usd", "usage_source")} == {
        "state": "settled", "cost_usd": Usd("0.00075"), "provider_cost_usd": Usd("0.0008"),
        "usage_source": "reported",
    }  # fmt: skip
    assert [booked[f"{kind}_tokens"] for kind in ("prompt", "cached", "completion", "reasoning")] == [
        700, 64, 50, 20,
    ]  # fmt: skip
    assert (booked["ts"], booked["settled_at"]) == (NOON.replace(tzinfo=None), LATER.replace(tzinfo=None))
    assert left(con) == Usd("0.99925")


NOTHING_TOLD = {"usage": None, "model_served": None}


@pytest.mark.parametrize(
    ("came", "usd", "source"),
    [
        pytest.param({"status": None, "was_sent": False, **NOTHING_TOLD}, "0", "not_sent", id="not-sent"),
        pytest.param({"status": 429, "error": "429", **NOTHING_TOLD}, "0", "refused", id="rate-limited"),
        pytest.param({"status": 401, "error": "401", **NOTHING_TOLD}, "0", "refused", id="no-key"),
        pytest.param({"status": 503, "error": "503", **NOTHING_TOLD}, "0", "refused", id="too-busy"),
        pytest.param({"status": 307, "error": "307", **NOTHING_TOLD}, "0", "refused", id="moved"),
        pytest.param({"status": 303, "error": "303", **NOTHING_TOLD}, "0.001", "hold", id="see-other"),
        pytest.param({"status": 500, "error": "500", **NOTHING_TOLD}, "0.001", "hold", id="broke-down"),
        pytest.param({"status": 408, "error": "408", **NOTHING_TOLD}, "0.001", "hold", id="its-time-out"),
        pytest.param({"status": None, "error": "time-out", **NOTHING_TOLD}, "0.001", "hold", id="time-out"),
        pytest.param({"status": 200, "error": "no JSON", **NOTHING_TOLD}, "0.001", "hold", id="cut-off"),
        pytest.param(
            {"usage": Usage(prompt_tokens=800, completion_tokens=10, source="estimated")},
            "0.00081", "price:acme/flat-1@2026-01-01", id="estimated",
        ),
        pytest.param({"model_served": "flat-1-2026-02-03"}, "0.00075", "price:acme/flat-1@2026-01-01",
                     id="release-of-the-same"),
        pytest.param({"model_served": "dear-2"}, "0.0075", "price:acme/dear-2@2026-01-01", id="another"),
        pytest.param({"model_served": "news-3"}, None, "unknown_price:acme/news-3", id="another-unknown"),
    ],
)  # fmt: skip
def test_what_an_outcome_costs(con: Connection, came: dict[str, Any], usd: str | None, source: str) -> None:
    prices.load(con, [price(model="dear-2", input=Usd(10), output=Usd(10))])
    one = plan("a")
    reserve(con, one)
    settle(con, one, **came)
    booked = row(con)
    assert booked["cost_usd"] == (None if usd is None else Usd(usd))
    assert booked["cost_source"] == source
    # What is not known is not free: the hold stays spent.
    assert left(con) == DAY_USD - Usd("0.001" if usd is None else usd)


def test_an_orphan_is_spent_with_no_job_to_say_so(con: Connection) -> None:
    reserve(con, plan("a"))
    assert left(con) == Usd("0.999")
    assert ledger.expire(con, now=NOON + CALL_LASTS) == 0  # not yet
    assert ledger.expire(con, now=NOON + 2 * CALL_LASTS) == 1
    assert left(con) == Usd("0.999")
    assert (row(con)["state"], row(con)["cost_usd"], row(con)["cost_source"]) == (
        "expired",
        Usd("0.001"),
        "hold",
    )
    assert ledger.expire(con, now=NOON + 2 * CALL_LASTS) == 0


def test_an_outcome_later_than_that_still_counts_and_once(con: Connection) -> None:
    one = plan("a")
    reserve(con, one)
    ledger.expire(con, now=NOON + 2 * CALL_LASTS)
    settle(con, one)
    assert (row(con)["state"], row(con)["cost_usd"]) == ("settled", Usd("0.00075"))
    settle(con, one, usage=None, status=500)
    assert row(con)["cost_usd"] == Usd("0.00075")


def test_the_same_call_is_held_once(con: Connection) -> None:
    assert reserve(con, plan("a")) == reserve(con, plan("a"))
    assert left(con) == Usd("0.999")


def test_an_outcome_nobody_reserved_is_a_mistake(con: Connection) -> None:
    with pytest.raises(StoreError, match="without a reservation"):
        settle(con, plan("a"))


def test_no_price_no_call(con: Connection) -> None:
    with pytest.raises(PriceUnknown, match="acme/other at 2026-05-28 12:00 UTC: none is known"):
        reserve(con, plan("a", model="other"))
    con.execute("UPDATE prices SET valid_to = TIMESTAMP '2026-05-28 12:00:00'")
    with pytest.raises(PriceUnknown, match="ended 2026-05-28"):
        reserve(con, plan("a"))
    con.execute("UPDATE prices SET valid_to = NULL, input = -1")
    with pytest.raises(PriceUnknown, match=r"input = -1\.000000"):
        reserve(con, plan("a"))
    assert con.execute("SELECT count(*) FROM llm_calls").fetchone() == (0,)


@pytest.mark.parametrize(
    "scope",
    ["all", "provider:acme", "model:acme/flat-1", "flow:analyze-signals", "symbol:BTCUSDT"],
)
@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_every_scope_and_window(con: Connection, scope: str, window: str) -> None:
    budget(con, scope, "0.0025", window)
    reserve(con, plan("a"))
    reserve(con, plan("b"))
    with pytest.raises(BudgetRefused) as refused:
        reserve(con, plan("c"))
    assert (refused.value.scope, refused.value.window) == (scope, window)
    assert (refused.value.limit_usd, refused.value.used_usd) == (Usd("0.0025"), Usd("0.002"))
    assert refused.value.needed_usd == Usd("0.001")
    ends = {"hour": "2026-05-28 13:00:00", "day": "2026-05-29 00:00:00", "month": "2026-06-01 00:00:00"}
    assert f"wait until {ends[window]} UTC" in str(refused.value)
    assert left(con, scope, window) == Usd("0.0005")
    # The next window is a new one, and what is not covered is not held back.
    reserve(con, plan("d", ts=ledger.window_end(window, NOON).replace(tzinfo=dt.UTC)))
    if scope != "all":
        prices.load(con, [price("other", "flat-1")])
        reserve(con, plan("e", provider="other", flow="rescore", symbol="ETHUSDT"))


def test_room_down_to_the_last_picodollar(con: Connection) -> None:
    budget(con, "all", "0.002")
    reserve(con, plan("a"))
    reserve(con, plan("b"))
    assert left(con) == 0
    tiny = price(model="tiny", input=Usd("0.000001"), output=Usd(0))
    prices.load(con, [tiny])
    with pytest.raises(BudgetRefused):
        reserve(con, plan("c", model="tiny", prompt_tokens_max=1))


def test_what_costs_nothing_needs_no_budget(con: Connection) -> None:
    budget(con, "all", "0")
    prices.load(con, [price("local", "*", input=Usd(0), output=Usd(0))])
    one = plan("a", provider="local", model="any.gguf")
    reserve(con, one)
    settle(con, one, model_served="/weights/any.gguf")
    assert (row(con)["cost_usd"], row(con)["cost_source"]) == (0, "price:local/*@2026-01-01")
    with pytest.raises(BudgetRefused):
        reserve(con, plan("b"))


def test_the_default_holds_until_a_budget_for_all_takes_its_place(con: Connection) -> None:
    with pytest.raises(BudgetRefused, match="of 1 USD"):
        reserve(con, plan("a", prompt_tokens_max=1_000_000))
    budget(con, "all", "5")
    reserve(con, plan("a", prompt_tokens_max=1_000_000))
    assert left(con) == Usd("3.9998")


@pytest.mark.parametrize(
    ("scope", "window"),
    [("modle:acme/flat-1", "day"), ("all", "fortnight"), ("model:", "day"), ("ALL", "day")],
)
def test_a_budget_nobody_understands_lets_nothing_through(con: Connection, scope: str, window: str) -> None:
    budget(con, scope, "100", window)
    with pytest.raises(BudgetRefused, match="is not understood"):
        reserve(con, plan("a"))


def test_a_refused_call_leaves_nothing_behind(con: Connection) -> None:
    budget(con, "all", "0.5")
    budget(con, "symbol:BTCUSDT", "0.0001")
    with pytest.raises(BudgetRefused, match="'symbol:BTCUSDT' per day"):
        reserve(con, plan("a"))
    assert (left(con), con.execute("SELECT count(*) FROM llm_calls").fetchone()) == (Usd("0.5"), (0,))
