"""The micro-price leans to where the history goes, mirrors, and refuses to guess from too little."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from leadline.book.analytics.microprice import JUMPS_NEEDED, microprice

Path = list[tuple[float, float, float, float]]


def market(seed: int, steps: int, *, obeys: bool) -> Path:
    """A mid that moves up after a heavy bid, down after a heavy ask; without ``obeys`` the other way."""
    rng, bid, path = Random(seed), 1000, []
    for _ in range(steps):
        share = rng.random()
        path.append((float(bid), share, float(bid + 1), 1 - share))
        if rng.random() < 0.3:
            heavy = 1 if share > 0.5 else -1
            bid += heavy if obeys else -heavy
    return path


def fair(path: Path, now: tuple[float, float, float, float]) -> float | str:
    bid, bid_qty, ask, ask_qty = np.array(path, np.float64).T
    return microprice(bid, bid_qty, ask, ask_qty, now)


HEAVY_BID = (1000.0, 9.0, 1001.0, 1.0)
HEAVY_ASK = (1000.0, 1.0, 1001.0, 9.0)
EVEN = (1000.0, 5.0, 1001.0, 5.0)


@pytest.mark.parametrize("seed", range(5))
def test_it_goes_where_the_history_went(seed: int) -> None:
    path = market(seed, 2_000, obeys=True)
    up, down = fair(path, HEAVY_BID), fair(path, HEAVY_ASK)
    assert isinstance(up, float)
    # It jumps three times in ten, by one: what follows a jump starts anew from every imbalance.
    assert 0.2 < up < 2
    assert down == pytest.approx(-up)
    assert fair(path, EVEN) == pytest.approx(0, abs=1e-9)
    against = fair(market(seed, 2_000, obeys=False), HEAVY_BID)
    assert isinstance(against, float)
    assert against < -0.2


def test_too_little_history_is_said() -> None:
    path = market(1, 20, obeys=True)
    said = fair(path, HEAVY_BID)
    assert isinstance(said, str)
    assert f"{JUMPS_NEEDED} are needed" in said


def test_crossed_best_prices_are_said() -> None:
    path = market(1, 500, obeys=True)
    assert fair([*path, (1002.0, 1.0, 1001.0, 1.0)], EVEN) == "the best prices are crossed"


def test_a_state_never_seen_is_no_opinion() -> None:
    path = market(1, 2_000, obeys=True)  # the spread was always one
    assert fair(path, (1000.0, 9.0, 1005.0, 1.0)) == 0.0
