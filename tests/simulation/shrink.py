"""A failing life made small: moves and markets are taken away while the same promise breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.grammar import Plan

Breaks = Callable[[Plan], bool]
MOST_TRIES = 60


def shrink(plan: Plan, breaks: Breaks, *, most_tries: int = MOST_TRIES) -> Plan:
    """Return the smallest plan found within ``most_tries`` lives that still breaks."""
    left = most_tries
    is_smaller = True
    while is_smaller and left > 0:
        is_smaller = False
        for candidate in _smaller(plan):
            if left <= 0:
                break
            left -= 1
            if breaks(candidate):
                plan, is_smaller = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans with less in them, the boldest first."""
    moves, n = plan.moves, len(plan.moves)
    size = n // 2
    while size >= 1:
        for start in range(0, n, size):
            yield replace(plan, moves=moves[:start] + moves[start + size :])
        size //= 2
    needed = {move.args.get("symbol") for move in moves}
    for at, market in enumerate(plan.markets):
        if market.symbol not in needed and len(plan.markets) > 1:
            yield replace(plan, markets=plan.markets[:at] + plan.markets[at + 1 :])
    plain = replace(plan, legs=1, offset_s=0.0, unknown=(), small_batches=False, weight_limit=None)
    if plain != plan:
        yield plain
