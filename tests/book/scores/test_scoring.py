"""Scores where the truth is known: planted edges are found, noise is called noise at the stated rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leadline.book.scores.scoring import (
    ALL,
    BETTER,
    CHEAPER,
    EDGE,
    EDGE_PAYS,
    INVERSE,
    NO_EVIDENCE,
    TOO_FEW,
    UNKNOWN,
    WORSE,
    Calls,
    Terms,
    Who,
    breakdown,
    compared,
    paired,
    score,
    thirds,
)
from leadline.book.scores.statistics import holm
from tests.book.scores.markets import LLM, RULE, market, together

FREE = Terms(fee_bps=0.0)
TRIALS = 1000
# Of 1000 markets of noise 50 are called evidence where the rate is 0.05: fewer than 26 or more than 77 have
# a chance below 1e-4. The seeds are fixed: what passes once passes always.
FEWEST, MOST = 26, 77


@pytest.mark.parametrize(
    ("n", "horizon_s", "sticky", "symbols"),
    [
        pytest.param(300, 1.0, 0.0, 1, id="apart"),
        pytest.param(600, 300.0, 0.0, 1, id="overlapping-tenfold"),
        pytest.param(600, 300.0, 0.95, 1, id="overlapping-and-sticky"),
        pytest.param(300, 300.0, 0.95, 1, id="few-overlapping-and-sticky"),
        pytest.param(300, 60.0, 0.9, 4, id="symbols-that-move-together"),
    ],
)
def test_noise_is_called_evidence_one_time_in_twenty(
    n: int, horizon_s: float, sticky: float, symbols: int
) -> None:
    def noise(seed: int) -> Calls:
        return market(seed, n=n, horizon_s=horizon_s, sticky=sticky, symbols=symbols)

    timeline = noise(0).timeline()  # all are made at the same instants
    ps = [timeline.mean(noise(seed).gross_bps()).p or 0.0 for seed in range(TRIALS)]
    assert FEWEST <= sum(p < 0.05 for p in ps) <= MOST
    for seed in range(10):
        (one,) = score(noise(seed), FREE)
        assert one.gross_bps.p == pytest.approx(ps[seed])
        assert (one.verdict == NO_EVIDENCE) == (ps[seed] >= 0.05)


def test_naive_counting_would_have_cried_wolf() -> None:
    """The same noise judged as if every call stood alone: minding the overlap is what keeps the rate."""
    cried = 0
    for seed in range(200):
        gross = market(seed, n=600, horizon_s=300, sticky=0.95).gross_bps()
        cried += abs(gross.mean()) / (gross.std() / np.sqrt(len(gross))) > 1.96
    assert cried > 80


def test_two_that_differ_in_nothing_are_told_apart_one_time_in_twenty() -> None:
    shape = {"horizon_s": 120.0, "sticky": 0.5}

    def both(seed: int) -> Calls:
        mine = market(seed, **shape, seed_of_market=seed)
        return together(mine, market(seed + 10_000, **shape, seed_of_market=seed, who=RULE))

    timeline, told_apart = both(0).chosen(np.arange(400)).timeline(), 0
    for seed in range(TRIALS):
        calls = both(seed)
        assert np.array_equal(calls.return_bps[:400], calls.return_bps[400:])
        p = timeline.mean(calls.gross_bps()[:400] - calls.gross_bps()[400:]).p
        assert p is not None
        told_apart += p < 0.05
        if seed < 10:
            one = paired(calls, FREE, LLM, RULE)
            assert one is not None
            assert one.net_bps.p == pytest.approx(p)
            assert (compared([one], "headline", holm)[0].verdict == NO_EVIDENCE) == (p >= 0.05)
    assert FEWEST <= told_apart <= MOST


@pytest.mark.parametrize("edge_bps", [3.0, -3.0])
@pytest.mark.parametrize("sticky", [0.0, 0.9])
def test_a_planted_edge_is_found_with_its_sign_and_size(edge_bps: float, sticky: float) -> None:
    """
    Each call up or down, 0.8 of all, earns so much; the interval holds it 95 times in 100.

    Of 100, fewer than 86 within it have a chance below 1e-4.
    """
    inside, verdicts = 0, set()
    for seed in range(100):
        (one,) = score(market(seed, n=1000, edge_bps=edge_bps, sticky=sticky), FREE)
        assert one.gross_bps.low is not None
        assert one.gross_bps.high is not None
        truth = edge_bps * one.calls / one.n
        inside += one.gross_bps.low <= truth <= one.gross_bps.high
        assert np.sign(one.gross_bps.value) == np.sign(edge_bps)
        assert one.ic is not None
        assert np.sign(one.ic.value) == np.sign(edge_bps)
        assert one.hit_rate is not None
        assert (one.hit_rate > 0.5) == (edge_bps > 0)
        verdicts.add(one.verdict)
    assert inside >= 86
    assert verdicts == ({EDGE_PAYS} if edge_bps > 0 else {INVERSE})


def test_the_hit_rate_lies_in_its_interval_at_its_rate() -> None:
    """Without an edge the truth is one half, however the windows overlap."""
    inside = 0
    for seed in range(100):
        (one,) = score(market(seed, n=600, horizon_s=300, sticky=0.9), FREE)
        assert one.hit_low is not None
        assert one.hit_high is not None
        inside += one.hit_low <= 0.5 <= one.hit_high
    assert inside >= 86


def test_an_edge_smaller_than_its_cost_does_not_pay() -> None:
    calls = market(1, n=1200, edge_bps=3.0, half_spreads_bps=1.0, cost_usd=0.02)
    (one,) = score(calls, Terms(fee_bps=1.0, notional_usd=1000.0))
    assert one.verdict == EDGE
    # Of the 0.8 that call: two half-spreads added are 1, two fees 2; tokens are 0.02 of 1000 USD on all.
    share = one.calls / one.n
    assert one.gross_bps.value - one.net_bps.value == pytest.approx(share * 3.0 + 0.2)
    assert one.cost_usd == pytest.approx(24.0)


def test_better_worse_and_cheaper() -> None:
    noise = market(3, n=1200, who=RULE)

    def told(edge_bps: float, terms: Terms = FREE, *, silent: bool = False) -> str:
        mine = market(4, n=1200, edge_bps=edge_bps)
        if silent:
            mine = replace(mine, sign=np.zeros(1200))
        one = paired(together(mine, noise), terms, LLM, RULE)
        assert one is not None
        assert one.pairs == 1200
        return compared([one], "headline", holm)[0].verdict

    assert told(3.0) == BETTER
    assert told(-3.0) == WORSE
    assert told(0.0, Terms(fee_bps=5.0), silent=True) == CHEAPER


def test_only_the_same_instants_of_the_same_symbols_are_pairs() -> None:
    mine = market(1, n=50, symbols=2)
    rule = market(2, n=50, symbols=2, who=RULE)
    late = replace(rule, ts_ns=rule.ts_ns + 1)
    assert paired(together(mine, late), FREE, LLM, RULE) is None
    half = rule.chosen((rule.symbol == 1) & (rule.ts_ns > 0))
    one = paired(together(mine, half.chosen(np.arange(48, -1, -1))), FREE, LLM, RULE)
    assert one is not None
    assert one.pairs == 49
    by_hand = mine.gross_bps()[mine.symbol == 1][1:].mean() - half.gross_bps().mean()
    assert one.gross_bps.value == pytest.approx(by_hand)


def test_few_calls_are_not_judged() -> None:
    (one,) = score(market(1, n=15), FREE)
    assert (one.verdict, one.p_adjusted) == (TOO_FEW, None)
    (one,) = score(market(1, n=100, horizon_s=900), FREE)  # 50 minutes: four windows
    assert (one.verdict, one.gross_bps.low) == (TOO_FEW, None)


def test_hits_flats_and_neutrals() -> None:
    calls = replace(
        market(1, n=5, horizon_s=1.0),
        sign=np.array([1.0, 1, -1, 1, 0]),
        return_bps=np.array([2.0, -1, -1, 0, 5]),
        confidence=np.array([0.9, 0.6, np.nan, 0.9, 0.5]),
    )
    (one,) = score(calls, FREE)
    assert (one.n, one.calls, one.hits, one.flat) == (5, 4, 2, 1)
    assert one.hit_rate == pytest.approx(2 / 3)
    assert one.brier == pytest.approx((0.01 + 0.36) / 2)
    assert one.gross_bps.value == pytest.approx((2 - 1 + 1) / 5)
    assert [(b.low, b.n) for b in one.reliability] == [(0.6, 1), (0.9, 1)]


def test_models_are_adjusted_together() -> None:
    parts = [market(seed, n=600, who=Who("llm", f"house/{seed:02}", "p")) for seed in range(12)]
    parts.append(market(99, n=600, edge_bps=6.0, who=Who("llm", "house/real", "p")))
    made = score(together(*parts), FREE)
    assert [one.who.lineage for one in made if one.verdict != NO_EVIDENCE] == ["house/real"]
    assert all((one.p_adjusted or 0) >= (one.gross_bps.p or 0) for one in made)
    assert {(one.family, one.symbol, one.regime) for one in made} == {("models", ALL, ALL)}


def test_an_edge_in_one_regime_of_one_symbol_is_found_there() -> None:
    calls = market(7, n=900, symbols=2)
    third = np.tile(np.arange(900) % 3, 2)
    there = (third == 2) & (calls.symbol == 1)
    calls = replace(calls, volatility=third, return_bps=calls.return_bps + 6.0 * calls.sign * there)
    made = breakdown(calls, FREE)
    # Two symbols and all; of each three thirds of volatility and all; but not all of all.
    assert len(made) == 3 * 4 - 1
    best = max(made, key=lambda one: one.gross_bps.value)
    assert (best.symbol, best.regime, best.verdict) == ("S1", "volatility wild", EDGE_PAYS)
    assert best.n == 300
    elsewhere = [one for one in made if one.symbol == "S0" or one.regime == "volatility calm"]
    assert {one.verdict for one in elsewhere} == {NO_EVIDENCE}


def test_thirds() -> None:
    assert thirds(np.array([1.0, np.nan, 2, 3, 4, 5, 6])).tolist() == [0, UNKNOWN, 0, 1, 1, 2, 2]
    assert thirds(np.array([1.0, np.nan])).tolist() == [UNKNOWN, UNKNOWN]
    assert thirds(np.full(5, 2.0)).tolist() == [UNKNOWN] * 5
