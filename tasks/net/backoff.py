"""
Waits between attempts: exponential with full jitter, so that many clients do not come back as one.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random


def delays(rng: Random, *, first_s: float = 0.5, factor: float = 2, cap_s: float = 30) -> Iterator[float]:
    """Yield full-jitter waits in seconds, for ever: the n-th is within 0 and first·factor^n, or the cap."""
    for n in itertools.count():
        # factor**16 is past any cap in use; without the bound a float would overflow after days.
        yield rng.uniform(0, min(cap_s, first_s * factor ** min(n, 16)))
