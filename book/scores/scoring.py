"""
What decisions were worth: hit rate, calibration, rank correlation, edge net of cost, and over a rule.

`Calls` are the decisions of one venue at one horizon, with the return of the mid that followed each.
Figures of a group come with an interval that allows for overlapping windows (`book.scores.statistics`), and
with a verdict that says so when there is no evidence. Nothing is annualised and nothing is left out because
it looks bad: what could not be scored is counted beside by whoever made the calls.

    gross   direction x return, in bps; a neutral call earns 0
    net     gross - for a call up or down: both half-spreads crossed and the taker's fee twice
                  - tokens: what the call cost in USD, over the notional
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from leadline.book.scores.statistics import (
    Bin,
    Estimate,
    Flags,
    Floats,
    Ints,
    Timeline,
    benjamini_hochberg,
    brier,
    holm,
    log_loss,
    reliability,
    spearman,
)

LEAST_CALLS = 20  # up or down; fewer are not judged
MOST_SYMBOLS = 20  # that get cells of their own, those with most calls
ALPHA = 0.05
BPS = 10_000.0
ALL = "*"
UNKNOWN = -1  # in place of a third
VOLATILITY = ("volatility calm", "volatility middle", "volatility wild")
SPREAD = ("spread tight", "spread middle", "spread wide")

TOO_FEW = "too few"
NO_EVIDENCE = "no evidence"
EDGE = "edge, less than it costs"
EDGE_PAYS = "edge that pays"
INVERSE = "wrong more often than chance"
BETTER, WORSE, CHEAPER = "better", "worse", "better by cost only"

Adjust: TypeAlias = Callable[[Sequence[float | None]], list[float | None]]


@dataclass(frozen=True, slots=True)
class Who:
    """Whose calls they are: ``kind`` llm, challenger or baseline; ``lineage`` provider/model."""

    kind: str
    lineage: str
    prompt: str

    def __str__(self) -> str:
        return f"{self.lineage} {self.prompt}".strip()


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading costs: fee of one side in bps, and the USD traded per call, over which tokens spread."""

    fee_bps: float
    notional_usd: float = 10_000.0


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """
    Decisions at one horizon as columns; ``who`` and ``symbol`` count into ``whos`` and ``symbols``.

    ``ts_ns`` is when it was decided; the return runs from ``start_ns``, when the answer was there.
    ``volatility`` and ``spread`` are thirds 0 to 2, `UNKNOWN` where the figure was missing.
    """

    horizon_s: float
    whos: tuple[Who, ...]
    symbols: tuple[str, ...]
    who: Ints
    symbol: Ints
    ts_ns: Ints
    start_ns: Ints
    volatility: Ints
    spread: Ints
    sign: Floats  # 1 bullish, 0 neutral, -1 bearish
    confidence: Floats  # NaN for none
    return_bps: Floats
    half_spreads_bps: Floats  # at entry and at exit, added
    cost_usd: Floats

    def __len__(self) -> int:
        return len(self.ts_ns)

    def chosen(self, rows: Flags | Ints) -> Calls:
        """Return only these rows."""
        columns = (
            "who", "symbol", "ts_ns", "start_ns", "volatility", "spread", "sign", "confidence",
            "return_bps", "half_spreads_bps", "cost_usd",
        )  # fmt: skip
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def gross_bps(self) -> Floats:
        """Return what each call earned before costs."""
        return self.sign * self.return_bps

    def net_bps(self, terms: Terms) -> Floats:
        """Return what each call earned after all costs."""
        traded = np.abs(self.sign) * (self.half_spreads_bps + 2 * terms.fee_bps)
        return self.gross_bps() - traded - self.cost_usd / terms.notional_usd * BPS

    def timeline(self) -> Timeline:
        """Return when they were made; windows that begin late can overlap the longer."""
        late = int(np.median(self.start_ns - self.ts_ns)) if len(self) else 0
        return Timeline(self.ts_ns, int(self.horizon_s * 1e9) + max(0, late))


@dataclass(frozen=True, slots=True)
class Score:
    """One cell of the table. ``p_adjusted`` allows for the number of cells of its family."""

    who: Who
    symbol: str  # `ALL`, or one
    regime: str  # `ALL`, or one third of volatility or spread
    horizon_s: float
    n: int
    calls: int  # up or down
    hits: int
    flat: int  # calls up or down after which the mid stood where it was; neither hit nor miss
    hit_rate: float | None
    hit_low: float | None
    hit_high: float | None
    brier: float | None
    log_loss: float | None
    reliability: tuple[Bin, ...]
    ic: Estimate | None
    gross_bps: Estimate
    net_bps: Estimate
    cost_usd: float
    family: str = ""
    p_adjusted: float | None = None
    verdict: str = TOO_FEW


@dataclass(frozen=True, slots=True)
class Versus:
    """One minus the other, call by call at the same instants of the same symbols; in bps a call."""

    who: Who
    other: Who
    horizon_s: float
    pairs: int
    net_bps: Estimate
    gross_bps: Estimate
    family: str = ""
    p_adjusted: float | None = None
    verdict: str = TOO_FEW


def score(calls: Calls, terms: Terms) -> list[Score]:
    """Score each model and prompt over everything; the p-values are adjusted together (Holm)."""
    made = [_cell(calls.chosen(calls.who == code), terms, who, ALL, ALL) for code, who in _present(calls)]
    return judged(made, "models", holm)


def breakdown(calls: Calls, terms: Terms) -> list[Score]:
    """Score each model and prompt by symbol and regime; p-values adjusted for false discoveries."""
    made = []
    for code, who in _present(calls):
        mine = calls.chosen(calls.who == code)
        for symbol, of_symbol in _by_symbol(mine):
            for regime, rows in _by_regime(of_symbol):
                if (symbol, regime) != (ALL, ALL) and len(rows):
                    made.append(_cell(rows, terms, who, symbol, regime))
    return judged(made, "cells", benjamini_hochberg)


def paired(calls: Calls, terms: Terms, who: Who, other: Who) -> Versus | None:
    """
    Compare two at the instants both decided on a symbol; None where there are none.

    Each call is measured from its own arrival: who answers late is worth less.
    """
    mine, theirs = (calls.chosen(calls.who == calls.whos.index(one)) for one in (who, other))
    a, b = _matched(mine, theirs)
    if not len(a):
        return None
    timeline = a.timeline()
    net = timeline.mean(a.net_bps(terms) - b.net_bps(terms))
    gross = timeline.mean(a.gross_bps() - b.gross_bps())
    return Versus(who, other, calls.horizon_s, len(a), net, gross)


def judged(made: Sequence[Score], family: str, adjust: Adjust) -> list[Score]:
    """Adjust p-values together and put the verdicts to the cells."""
    ps = adjust([one.gross_bps.p if one.calls >= LEAST_CALLS else None for one in made])
    return [
        replace(one, family=family, p_adjusted=p, verdict=_verdict(one, p))
        for one, p in zip(made, ps, strict=True)
    ]


def compared(made: Sequence[Versus], family: str, adjust: Adjust) -> list[Versus]:
    """Adjust p-values together and put the verdicts to the comparisons."""
    ps = adjust([one.net_bps.p if one.pairs >= LEAST_CALLS else None for one in made])
    return [
        replace(one, family=family, p_adjusted=p, verdict=_compared(one, p))
        for one, p in zip(made, ps, strict=True)
    ]


def thirds(values: Floats) -> Ints:
    """Tell in which third each value lies, 0 to 2; `UNKNOWN` for NaN, and for all where none differ."""
    known = values[np.isfinite(values)]
    if len(known) < 3 or known.min() == known.max():  # noqa: PLR2004
        return np.full(len(values), UNKNOWN, np.int64)
    low, high = np.quantile(known, [1 / 3, 2 / 3])
    third: Ints = (values > low).astype(np.int64) + (values > high)
    third[~np.isfinite(values)] = UNKNOWN
    return third


def _present(calls: Calls) -> Iterator[tuple[int, Who]]:
    for code in np.unique(calls.who).tolist():
        yield code, calls.whos[code]


def _by_symbol(calls: Calls) -> Iterator[tuple[str, Calls]]:
    yield ALL, calls
    codes, counts = np.unique(calls.symbol, return_counts=True)
    if len(codes) > 1:
        for code in codes[np.argsort(-counts, kind="stable")][:MOST_SYMBOLS].tolist():
            yield calls.symbols[code], calls.chosen(calls.symbol == code)


def _by_regime(calls: Calls) -> Iterator[tuple[str, Calls]]:
    yield ALL, calls
    for names, third in ((VOLATILITY, calls.volatility), (SPREAD, calls.spread)):
        for number, name in enumerate(names):
            yield name, calls.chosen(third == number)


def _cell(c: Calls, terms: Terms, who: Who, symbol: str, regime: str) -> Score:
    timeline = c.timeline()
    gross = c.gross_bps()
    called = c.sign != 0
    moved = called & (c.return_bps != 0)
    hit = gross > 0
    rate = low = high = None
    if moved.any():
        share, low, high = c.chosen(moved).timeline().share(hit[moved])
        rate = share.value
    told = moved & np.isfinite(c.confidence)
    loss = bool(told.any())
    strength = c.sign * np.where(np.isfinite(c.confidence), c.confidence, 1.0)
    return Score(
        who=who,
        symbol=symbol,
        regime=regime,
        horizon_s=c.horizon_s,
        n=len(c),
        calls=int(called.sum()),
        hits=int(hit[moved].sum()),
        flat=int((called & ~moved).sum()),
        hit_rate=rate,
        hit_low=low,
        hit_high=high,
        brier=brier(c.confidence[told], hit[told]) if loss else None,
        log_loss=log_loss(c.confidence[told], hit[told]) if loss else None,
        reliability=reliability(c.confidence[told], hit[told]) if loss else (),
        ic=spearman(strength, c.return_bps, timeline),
        gross_bps=timeline.mean(gross),
        net_bps=timeline.mean(c.net_bps(terms)),
        cost_usd=float(c.cost_usd.sum()),
    )


def _matched(a: Calls, b: Calls) -> tuple[Calls, Calls]:
    """Return the rows of both that are of one symbol and instant, in the same order."""
    instants = np.unique(np.concatenate((a.ts_ns, b.ts_ns)), return_inverse=True)[1]
    key_a = instants[: len(a)] * len(a.symbols) + a.symbol
    key_b = instants[len(a) :] * len(a.symbols) + b.symbol
    _, at, bt = np.intersect1d(key_a, key_b, return_indices=True)
    return a.chosen(at.astype(np.int64)), b.chosen(bt.astype(np.int64))


def _verdict(one: Score, p: float | None) -> str:
    if p is None:
        return TOO_FEW
    if p >= ALPHA:
        return NO_EVIDENCE
    if one.gross_bps.value < 0:
        return INVERSE
    return EDGE_PAYS if one.net_bps.low is not None and one.net_bps.low > 0 else EDGE


def _compared(one: Versus, p: float | None) -> str:
    if p is None:
        return TOO_FEW
    if p >= ALPHA:
        return NO_EVIDENCE
    if one.net_bps.value < 0:
        return WORSE
    return BETTER if one.gross_bps.low is not None and one.gross_bps.low > 0 else CHEAPER
