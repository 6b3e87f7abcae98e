"""Scores and comparisons as rows: one set a venue and day is kept, and the newest is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leadline.book.scores.scoring import ALL, Score, Terms, Versus, Who
from leadline.book.scores.statistics import Estimate
from leadline.storage.access.sql import Answer, run_sql, utc_naive
from leadline.storage.scores.reading import Counts

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection
    from leadline.storage.access.sql import Runs

# A set of an earlier day stays, so that scores can be followed over months.
_TIDY = {
    "signal_scores": """
        DELETE FROM signal_scores
        WHERE venue = $venue AND ts >= date_trunc('day', CAST($ts AS TIMESTAMP)) AND ts <= $ts
    """,
    "signal_pairs": """
        DELETE FROM signal_pairs
        WHERE venue = $venue AND ts >= date_trunc('day', CAST($ts AS TIMESTAMP)) AND ts <= $ts
    """,
}
_SCORES = """
FROM scores WHERE symbol = coalesce($symbol, symbol) OR symbol = '*'
"""
_PAIRS = "FROM llm_minus_ofi"
_CHALLENGERS = "FROM challengers"

_NUMBERS = {"horizon_s", "n", "calls", "hits", "flat", "df", "pairs"} | {
    name for name in Counts.__slots__ if name not in {"ok", "lost_usd"}
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one scoring of a venue was made of."""

    ts: dt.datetime
    venue: str
    since: dt.datetime
    terms: Terms


def put(
    con: Connection,
    run: Run,
    scores: Sequence[tuple[Score, Counts | None]],
    pairs: Sequence[Versus],
) -> None:
    """Write what one scoring found in place of what the same day found before."""
    con.begin()
    try:
        for table, rows in (
            ("signal_scores", [_score_row(run, one, beside) for one, beside in scores]),
            ("signal_pairs", [_pair_row(run, one) for one in pairs]),
        ):
            con.execute(_TIDY[table], {"venue": run.venue, "ts": utc_naive(run.ts)})
            if rows:
                con.append(table, _table(rows))
        con.commit()
    except BaseException:
        con.rollback()
        raise


def scores(con: Runs, *, symbol: str | None = None) -> Answer:
    """List the scores as computed last; with ``symbol`` its cells and those of all symbols."""
    return run_sql(con, _SCORES, {"symbol": symbol})


def llm_minus_ofi(con: Runs) -> Answer:
    """List the comparisons with order-flow imbalance as computed last, the headline first."""
    return run_sql(con, _PAIRS)


def challengers(con: Runs) -> Answer:
    """List the comparisons of challengers with champions as computed last."""
    return run_sql(con, _CHALLENGERS)


def _score_row(run: Run, one: Score, beside: Counts | None) -> dict[str, Any]:
    bins = one.reliability
    whole = beside if one.regime == ALL else None
    return {
        **_common(run, one.who),
        "symbol": one.symbol,
        "regime": one.regime,
        "horizon_s": int(one.horizon_s),
        **{name: getattr(one, name) for name in ("n", "calls", "hits", "flat", "hit_rate", "hit_low")},
        **{name: getattr(one, name) for name in ("hit_high", "brier", "log_loss", "cost_usd")},
        "ic": one.ic.value if one.ic else None,
        "ic_low": one.ic.low if one.ic else None,
        "ic_high": one.ic.high if one.ic else None,
        **_edges(one.gross_bps, one.net_bps),
        **_judged(one.gross_bps, one),
        **{name: getattr(whole, name) if whole else None for name in _COUNTED},
        "bin_low": [b.low for b in bins],
        "bin_n": [float(b.n) for b in bins],
        "bin_confidence": [b.confidence for b in bins],
        "bin_came_true": [b.came_true for b in bins],
    }


_COUNTED = ("abstained", "invalid", "refused", "errors", "dropped", "waiting")


def _pair_row(run: Run, one: Versus) -> dict[str, Any]:
    return {
        **_common(run, one.who),
        "other_kind": one.other.kind,
        "other_lineage": one.other.lineage,
        "other_prompt": one.other.prompt,
        "horizon_s": int(one.horizon_s),
        "pairs": one.pairs,
        **_edges(one.gross_bps, one.net_bps),
        **_judged(one.net_bps, one),
    }


def _common(run: Run, who: Who) -> dict[str, Any]:
    return {
        "ts": utc_naive(run.ts),
        "venue": run.venue,
        "kind": who.kind,
        "lineage": who.lineage,
        "prompt": who.prompt,
        "since": utc_naive(run.since),
        "fee_bps": run.terms.fee_bps,
        "notional_usd": run.terms.notional_usd,
    }


def _edges(gross: Estimate, net: Estimate) -> dict[str, Any]:
    return {
        f"{name}{end}_bps": value
        for name, one in (("gross", gross), ("net", net))
        for end, value in (("", one.value), ("_low", one.low), ("_high", one.high))
    }


def _judged(tested: Estimate, one: Score | Versus) -> dict[str, Any]:
    return {
        "p": tested.p,
        "p_adjusted": one.p_adjusted,
        "detectable_bps": tested.detectable,
        "df": tested.df,
        "family": one.family,
        "verdict": one.verdict,
    }


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    fields = []
    for name, value in rows[0].items():
        kind = pa.float64()
        if name in {"ts", "since"}:
            kind = pa.timestamp("us")
        elif name.startswith("bin_"):
            kind = pa.list_(pa.float64())
        elif name in _NUMBERS:
            kind = pa.int64()
        elif isinstance(value, str):
            kind = pa.string()
        fields.append((name, kind))
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))
