"""The tables of scores; part of the schema that `storage.schema.tables` declares."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from leadline.storage.schema.columns import DOUBLES, col, market, metadata, opt

labels = sa.Table(
    "labels",
    metadata,
    *market(),
    col("ts_start", sa.DateTime, "when the window opens, our clock, UTC: a decision was there to act on"),
    col("horizon_s", sa.BigInteger, "how long the window is, seconds"),
    col("status", sa.String, "ok, or why there is no return: gap, not covered, no best price and so on"),
    opt("mid_start", sa.Double, "mid of the best prices in force as it opens, in quote units"),
    opt("mid_end", sa.Double, "mid of the best prices in force as it closes, in quote units"),
    opt("return_bps", sa.Double, "simple return of the mid over the window, basis points"),
    opt("half_spread_start_bps", sa.Double, "half the spread as it opens, over mid_start, basis points"),
    opt("half_spread_end_bps", sa.Double, "half the spread as it closes, over mid_end, basis points"),
    opt("start_id", sa.BigInteger, "update id of the best prices as it opens"),
    opt("end_id", sa.BigInteger, "update id of the best prices as it closes"),
    comment="one row per window that followed a decision, once it has closed",
)

_WHO = (
    ("kind", "llm, challenger or baseline"),
    ("lineage", "provider/model that decided; of a baseline baseline/rule"),
    ("prompt", "version of the prompt and its hash; empty for baselines"),
)


def _judged() -> tuple[sa.Column[Any], ...]:
    return (
        opt("p", sa.Double, "probability of such an edge or a larger one if there were none, two-sided"),
        opt("p_adjusted", sa.Double, "the same, allowing for the number of cells of the family"),
        col("family", sa.String, "cells adjusted together: headline, models (Holm), cells, pairs (FDR)"),
        col("verdict", sa.String, "in words; no evidence where p_adjusted is 0.05 or more"),
    )


def _terms() -> tuple[sa.Column[float], ...]:
    return (
        col("fee_bps", sa.Double, "fee of one side assumed, basis points"),
        col("notional_usd", sa.Double, "USD traded per call assumed, over which its tokens are spread"),
    )


def _who(prefix: str = "") -> tuple[sa.Column[str], ...]:
    return tuple(col(prefix + name, sa.String, comment) for name, comment in _WHO)


def _edge(name: str, what: str) -> tuple[sa.Column[float], ...]:
    return (
        col(f"{name}_bps", sa.Double, f"{what}, basis points a call"),
        opt(f"{name}_low_bps", sa.Double, "lower end of its 95 % interval"),
        opt(f"{name}_high_bps", sa.Double, "upper end of its 95 % interval"),
    )


signal_scores = sa.Table(
    "signal_scores",
    metadata,
    col("ts", sa.DateTime, "when scored, UTC; one set a day is kept"),
    col("venue", sa.String, "for example binance-spot"),
    *_who(),
    col("symbol", sa.String, "one symbol; * for all of them"),
    col("regime", sa.String, "a third of volatility or spread, by symbol; * for all"),
    col("horizon_s", sa.BigInteger, "length of the window after a decision, seconds"),
    col("since", sa.DateTime, "decisions from this moment on, UTC"),
    col("n", sa.BigInteger, "decisions scored, neutral ones included"),
    col("calls", sa.BigInteger, "of them up or down"),
    col("hits", sa.BigInteger, "of these the ones the mid followed"),
    col("flat", sa.BigInteger, "of these the ones after which the mid stood where it was: left out"),
    opt("hit_rate", sa.Double, "hits / (calls - flat), 0 to 1"),
    opt("hit_low", sa.Double, "lower end of Wilson's interval, on as many draws as the overlap leaves"),
    opt("hit_high", sa.Double, "upper end of Wilson's interval"),
    opt("brier", sa.Double, "Brier's score of the stated confidence, 0 best; 0.25 for always 0.5"),
    opt("log_loss", sa.Double, "log loss of the stated confidence, nats; 0.693 for always 0.5"),
    opt("ic", sa.Double, "Spearman's correlation of signed confidence and return, -1 to 1"),
    opt("ic_low", sa.Double, "lower end of its 95 % interval"),
    opt("ic_high", sa.Double, "upper end of its 95 % interval"),
    *_edge("gross", "direction times return, before costs"),
    *_edge("net", "after both half-spreads, two fees and tokens"),
    opt("detectable_bps", sa.Double, "true gross edge that would have been found four times in five"),
    col("df", sa.BigInteger, "degrees of freedom of the intervals; below 4 there are none"),
    *_judged(),
    col("cost_usd", sa.Double, "what its tokens cost, those of calls without a direction included"),
    *(
        opt(name, sa.BigInteger, f"{comment}; NULL where regime is not *")
        for name, comment in (
            ("abstained", "decisions not to decide: coverage, not errors"),
            ("invalid", "answers that could not be read"),
            ("refused", "refused for their book, a budget or a limit"),
            ("errors", "the provider failed"),
            ("dropped", "directions whose window has no return, such as for a gap"),
            ("waiting", "directions whose window has not closed, or is not stored to its end"),
        )
    ),
    *_terms(),
    col("bin_low", DOUBLES, "reliability: lower ends of bins of 0.1 of confidence that hold calls"),
    col("bin_n", DOUBLES, "reliability: calls in the bin"),
    col("bin_confidence", DOUBLES, "reliability: their mean confidence"),
    col("bin_came_true", DOUBLES, "reliability: share of them that came true"),
    comment="what decisions were worth, by model, prompt, symbol, regime and horizon",
)

signal_pairs = sa.Table(
    "signal_pairs",
    metadata,
    col("ts", sa.DateTime, "when scored, UTC; one set a day is kept"),
    col("venue", sa.String, "for example binance-spot"),
    *_who(),
    *_who("other_"),
    col("horizon_s", sa.BigInteger, "length of the window after a decision, seconds"),
    col("since", sa.DateTime, "decisions from this moment on, UTC"),
    col("pairs", sa.BigInteger, "instants at which both decided on a symbol"),
    *_edge("net", "the one minus the other, after all costs"),
    *_edge("gross", "the one minus the other, before costs"),
    opt("detectable_bps", sa.Double, "true difference that would have been found four times in five"),
    col("df", sa.BigInteger, "degrees of freedom of the intervals; below 4 there are none"),
    *_judged(),
    *_terms(),
    comment="one against another at the same instants",
)
