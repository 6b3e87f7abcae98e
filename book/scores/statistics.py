"""
The formulas that scoring needs: intervals that allow for overlap, ranks, calibration, many tests at once.

Returns over windows that overlap are not independent, and symbols decided at one instant move together.
What a mean may vary by is therefore read off the slow movements of the whole series: it is projected on
the first ``df`` cosines over time, each slower than the windows are long, and the mean square of the
projections estimates the long-run variance. A mean over its square root follows Student's t with ``df``
degrees of freedom, also in small samples. Source: Lazarus, Lewis, Stock and Watson (2018), "HAR
inference: recommendations for practice" (their equal-weighted cosine estimator). Time in which nothing
was decided says nothing about dependence: a pause longer than a window counts as one window.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEVEL = 0.95
# Cosines for each window that the series is long: the fastest then has a period of over six windows, where
# what overlapping windows share has lost less than 5 % of its power.
COSINES_A_WINDOW = 0.3
MOST_DF = 40  # t with 40 degrees is 3 % wider than the normal law: more would gain nothing
LEAST_DF = 4  # below it an interval is too rough to be shown
MOST_INSTANTS = 4096  # more are taken together: the cosines hardly change between neighbours
_EPS = 1e-12
_CLIP = 1e-6  # a probability of 0 or 1 would make one miss infinitely bad


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A mean with its 95 % interval; two-sided ``p`` against 0.

    ``detectable`` is the true value that would have been found with probability 0.8: what lies below it the
    sample could not see. All but ``value`` and the counts are None where ``df`` is below `LEAST_DF`.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    se: float | None
    detectable: float | None
    n: int
    df: int


class Timeline:
    """When the observations of a sample were made, and what follows for the error of any mean of them."""

    def __init__(self, ts_ns: Ints, horizon_ns: int) -> None:
        """``ts_ns`` may repeat, in any order; two windows overlap within ``horizon_ns``."""
        if horizon_ns <= 0:
            raise ValueError(f"horizon_ns: expected a number above 0, got {horizon_ns}")
        self.n = len(ts_ns)
        at, self._where, counts = np.unique(ts_ns, return_inverse=True, return_counts=True)
        steps = np.minimum(np.diff(at), horizon_ns).astype(np.float64)
        # How many windows would fit side by side into the time looked at.
        self.windows = 1.0 + float(steps.sum()) / horizon_ns if self.n else 0.0
        self.df = max(0, min(MOST_DF, int(COSINES_A_WINDOW * self.windows), len(at) - 1))
        if self.df < LEAST_DF:
            return
        place = np.concatenate(([0.0], np.cumsum(steps)))
        share = (place + horizon_ns / 2) / (place[-1] + horizon_ns)
        if len(at) > MOST_INSTANTS:
            cell = np.minimum((share * MOST_INSTANTS).astype(np.int64), MOST_INSTANTS - 1)
            cell = np.unique(cell, return_inverse=True)[1]
            weights = np.bincount(cell, counts)
            share = np.bincount(cell, counts * share) / weights
            self._where, counts = cell[self._where], weights.astype(np.int64)
        cosines = np.cos(math.pi * np.outer(share, np.arange(1, self.df + 1)))
        cosines -= np.einsum("g,gj->j", counts / self.n, cosines)
        self._cosines = cosines
        # Pauses leave the cosines a little askew: squares are taken in the metric that allows for it.
        # einsum, not matmul: for so little work the threads of BLAS cost more than they bring.
        self._metric = np.linalg.inv(np.einsum("gi,gj->ij", counts[:, None] * cosines, cosines))

    def mean(self, values: Floats) -> Estimate:
        """Estimate the mean of one value for each observation; raises `ValueError` for none."""
        self._expect(values)
        return self.around(float(values.mean()), values)

    def around(self, value: float, influence: Floats) -> Estimate:
        """
        Give an estimate its interval; ``influence`` is what each observation adds to it.

        For a mean these are the values themselves, for other statistics their influence function.
        """
        self._expect(influence)
        if self.df < LEAST_DF:
            return Estimate(value, None, None, None, None, None, self.n, self.df)
        off = np.bincount(self._where, influence - influence.mean(), len(self._cosines))
        slow = np.einsum("gj,g->j", self._cosines, off)
        square = float(np.einsum("i,ij,j->", slow, self._metric, slow))
        se = math.sqrt(max(0.0, square) / self.df / self.n)
        t = t_quantile(0.5 + LEVEL / 2, self.df)
        certain = 1.0 if abs(value) <= _EPS else 0.0  # when every observation says the same
        p = 2 * t_tail(abs(value) / se, self.df) if se > _EPS else certain
        detectable = (t + t_quantile(0.8, self.df)) * se
        return Estimate(value, value - t * se, value + t * se, p, se, detectable, self.n, self.df)

    def share(self, came_true: Flags) -> tuple[Estimate, float, float]:
        """Estimate a share, with Wilson's interval on as many draws as the overlapping ones are worth."""
        found = self.mean(came_true.astype(np.float64))
        spread = found.value * (1 - found.value)
        if found.se is None or found.se <= _EPS or spread <= _EPS:
            n = min(float(self.n), self.windows)
        else:
            n = min(float(self.n), spread / found.se**2)
        z = t_quantile(0.5 + LEVEL / 2, self.df) if self.df >= LEAST_DF else None
        return found, *wilson(found.value * n, n, z=z)

    def _expect(self, values: Floats) -> None:
        if not self.n or len(values) != self.n:
            raise ValueError(f"expected {self.n or 'at least 1'} values, got {len(values)}")


def t_tail(t: float, df: int) -> float:
    """Return P(T > t) of Student's t for ``t >= 0``; the finite sums of DLMF 8.17 for whole ``df``."""
    sine, cosine = t / math.sqrt(df + t * t), math.sqrt(df / (df + t * t))
    total, term = 0.0, cosine if df % 2 else 1.0
    for k in range(df % 2, df - 1, 2):
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
    inside = 2 / math.pi * (math.asin(sine) + sine * total) if df % 2 else sine * total
    return max(0.0, (1 - inside) / 2)


@functools.lru_cache(maxsize=512)
def t_quantile(share: float, df: int) -> float:
    """Return the value below which Student's t falls with probability ``share``, 0.5 to below 1."""
    t = NormalDist().inv_cdf(share)
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    for _ in range(100):  # Newton's steps; the tail is convex, so from below they never overshoot
        density = math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))
        step = (t_tail(t, df) - (1 - share)) / density
        t += step
        if abs(step) < 1e-12 * max(1.0, t):
            break
    return t


def wilson(hits: float, n: float, *, z: float | None = None) -> tuple[float, float]:
    """
    Return Wilson's interval (1927) for a share; ``n`` may be an effective size, not whole.

    ``z`` None: 1.96, the normal law's; t's where ``n`` was itself estimated.
    """
    if n <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2) if z is None else z
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def ranks(values: Floats) -> Floats:
    """Rank values from 1; ties share the mean of their ranks."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Floats = (last - (counts - 1) / 2)[where]
    return shared


def spearman(x: Floats, y: Floats, timeline: Timeline) -> Estimate | None:
    """
    Estimate Spearman's rank correlation; None where one side never changes.

    The interval is that of the correlation's influence values (Devlin, Gnanadesikan and Kettenring 1975),
    with the ranks taken as given.
    """
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:  # noqa: PLR2004
        return None
    a, b = ((r - r.mean()) / r.std() for r in (ranks(x), ranks(y)))
    rho = float((a * b).mean())
    return timeline.around(rho, a * b - rho / 2 * (a * a + b * b))


def brier(confidence: Floats, came_true: Flags) -> float:
    """Return Brier's score (1950): 0 is perfect, 0.25 is what 0.5 always scores."""
    return float(((confidence - came_true) ** 2).mean())


def log_loss(confidence: Floats, came_true: Flags) -> float:
    """Return the mean negative log likelihood, in nats; 0.693 is what 0.5 always scores."""
    p = np.clip(confidence, _CLIP, 1 - _CLIP)
    return float(-np.where(came_true, np.log(p), np.log1p(-p)).mean())


@dataclass(frozen=True, slots=True)
class Bin:
    """Of the calls made with a confidence in ``low .. high``: how many, their mean, how many came true."""

    low: float
    high: float
    n: int
    confidence: float
    came_true: float


def reliability(confidence: Floats, came_true: Flags, *, bins: int = 10) -> tuple[Bin, ...]:
    """Return the reliability table: calibrated calls have ``confidence`` near ``came_true`` in each bin."""
    at = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    return tuple(
        Bin(
            k / bins,
            (k + 1) / bins,
            int((at == k).sum()),
            float(confidence[at == k].mean()),
            float(came_true[at == k].mean()),
        )
        for k in np.unique(at).tolist()
    )


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """
    Adjust p-values for their number (Holm 1979); None stays None and does not count.

    Below 0.05 after it, the chance that even one of all is a false find is below 5 %.
    """
    order = sorted((p, n) for n, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    worst = 0.0
    for k, (p, n) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - k)))
        adjusted[n] = worst
    return adjusted


def benjamini_hochberg(ps: Sequence[float | None]) -> list[float | None]:
    """
    Adjust p-values for their number (Benjamini and Hochberg 1995); None stays None and does not count.

    Of those below 0.05 after it, at most one in twenty is expected to be a false find: for tables to look
    through, where `holm` would leave nothing to see.
    """
    order = sorted(((p, n) for n, p in enumerate(ps) if p is not None), reverse=True)
    adjusted: list[float | None] = [None] * len(ps)
    best = 1.0
    for k, (p, n) in enumerate(order):
        best = min(best, p * (len(order) / (len(order) - k)))
        adjusted[n] = best
    return adjusted
