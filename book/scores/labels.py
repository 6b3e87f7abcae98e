"""
What the market did after a decision: the return of the mid over a window, or why it cannot be told.

Everything is measured on the clock of receipt. A window opens when a decision was there to be acted on
and closes a horizon later; at both ends the mid is that of the newest best prices received by then. It
counts only where the book was LIVE and covered without a break from the one end to the other: a window
that a gap crosses has no label, however short the gap, since what moved inside it is not known. Nothing
received after a window closed is looked at, nor anything before it opened but the best prices in force at
that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NS = 1_000_000_000
BPS = 10_000.0
HORIZONS_S = (1, 10, 60, 300, 900)
# Unchanged best prices are not repeated by the venue; older than this they are taken for a silent stream.
MOST_AGE_NS = 60 * NS

OK = "ok"
NOT_COVERED = "not covered"  # at the beginning
NO_PRICE = "no best price"
CROSSED = "crossed"


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best prices as received, oldest first; ``recv_ns`` is our clock, ``update_id`` the venue's."""

    recv_ns: NDArray[np.int64]
    update_id: NDArray[np.int64]
    bid_px: NDArray[np.float64]
    ask_px: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Covered:
    """Time in which a book may be trusted; ``ended_by`` None: stored until ``to_ns``, and going on."""

    from_ns: int
    to_ns: int
    first_id: int
    last_id: int
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """
    One window; ``status`` is `OK`, or why it has no return.

    ``return_bps`` is the simple return of the mid; half-spreads are in bps of the mid of their moment;
    ids are those of the best prices taken.
    """

    start_ns: int
    horizon_s: int
    status: str
    mid_start: float | None = None
    mid_end: float | None = None
    return_bps: float | None = None
    half_spread_start_bps: float | None = None
    half_spread_end_bps: float | None = None
    start_id: int | None = None
    end_id: int | None = None


def joined(intervals: Iterable[Covered]) -> list[Covered]:
    """Join intervals with neither time nor updates missing between, as where a stream took over."""
    made: list[Covered] = []
    for one in sorted(intervals, key=lambda i: (i.from_ns, i.to_ns)):
        last = made[-1] if made else None
        if last and one.from_ns <= last.to_ns and one.first_id <= last.last_id + 1:
            made[-1] = replace(
                max(last, one, key=lambda i: i.to_ns), from_ns=last.from_ns, first_id=last.first_id
            )
        else:
            made.append(one)
    return made


def label(start_ns: int, horizon_s: int, covered: Sequence[Covered], quotes: Quotes) -> Label | None:
    """
    Label one window; None while it cannot be known yet, because what is stored does not reach its end.

    ``covered`` comes from `joined`; ``quotes`` reach from `MOST_AGE_NS` before the window to its end.
    """
    end_ns = start_ns + horizon_s * NS
    held = next((c for c in reversed(covered) if c.from_ns <= start_ns), None)
    if held is None:
        return Label(start_ns, horizon_s, NOT_COVERED)
    if end_ns > held.to_ns:
        if held.ended_by is None:
            return None
        return Label(start_ns, horizon_s, NOT_COVERED if start_ns > held.to_ns else held.ended_by)
    ends = [_in_force(quotes, at, held.from_ns) for at in (start_ns, end_ns)]
    if ends[0] is None or ends[1] is None:
        return Label(start_ns, horizon_s, NO_PRICE)
    first, last = ends[0], ends[1]
    bid, ask = quotes.bid_px[[first, last]], quotes.ask_px[[first, last]]
    if (bid >= ask).any() or (bid <= 0).any():
        return Label(start_ns, horizon_s, CROSSED)
    mid = (bid + ask) / 2
    half = BPS * (ask - bid) / 2 / mid
    return Label(
        start_ns,
        horizon_s,
        OK,
        mid_start=float(mid[0]),
        mid_end=float(mid[1]),
        return_bps=float(BPS * (mid[1] - mid[0]) / mid[0]),
        half_spread_start_bps=float(half[0]),
        half_spread_end_bps=float(half[1]),
        start_id=int(quotes.update_id[first]),
        end_id=int(quotes.update_id[last]),
    )


def _in_force(quotes: Quotes, at_ns: int, since_ns: int) -> int | None:
    """Return which best prices were the newest at a moment; None where they are of another time."""
    at = int(np.searchsorted(quotes.recv_ns, at_ns, side="right")) - 1
    if at < 0 or quotes.recv_ns[at] < max(since_ns, at_ns - MOST_AGE_NS):
        return None
    return at
