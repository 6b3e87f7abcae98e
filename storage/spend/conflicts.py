"""
Two at once: DuckDB lets one commit and refuses the other, which looks again after a short random wait.

Jitter matters more than length: without it the same two meet again. Source: Brooker (2015), "Exponential
backoff and jitter": full jitter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import TypeVar

import duckdb

T = TypeVar("T")

FIRST_WAIT_S = 0.004  # about one statement's time
LONGEST_WAIT_S = 0.1
PATIENCE_S = 10.0

# The words of a key that another transaction took meanwhile. Other broken constraints are mistakes.
_KEY_TAKEN = ("PRIMARY KEY or UNIQUE", "Duplicate key", "duplicate key")


def is_conflict(exc: duckdb.Error) -> bool:
    """Tell whether a statement failed only because another was quicker, and did nothing."""
    if isinstance(exc, duckdb.TransactionException):
        return True
    return isinstance(exc, duckdb.ConstraintException) and any(words in str(exc) for words in _KEY_TAKEN)


def retried(action: Callable[[], T], *, rng: Random | None = None, patience_s: float = PATIENCE_S) -> T:
    """Call until it meets no conflict; past ``patience_s`` seconds the conflict itself is raised."""
    draw = rng or Random()
    deadline = time.monotonic() + patience_s
    most_s = FIRST_WAIT_S
    while True:
        try:
            return action()
        except (duckdb.TransactionException, duckdb.ConstraintException) as exc:
            if not is_conflict(exc) or time.monotonic() > deadline:
                raise
        time.sleep(draw.uniform(0, most_s))
        most_s = min(2 * most_s, LONGEST_WAIT_S)
