"""
What a signal is made of: figures of one book and its recent flow, at one moment, from plain arrays.

Everything given was received by the moment of decision and since the book is trusted without a break, so
no figure sees the future or reaches across a fault. A figure that cannot be made is None, and `Features`
says why; none is guessed. Names carry the unit and the window: ``return_60s_bps`` is the move of the mid
over the last 60 seconds in basis points; ``…_share`` and imbalances lie in -1 (sellers) … 1 (buyers).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadline.book.analytics.microprice import microprice
from leadline.book.errors import BadInput

Doubles = NDArray[np.float64]
Times = NDArray[np.int64]

NS = 1_000_000_000
BPS = 10_000
LEVELS = (1, 5, 10)  # imbalances over this many best levels
WINDOWS_S = (10, 60)
GRID_S = 1  # realised volatility adds up squared returns over steps of this
HISTORY_S = 120  # best prices looked at, for the micro-price too
DIGITS = 6  # significant ones that are kept: more says nothing, and the hash needs an end


@dataclass(frozen=True, slots=True)
class Tops:
    """Best prices and quantities as received, oldest first; ``ts_ns`` is our clock."""

    ts_ns: Times
    bid_px: Doubles
    bid_qty: Doubles
    ask_px: Doubles
    ask_qty: Doubles

    def mids(self) -> Doubles:
        """Return the mid after each message, in quote units."""
        return (self.bid_px + self.ask_px) / 2


@dataclass(frozen=True, slots=True)
class Deals:
    """Trades as received, oldest first; ``signed_qty`` is above 0 where the aggressor bought."""

    ts_ns: Times
    signed_qty: Doubles


@dataclass(frozen=True, slots=True)
class Band:
    """Quantities within ``half_width_bps`` of the mid, as last sampled, ``age_s`` seconds before."""

    half_width_bps: float
    bid_qty: float | None  # None where the band reaches beyond the certified prices
    ask_qty: float | None
    age_s: float


@dataclass(frozen=True, slots=True)
class BookView:
    """A LIVE book and its recent flow at ``at_ns``, trusted without a break since ``since_ns``."""

    at_ns: int
    since_ns: int
    last_id: int
    epoch: int
    # Best first; as many levels as are known without a hole, which may be the best one only.
    bid_px: Doubles
    bid_qty: Doubles
    ask_px: Doubles
    ask_qty: Doubles
    tops: Tops
    deals: Deals
    bands: tuple[Band, ...] = ()
    uncertified: str = ""  # how far the book is certified, where a figure reaches further

    @property
    def mid(self) -> float:
        """Return the middle of the spread, in quote units."""
        return float(self.bid_px[0] + self.ask_px[0]) / 2

    @property
    def spread(self) -> float:
        """Return ask minus bid, in quote units."""
        return float(self.ask_px[0] - self.bid_px[0])


@dataclass(frozen=True, slots=True)
class Features:
    """Figures by name; ``missing`` says of each None why."""

    values: Mapping[str, float | None]
    missing: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> float | None:
        """Return one figure; None where it could not be made. Raises `BadInput` for an unknown name."""
        if name not in self.values:
            raise BadInput(f"there is no figure {name!r}; known are {', '.join(self.values)}")
        return self.values[name]

    def as_json(self) -> dict[str, object]:
        """Return what the store keeps."""
        return {**self.values, "missing": dict(self.missing)}

    def fingerprint(self) -> str:
        """Return a hash of the figures: equal figures, equal hash."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Maker:
    """Collects figures and the reasons of those that cannot be made."""

    def __init__(self, view: BookView) -> None:
        self.view = view
        self.values: dict[str, float | None] = {}
        self.missing: dict[str, str] = {}

    def put(self, name: str, value: float | str) -> None:
        """Note a figure, or the words of why there is none."""
        if isinstance(value, str):
            self.values[name] = None
            self.missing[name] = value
        else:
            self.values[name] = float(f"{value:.{DIGITS}g}") + 0.0  # no minus zero

    def windowed(self, window_s: int) -> str | None:
        """Say why a window cannot be looked at; None where it can."""
        trusted_s = (self.view.at_ns - self.view.since_ns) / NS
        if trusted_s < window_s:
            return f"the book has been trusted for {trusted_s:.1f} s only"
        return None


def features(view: BookView) -> Features:
    """Make all figures of a view; raises `BadInput` for a book that is crossed or one-sided."""
    if not len(view.bid_px) or not len(view.ask_px):
        raise BadInput("a side of the book is empty")
    if view.spread <= 0:
        raise BadInput(f"the book is crossed: bid {view.bid_px[0]!r}, ask {view.ask_px[0]!r}")
    make = _Maker(view)
    make.put("mid", view.mid)
    make.put("spread_bps", BPS * view.spread / view.mid)
    _sizes(make)
    for window_s in WINDOWS_S:
        _flow(make, window_s)
        _moves(make, window_s)
    make.put(f"volatility_{WINDOWS_S[-1]}s_bps", _volatility(make, WINDOWS_S[-1]))
    return Features(make.values, make.missing)


def _sizes(make: _Maker) -> None:
    view = make.view
    known = min(len(view.bid_qty), len(view.ask_qty))
    for n in LEVELS:
        both = lean(view.bid_qty[:n].sum(), view.ask_qty[:n].sum())
        unknown = f"{known} levels a side are known"
        if view.uncertified:
            unknown += f": {view.uncertified}"
        make.put(f"imbalance_{n}", both if n <= known else unknown)
    bid, ask = view.bid_qty[0], view.ask_qty[0]
    weighted = (view.bid_px[0] * ask + view.ask_px[0] * bid) / (bid + ask)
    make.put("weighted_mid_bps", BPS * (float(weighted) - view.mid) / view.mid)
    tops = view.tops
    fair = microprice(tops.bid_px, tops.bid_qty, tops.ask_px, tops.ask_qty, view_of_top(view))
    make.put("microprice_bps", fair if isinstance(fair, str) else BPS * fair / view.mid)
    for band in view.bands:
        name = f"depth_imbalance_{band.half_width_bps:g}bps"
        if band.bid_qty is None or band.ask_qty is None:
            make.put(name, view.uncertified or "the book is not certified so far from the mid")
            continue
        empty = band.bid_qty + band.ask_qty <= 0
        make.put(name, "no quantity within it" if empty else lean(band.bid_qty, band.ask_qty))
    if view.bands:
        make.put("depth_age_s", view.bands[0].age_s)


def view_of_top(view: BookView) -> tuple[float, float, float, float]:
    """Return best bid, its quantity, best ask, its quantity."""
    return float(view.bid_px[0]), float(view.bid_qty[0]), float(view.ask_px[0]), float(view.ask_qty[0])


def lean(buy: float, sell: float) -> float:
    """Return ``(buy - sell) / (buy + sell)``, 0 where both are 0: -1 … 1."""
    total = buy + sell
    return float((buy - sell) / total) if total > 0 else 0.0


def _flow(make: _Maker, window_s: int) -> None:
    """Order-flow imbalance of the best prices, and the signed share of the volume traded."""
    view, why_not = make.view, make.windowed(window_s)
    from_ns = view.at_ns - window_s * NS
    steps = _steps_since(view.tops, from_ns) if why_not is None else why_not
    if isinstance(steps, str):
        make.put(f"ofi_{window_s}s_qty", steps)
        make.put(f"ofi_{window_s}s_share", steps)
    else:
        up, down = float(steps[steps > 0].sum()), -float(steps[steps < 0].sum())
        make.put(f"ofi_{window_s}s_qty", up - down)
        make.put(f"ofi_{window_s}s_share", lean(up, down))
    signed = view.deals.signed_qty[view.deals.ts_ns > from_ns]
    make.put(f"trades_{window_s}s", why_not or float(len(signed)))
    none = why_not or (f"no trades in {window_s} s" if not len(signed) else None)
    bought, sold = signed[signed > 0].sum(), -signed[signed < 0].sum()
    make.put(f"trade_flow_{window_s}s_share", none or lean(float(bought), float(sold)))


def _steps_since(tops: Tops, from_ns: int) -> Doubles | str:
    """Return each message's order-flow imbalance since ``from_ns``, the first against the one before."""
    first = int(np.searchsorted(tops.ts_ns, from_ns, side="right"))
    if first == 0:
        return "no best prices from before the window"
    return ofi_steps(tops)[first - 1 :]


def ofi_steps(tops: Tops) -> Doubles:
    """
    Return the order-flow imbalance of each step from one pair of best prices to the next, in base units.

    With P and q the best prices and sizes a step contributes

        e =   q_bid' [P_bid' >= P_bid] - q_bid [P_bid' <= P_bid]
            - q_ask' [P_ask' <= P_ask] + q_ask [P_ask' >= P_ask]

    so buying pressure is positive. Source: Cont, Kukanov and Stoikov (2014), "The price impact of order
    book events".
    """
    bid, ask, bid_qty, ask_qty = tops.bid_px, tops.ask_px, tops.bid_qty, tops.ask_qty
    bids = np.where(bid[1:] >= bid[:-1], bid_qty[1:], 0) - np.where(bid[1:] <= bid[:-1], bid_qty[:-1], 0)
    asks = np.where(ask[1:] <= ask[:-1], ask_qty[1:], 0) - np.where(ask[1:] >= ask[:-1], ask_qty[:-1], 0)
    return np.asarray(bids - asks, np.float64)


def _moves(make: _Maker, window_s: int) -> None:
    name = f"return_{window_s}s_bps"
    why_not = make.windowed(window_s)
    if why_not is not None:
        make.put(name, why_not)
        return
    before = _mid_at(make.view.tops, make.view.at_ns - window_s * NS)
    if before is None:
        make.put(name, "no best prices from before the window")
    else:
        make.put(name, BPS * (make.view.mid - before) / before)


def _mid_at(tops: Tops, at_ns: int) -> float | None:
    """Return the mid as known at ``at_ns``."""
    at = int(np.searchsorted(tops.ts_ns, at_ns, side="right")) - 1
    return None if at < 0 else float(tops.bid_px[at] + tops.ask_px[at]) / 2


def _volatility(make: _Maker, window_s: int) -> float | str:
    """Return the root of the summed squared returns over a grid, in bps for the whole window."""
    view, why_not = make.view, make.windowed(window_s)
    if why_not is not None:
        return why_not
    grid = view.at_ns - np.arange(window_s, -1, -GRID_S, dtype=np.int64) * NS
    at = np.searchsorted(view.tops.ts_ns, grid, side="right") - 1
    if at[0] < 0:
        return "no best prices from before the window"
    logs = np.log(view.tops.mids()[at])
    return float(BPS * np.sqrt(np.square(np.diff(logs)).sum()))
