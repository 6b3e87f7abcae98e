"""
The micro-price: the mid that the book's own recent history leads one to expect next.

The best prices are a Markov chain over (imbalance, spread). With Q the chance to go from state to state
while the mid stays, R the chance that it jumps, K the size of the jumps and T the chance of the state it
lands in, the first move expected is ``G1 = (1 - Q)^-1 R K`` and the fair price is the mid plus
``G1 + B G1 + B² G1 + …`` with ``B = (1 - Q)^-1 T``. Every step is counted twice, once mirrored, so that
the chain has no drift of its own and the sum ends. Source: Stoikov (2018), "The micro-price: a
high-frequency estimator of future prices", sections 4 and 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

BINS = 5  # of imbalance, odd: the middle one mirrors onto itself
SPREADS = 2  # one tick, and more
JUMPS_NEEDED = 30  # fewer moves of the mid estimate nothing
TERMS = 6  # of the sum, as in the source; later ones are below a hundredth of a tick


def microprice(
    bid_px: Doubles,
    bid_qty: Doubles,
    ask_px: Doubles,
    ask_qty: Doubles,
    now: tuple[float, float, float, float],
) -> float | str:
    """
    Return the micro-price minus the mid of ``now`` (bid, its quantity, ask, its quantity), quote units.

    The arrays are the recent best prices, oldest first. Returns the words of why where they say too little.
    """
    spread, mid = ask_px - bid_px, (ask_px + bid_px) / 2
    sound = spread > 0
    if not sound.all():
        return "the best prices are crossed"
    jumps = np.diff(mid)
    if np.count_nonzero(jumps) < JUMPS_NEEDED:
        return f"the mid moved {np.count_nonzero(jumps)} times, {JUMPS_NEEDED} are needed"
    tick = float(spread.min())
    states = _bins(bid_qty, ask_qty) + BINS * _wide(spread, tick)
    fair = _adjustments(states, jumps)
    bid, at_bid, ask, at_ask = (np.array([value]) for value in now)
    state = int((_bins(at_bid, at_ask) + BINS * _wide(ask - bid, tick))[0])
    return float(fair[state])


def _bins(bid_qty: Doubles, ask_qty: Doubles) -> NDArray[np.int64]:
    share = bid_qty / (bid_qty + ask_qty)
    return np.minimum((share * BINS).astype(np.int64), BINS - 1)


def _wide(spread: Doubles, tick: float) -> NDArray[np.int64]:
    return np.minimum(np.rint(spread / tick).astype(np.int64), SPREADS) - 1


def _mirrored(states: NDArray[np.int64]) -> NDArray[np.int64]:
    return BINS - 1 - states % BINS + BINS * (states // BINS)


def _adjustments(states: NDArray[np.int64], jumps: Doubles) -> Doubles:
    """Return the expected move of the mid from each state, in quote units."""
    n = BINS * SPREADS
    before = np.concatenate([states[:-1], _mirrored(states[:-1])])
    after = np.concatenate([states[1:], _mirrored(states[1:])])
    moves = np.concatenate([jumps, -jumps])
    seen = np.maximum(np.bincount(before, minlength=n), 1)[:, None]
    stays, lands = np.zeros((n, n)), np.zeros((n, n))
    is_jump = moves != 0
    np.add.at(stays, (before[~is_jump], after[~is_jump]), 1)
    np.add.at(lands, (before[is_jump], after[is_jump]), 1)
    # A hair of the chance to stay is taken away: a state that was never left would have no inverse.
    leave = np.linalg.inv(np.eye(n) - (1 - 1e-9) * stays / seen)
    first = leave @ (np.bincount(before, weights=moves, minlength=n) / seen[:, 0])
    onward = leave @ (lands / seen)
    total = term = first
    for _ in range(TERMS - 1):
        term = onward @ term
        total = total + term
    return np.asarray(total, np.float64)
