"""The sections about signals and what they cost; one that has nothing says what would fill it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from leadline.book.analytics.baselines import BASELINES
from leadline.book.scores.scoring import NO_EVIDENCE, TOO_FEW
from leadline.flows.dash.data import Look
from leadline.flows.dash.skin import empty, section
from leadline.flows.render.draw import AMBER, BLUE, GREEN, GREY
from leadline.flows.render.elements import Child, Html, code, table, tag
from leadline.flows.render.svg import Interval, intervals
from leadline.flows.render.tables import plain, text_of
from leadline.flows.scores import report as scoring
from leadline.flows.spend import report as spending

SCORES_SHOWN = 24
SIGNALS_SHOWN = 40
ARROWS = {"bullish": "▲ bullish", "bearish": "▼ bearish", "neutral": "■ neutral"}


def signals(found: Look) -> Html:
    """Show what signals were worth, the headline first, then the newest of each model."""
    parts: list[Child] = [tag("p", line, class_="headline") for line in _headlines(found)]
    parts += _forest(found)
    whole = scoring.whole(found.scores)
    if whole:
        rows = scoring.table_rows(whole)[:SCORES_SHOWN]
        shown = table(scoring.HEAD, rows, numbers=(2, 3, 5))
        notes = [tag("p", note, class_="muted") for note in scoring.notes(found.scores)]
        parts += [shown, tag("details", tag("summary", "by what rules"), notes, id="rules")]
    parts += _latest(found)
    return section("signals", "Signals, and what they were worth", *parts)


def _headlines(found: Look) -> list[str]:
    rows = found.scores.headline.dicts()
    if rows and not any(row["is_headline"] for row in rows):
        return ["LLM minus OFI: nothing yet at the horizon that was asked for; what there is at others:"]
    return scoring.headlines(found.scores)


def _forest(found: Look) -> Iterator[Html]:
    rows = found.scores.headline.dicts()
    if not rows:
        return
    drawn = [
        Interval(
            f"{row['lineage']} at {row['horizon_s']} s",
            row["net_bps"],
            row["net_low_bps"],
            row["net_high_bps"],
            words=f"{row['verdict']}, {row['pairs']} pairs",
            colour=_colour(row),
        )
        for row in rows[:SCORES_SHOWN]
    ]
    yield intervals(drawn, title="LLM minus OFI by horizon", unit="bps a call, net of all costs")


def _colour(row: dict[str, Any]) -> str:
    if row["verdict"] in {TOO_FEW, NO_EVIDENCE}:
        return GREY if row["verdict"] == TOO_FEW else BLUE
    return GREEN if row["net_bps"] > 0 else AMBER


def _latest(found: Look) -> Iterator[Html]:
    rows = found.latest.dicts()
    if not rows:
        yield empty(
            "No decision in this time. ", code("analyze-signals"), " makes them under ",
            code("leadline up"), "; with no key the embedded model answers, or the baselines alone.",
        )  # fmt: skip
        return
    before, after = ("when", "symbol", "model", "said", "confidence"), ("ms", "USD", "why")
    head = (*before, *(rule.title for rule in BASELINES.values()), *after)
    shown = [
        [
            f"{row['ts']:%H:%M:%S}", tag("b", row["symbol"]),
            tag("span", row["model"] or "baselines alone", class_="word"), _said(row),
            "" if row["confidence"] is None else f"{row['confidence']:.2f}",
            *(_word(row[name]) for name in BASELINES),
            "" if row["latency_ms"] is None else f"{row['latency_ms']:,.0f}",
            "" if row["cost_usd"] is None else plain(row["cost_usd"]),
            tag("span", (row["why"] or "")[:160], class_="muted"),
        ]
        for row in rows[:SIGNALS_SHOWN]
    ]  # fmt: skip
    yield tag("h3", "The newest of each model, beside the baselines")
    yield table(head, shown, numbers=[head.index(name) for name in ("confidence", "ms", "USD")])
    refused = found.not_ok.dicts()
    if refused:
        counted = [
            [row["symbol"], row["model"], row["outcome"], row["signals"], row["reason"] or ""]
            for row in refused[:SIGNALS_SHOWN]
        ]
        names = ("symbol", "model", "outcome", "times", "newest reason")
        total = sum(row["signals"] for row in refused)
        yield tag("details", tag("summary", f"{total} times no direction, and why"),
                  table(names, counted, numbers=(3,)), id="refused")  # fmt: skip


def _said(row: dict[str, Any]) -> Child:
    if row["direction"] is None:
        return tag("span", row["outcome"] or "", class_="muted")
    late = tag("div", "overtaken", class_="muted") if row["is_overtaken"] else None
    return [_word(row["direction"]), late]


def _word(said: str | None) -> Html:
    return tag("span", ARROWS.get(said or "", said or ""), class_="word")


def spend(found: Look) -> Html:
    """Show budgets, what was spent by model, and where it goes."""
    seen = found.spend
    parts: list[Child] = [tag("p", f"! {warning.said}", class_="warn") for warning in seen.warnings]
    if seen.budgets.rows:
        parts.append(table(spending.BUDGET_HEAD, [_budget_row(row) for row in seen.budgets.dicts()],
                           numbers=range(2, 7)))  # fmt: skip
    if not seen.by_model.rows:
        parts.append(
            empty("No call to a model in these hours; each is a row of ", code("llm_calls"), " when sent.")
        )
        return section("spend", "Spend", *parts)
    columns = seen.by_model.columns
    numbers = [n for n, name in enumerate(columns) if name not in {"provider", "model"}]
    parts.append(table(columns, [list(map(_money, row)) for row in seen.by_model.rows], numbers=numbers))
    if seen.per_1000.rows:
        told = [list(map(_money, row)) for row in seen.per_1000.rows]
        parts.append(table(seen.per_1000.columns, told, numbers=range(2, len(seen.per_1000.columns))))
    parts += [tag("p", line, class_="muted") for line in spending.outlook(seen)]
    words = f"{seen.calls:,} calls, {spending.usd(seen.cost_usd)} USD in the last {seen.hours:g} hours."
    return section("spend", "Spend", *parts, words=words)


def _budget_row(row: dict[str, Any]) -> list[Child]:
    share = spending.used_share(row)
    money = [row[name] for name in ("limit_usd", "spent_usd", "held_usd", "left_usd")]
    shown: Child = "not understood: blocks every call"
    if share is not None:
        width = float(min(max(share, Decimal(0)), Decimal(1)) * 100)
        shown = [tag("span", tag("i", style=f"width:{width:.1f}%"), class_="meter"), f"{share:.0%}"]
    return [row["scope"], row["window"], *map(_money, money), row["calls"], shown]


def _money(value: Any) -> Child:
    return spending.usd(value) if isinstance(value, Decimal) else text_of(value)
