"""Calls in synthetic markets whose truth is known."""

from __future__ import annotations

import numpy as np

from leadline.book.analytics.baselines import OFI
from leadline.book.scores.scoring import Calls, Who

LLM = Who("llm", "house/small", "p1")
RULE = Who("baseline", OFI.lineage, "")
EVERY_S = 30.0


def market(
    seed: int,
    *,
    n: int = 400,
    horizon_s: float = 60.0,
    edge_bps: float = 0.0,
    sticky: float = 0.0,
    who: Who = LLM,
    symbols: int = 1,
    half_spreads_bps: float = 0.0,
    cost_usd: float = 0.0,
    seed_of_market: int | None = None,
) -> Calls:
    """
    Calls every half minute in random walks with fat tails, their windows overlapping.

    ``edge_bps`` is what a call up or down earns more than noise, ``sticky`` the share of calls that repeat
    the one before, so that neighbours agree. The same ``seed_of_market`` gives the same noise. Symbols move
    together in part.
    """
    rng = np.random.default_rng(seed)
    walks = np.random.default_rng(seed if seed_of_market is None else seed_of_market + 10**6)
    steps = max(1, int(horizon_s / EVERY_S))
    shared = walks.normal(0, 2, n + steps)
    signs, moves = [], []
    for _ in range(symbols):
        path = np.concatenate(([0.0], np.cumsum(shared + 1.4 * walks.standard_t(4, n + steps))))
        fresh = rng.choice((-1.0, 0.0, 1.0), n, p=(0.4, 0.2, 0.4))
        keep = rng.random(n) >= sticky
        keep[0] = True
        sign = fresh[np.maximum.accumulate(np.where(keep, np.arange(n), 0))]
        signs.append(sign)
        moves.append(path[steps : steps + n] - path[:n] + edge_bps * sign)
    ts_ns = np.tile((np.arange(n) * EVERY_S * 1e9).astype(np.int64), symbols)
    total = n * symbols
    return Calls(
        horizon_s=horizon_s,
        whos=(who,),
        symbols=tuple(f"S{k}" for k in range(symbols)),
        who=np.zeros(total, np.int64),
        symbol=np.repeat(np.arange(symbols), n),
        ts_ns=ts_ns,
        start_ns=ts_ns,
        volatility=np.full(total, -1),
        spread=np.full(total, -1),
        sign=np.concatenate(signs),
        confidence=rng.uniform(0.5, 1, total),
        return_bps=np.concatenate(moves),
        half_spreads_bps=np.full(total, half_spreads_bps),
        cost_usd=np.full(total, cost_usd),
    )


def together(*parts: Calls) -> Calls:
    """Several of the same symbols as one."""
    columns = (
        "symbol", "ts_ns", "start_ns", "volatility", "spread", "sign", "confidence", "return_bps",
        "half_spreads_bps", "cost_usd",
    )  # fmt: skip
    return Calls(
        horizon_s=parts[0].horizon_s,
        whos=tuple(part.whos[0] for part in parts),
        symbols=parts[0].symbols,
        who=np.concatenate([np.full(len(part), k) for k, part in enumerate(parts)]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns},
    )
