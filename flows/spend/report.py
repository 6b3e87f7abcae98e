"""
The spend as people read it: budgets, tables, forecast, warnings.

`look` asks the store; the rest is words. Each `SpendWarning` is also sent once, as an event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from leadline.flows.config.settings import Settings
from leadline.flows.render.charts import gauge
from leadline.flows.render.tables import json_of, plain, table_lines
from leadline.storage.access.sql import Answer, Runs
from leadline.storage.spend import ledger, reports

# A provider that rounds its costs differs by less than this per call.
ROUNDING_USD = Decimal("0.000001")
IN_USE = dt.timedelta(days=30)

BUDGET_NEARLY_SPENT = "leadline.budget.nearly-spent"
BUDGET_SPENT = "leadline.budget.spent"
# Of a budget, each sent once per window. With so little left there is seldom room for a call's worst case.
SHARES = ((Decimal("0.8"), BUDGET_NEARLY_SPENT), (Decimal("0.95"), BUDGET_SPENT))
COST_DRIFT = "leadline.cost.drift"
COST_OVERRUN = "leadline.cost.overrun"
MODEL_SHUTDOWN = "leadline.model.shutdown"


@dataclass(frozen=True, slots=True)
class SpendWarning:
    """Something a person should know: ``kind`` is the event, ``subject`` identifies it."""

    kind: str
    subject: str
    said: str
    resource: str  # what it is about, for automations
    payload: dict[str, str]


@dataclass(frozen=True, slots=True)
class Spending:
    """All of it at one moment, UTC."""

    now: dt.datetime
    hours: float
    budgets: Answer
    by_model: Answer
    by_hour: Answer
    by_flow: Answer
    by_symbol: Answer
    per_1000: Answer
    forecast: reports.Forecast
    warnings: tuple[SpendWarning, ...]

    @property
    def cost_usd(self) -> Decimal:
        """What the hours shown cost."""
        return sum((row["cost_usd"] for row in self.by_model.dicts()), Decimal(0))

    @property
    def calls(self) -> int:
        """How many attempts the hours shown had."""
        return sum(row["calls"] for row in self.by_model.dicts())


def look(con: Runs, settings: Settings, *, now: dt.datetime, hours: float = 24.0) -> Spending:
    """Ask the store for everything; a reading connection is enough."""
    since = now - dt.timedelta(hours=hours)
    budgets = ledger.budgets(con, now=now, default_usd_per_day=settings.llm_budget_usd_per_day)
    return Spending(
        now=now,
        hours=hours,
        budgets=budgets,
        by_model=reports.spent_by(con, "model", since=since),
        by_hour=reports.spent_by(con, "hour", since=since),
        by_flow=reports.spent_by(con, "flow", since=since),
        by_symbol=reports.spent_by(con, "symbol", since=since),
        per_1000=reports.per_1000_signals(con, since=since),
        forecast=reports.forecast(con, now=now),
        warnings=(
            *_spent(budgets),
            *_drifted(reports.drift(con, since=now - dt.timedelta(days=1)), settings, now),
            *_overrun(reports.overruns(con, since=since), now),
            *_ending(reports.shutdowns(con, since=now - IN_USE, now=now), settings, now),
        ),
    )


def used_share(row: dict[str, Any]) -> Decimal | None:
    """Return the share of a budget that is spent or held, from 0; None for an unreadable budget."""
    if row["spent_usd"] is None:
        return None
    used = Decimal(row["spent_usd"] + row["held_usd"])
    return used / row["limit_usd"] if row["limit_usd"] > 0 else Decimal(1)


def usd(amount: Decimal) -> str:
    """Write money plainly, to the micro-dollar."""
    return plain(round(amount, 6))


def as_json(found: Spending) -> dict[str, Any]:
    """Return everything for a program; money as text, exact."""
    tables = ("budgets", "by_model", "by_hour", "by_flow", "by_symbol", "per_1000")
    shown: dict[str, Any] = {
        name: [json_of(row) for row in getattr(found, name).dicts()] for name in tables
    }
    outlook = {name: json_of(value) for name, value in asdict(found.forecast).items()}
    return {
        "at": json_of(found.now),
        "hours": found.hours,
        "calls": found.calls,
        "cost_usd": plain(found.cost_usd),
        **shown,
        "forecast": {**outlook, "method": reports.METHOD},
        "worries": [asdict(warning) for warning in found.warnings],
    }


def lines(found: Spending) -> Iterator[str]:
    """Yield it for a terminal."""
    yield f"{found.calls} calls, {usd(found.cost_usd)} USD in {found.hours:g} hours"
    yield from ("", *table_lines(BUDGET_HEAD, budget_rows(found)))
    for name, answer in tables(found):
        if answer.rows:
            yield from ("", f"by {name}", *table_lines(answer.columns, answer.rows))
    yield from ("", *outlook(found))
    for warning in found.warnings:
        yield f"! {warning.said}"


BUDGET_HEAD = ("budget", "window", "limit_usd", "spent_usd", "held_usd", "left_usd", "calls", "used")


def budget_rows(found: Spending) -> list[tuple[Any, ...]]:
    """Return a row for each budget, with a bar; an unreadable one says so."""
    rows = []
    for row in found.budgets.dicts():
        share = used_share(row)
        shown = "not understood: blocks every call"
        if share is not None:
            shown = f"{gauge(float(share))} {share:.0%}"
        money = [row[name] for name in ("limit_usd", "spent_usd", "held_usd", "left_usd")]
        rows.append((row["scope"], row["window"], *money, row["calls"], shown))
    return rows


def outlook(found: Spending) -> list[str]:
    """Return the forecast in words, with its method."""
    seen = found.forecast
    return [
        f"today {usd(seen.day_usd)} USD, {usd(seen.day_end_usd)} by its end; "
        f"this month {usd(seen.month_usd)}, {usd(seen.month_end_usd)} by its end, "
        f"at {usd(seen.pace_usd_per_hour)} USD an hour",
        f"(forecast: {reports.METHOD}; UTC)",
    ]


def tables(found: Spending) -> list[tuple[str, Answer]]:
    """Return every table with what it is grouped by."""
    return [
        ("model", found.by_model),
        ("hour", found.by_hour),
        ("flow", found.by_flow),
        ("symbol", found.by_symbol),
        ("model: what 1,000 signals cost", found.per_1000),
    ]


def _spent(budgets: Answer) -> Iterator[SpendWarning]:
    for row in budgets.dicts():
        share = used_share(row)
        name = f"{row['scope']} per {row['window']}"
        about = f"leadline.budget.{row['scope']}.{row['window']}"
        if share is None:
            said = f"budget {name} is not understood and blocks every call; correct the table budgets"
            yield SpendWarning(BUDGET_SPENT, f"{name} not understood", said, about, {"scope": row["scope"]})
            continue
        passed = [(mark, kind) for mark, kind in SHARES if share >= mark and row["limit_usd"] > 0]
        for mark, kind in passed[-1:]:
            said = f"budget {name}: {share:.0%} of {usd(row['limit_usd'])} USD spent or held"
            payload = {
                "scope": row["scope"],
                "window": row["window"],
                "starts_at": f"{row['starts_at']}",
                **{key: plain(row[key]) for key in ("limit_usd", "spent_usd", "held_usd", "left_usd")},
            }
            yield SpendWarning(kind, f"{name} {row['starts_at']} {mark:.0%}", said, about, payload)


def _drifted(found: Answer, settings: Settings, now: dt.datetime) -> Iterator[SpendWarning]:
    for row in found.dicts():
        off, most = abs(row["drift_usd"]), ROUNDING_USD * row["calls"]
        if off > most and off * 100 > row["ours_usd"] * Decimal(str(settings.llm_cost_drift_pct)):
            model = f"{row['provider']}/{row['model']}"
            said = (
                f"{model} reports {usd(row['theirs_usd'])} USD for {row['calls']} calls of the last day, "
                f"our prices say {usd(row['ours_usd'])}; leadline prices shows them"
            )
            payload = {key: plain(row[key]) for key in ("ours_usd", "theirs_usd", "drift_usd")}
            yield SpendWarning(
                COST_DRIFT, f"{model} {now:%Y-%m-%d}", said, f"leadline.model.{model}", payload
            )


def _overrun(found: Answer, now: dt.datetime) -> Iterator[SpendWarning]:
    for row in found.dicts():
        model = f"{row['provider']}/{row['model']}"
        said = (
            f"{row['calls']} calls of {model} cost more than was held for them, by up to "
            f"{usd(row['most_usd'])} USD: its count of tokens is above our bound"
        )
        payload = {"calls": str(row["calls"]), "most_usd": plain(row["most_usd"])}
        yield SpendWarning(
            COST_OVERRUN, f"{model} {now:%Y-%m-%d}", said, f"leadline.model.{model}", payload
        )


def _ending(found: Answer, settings: Settings, now: dt.datetime) -> Iterator[SpendWarning]:
    for row in found.dicts():
        days = days_left(row["shutdown_at"], now)
        if days <= settings.llm_shutdown_warn_days:
            model = f"{row['provider']}/{row['model']}"
            payload = {"shutdown_at": f"{row['shutdown_at']}", "days_left": str(days)}
            said = ends_in(model, row["shutdown_at"], now)
            yield SpendWarning(MODEL_SHUTDOWN, f"{model} {days}", said, f"leadline.model.{model}", payload)


def days_left(shutdown_at: dt.datetime, now: dt.datetime) -> int:
    """Count whole days until a model is switched off; negative afterwards."""
    return (shutdown_at.replace(tzinfo=dt.UTC) - now).days


def ends_in(model: str, shutdown_at: dt.datetime, now: dt.datetime) -> str:
    """Say when a model is switched off."""
    days = days_left(shutdown_at, now)
    when = f"{shutdown_at:%Y-%m-%d}"
    if days < 0:
        return f"{model} was switched off on {when}; ask another model"
    return f"{model} is switched off on {when}, in {days} days; choose its successor"
