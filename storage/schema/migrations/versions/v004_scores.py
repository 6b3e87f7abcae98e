"""Labels of closed windows, scores, comparisons; challengers among the signals."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "003"

TEXT, BIG, REAL, WHEN, REALS = sa.String, sa.BigInteger, sa.Double, sa.DateTime, sa.ARRAY(sa.Double)

KIND = """
COMMENT ON COLUMN signals.kind IS
'llm, challenger (asked in shadow), baseline, or rescore of an old question'
"""


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.execute(KIND)
    op.create_table(
        "labels",
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _set("ts_start", WHEN, "when the window opens, our clock, UTC: a decision was there to act on"),
        _set("horizon_s", BIG, "how long the window is, seconds"),
        _set("status", TEXT, "ok, or why there is no return: gap, not covered, no best price and so on"),
        _opt("mid_start", REAL, "mid of the best prices in force as it opens, in quote units"),
        _opt("mid_end", REAL, "mid of the best prices in force as it closes, in quote units"),
        _opt("return_bps", REAL, "simple return of the mid over the window, basis points"),
        _opt("half_spread_start_bps", REAL, "half the spread as it opens, over mid_start, basis points"),
        _opt("half_spread_end_bps", REAL, "half the spread as it closes, over mid_end, basis points"),
        _opt("start_id", BIG, "update id of the best prices as it opens"),
        _opt("end_id", BIG, "update id of the best prices as it closes"),
        comment="one row per window that followed a decision, once it has closed",
    )
    _scores()
    _pairs()


def _who(prefix: str = "") -> tuple[sa.Column[Any], ...]:
    return (
        _set(f"{prefix}kind", TEXT, "llm, challenger or baseline"),
        _set(f"{prefix}lineage", TEXT, "provider/model that decided; of a baseline baseline/rule"),
        _set(f"{prefix}prompt", TEXT, "version of the prompt and its hash; empty for baselines"),
    )


def _edge(name: str, what: str) -> tuple[sa.Column[Any], ...]:
    return (
        _set(f"{name}_bps", REAL, f"{what}, basis points a call"),
        _opt(f"{name}_low_bps", REAL, "lower end of its 95 % interval"),
        _opt(f"{name}_high_bps", REAL, "upper end of its 95 % interval"),
    )


def _judged() -> tuple[sa.Column[Any], ...]:
    return (
        _opt("p", REAL, "probability of such an edge or a larger one if there were none, two-sided"),
        _opt("p_adjusted", REAL, "the same, allowing for the number of cells of the family"),
        _set("family", TEXT, "cells adjusted together: headline, models (Holm), cells, pairs (FDR)"),
        _set("verdict", TEXT, "in words; no evidence where p_adjusted is 0.05 or more"),
    )


def _terms() -> tuple[sa.Column[Any], ...]:
    return (
        _set("fee_bps", REAL, "fee of one side assumed, basis points"),
        _set("notional_usd", REAL, "USD traded per call assumed, over which its tokens are spread"),
    )


def _scores() -> None:
    op.create_table(
        "signal_scores",
        _set("ts", WHEN, "when scored, UTC; one set a day is kept"),
        _set("venue", TEXT, "for example binance-spot"),
        *_who(),
        _set("symbol", TEXT, "one symbol; * for all of them"),
        _set("regime", TEXT, "a third of volatility or spread, by symbol; * for all"),
        _set("horizon_s", BIG, "length of the window after a decision, seconds"),
        _set("since", WHEN, "decisions from this moment on, UTC"),
        _set("n", BIG, "decisions scored, neutral ones included"),
        _set("calls", BIG, "of them up or down"),
        _set("hits", BIG, "of these the ones the mid followed"),
        _set("flat", BIG, "of these the ones after which the mid stood where it was: left out"),
        _opt("hit_rate", REAL, "hits / (calls - flat), 0 to 1"),
        _opt("hit_low", REAL, "lower end of Wilson's interval, on as many draws as the overlap leaves"),
        _opt("hit_high", REAL, "upper end of Wilson's interval"),
        _opt("brier", REAL, "Brier's score of the stated confidence, 0 best; 0.25 for always 0.5"),
        _opt("log_loss", REAL, "log loss of the stated confidence, nats; 0.693 for always 0.5"),
        _opt("ic", REAL, "Spearman's correlation of signed confidence and return, -1 to 1"),
        _opt("ic_low", REAL, "lower end of its 95 % interval"),
        _opt("ic_high", REAL, "upper end of its 95 % interval"),
        *_edge("gross", "direction times return, before costs"),
        *_edge("net", "after both half-spreads, two fees and tokens"),
        _opt("detectable_bps", REAL, "true gross edge that would have been found four times in five"),
        _set("df", BIG, "degrees of freedom of the intervals; below 4 there are none"),
        *_judged(),
        _set("cost_usd", REAL, "what its tokens cost, those of calls without a direction included"),
        _opt("abstained", BIG, "decisions not to decide: coverage, not errors; NULL where regime is not *"),
        _opt("invalid", BIG, "answers that could not be read; NULL where regime is not *"),
        _opt("refused", BIG, "refused for their book, a budget or a limit; NULL where regime is not *"),
        _opt("errors", BIG, "the provider failed; NULL where regime is not *"),
        _opt(
            "dropped", BIG,
            "directions whose window has no return, such as for a gap; NULL where regime is not *",
        ),
        _opt(
            "waiting", BIG,
            "directions whose window has not closed, or is not stored to its end; "
            "NULL where regime is not *",
        ),
        *_terms(),
        _set("bin_low", REALS, "reliability: lower ends of bins of 0.1 of confidence that hold calls"),
        _set("bin_n", REALS, "reliability: calls in the bin"),
        _set("bin_confidence", REALS, "reliability: their mean confidence"),
        _set("bin_came_true", REALS, "reliability: share of them that came true"),
        comment="what decisions were worth, by model, prompt, symbol, regime and horizon",
    )  # fmt: skip


def _pairs() -> None:
    op.create_table(
        "signal_pairs",
        _set("ts", WHEN, "when scored, UTC; one set a day is kept"),
        _set("venue", TEXT, "for example binance-spot"),
        *_who(),
        *_who("other_"),
        _set("horizon_s", BIG, "length of the window after a decision, seconds"),
        _set("since", WHEN, "decisions from this moment on, UTC"),
        _set("pairs", BIG, "instants at which both decided on a symbol"),
        *_edge("net", "the one minus the other, after all costs"),
        *_edge("gross", "the one minus the other, before costs"),
        _opt("detectable_bps", REAL, "true difference that would have been found four times in five"),
        _set("df", BIG, "degrees of freedom of the intervals; below 4 there are none"),
        *_judged(),
        *_terms(),
        comment="one against another at the same instants",
    )
