"""
From a database to a plot: export a symbol to Parquet, look at it with SQL, ask a question, draw the answer.

    leadline demo                                # makes demo.duckdb
    python examples/export_to_plot.py            # or: … path/to.duckdb SYMBOL output-folder

Written in cells (``# %%``), which editors run one by one like a notebook; Leadline is all it needs.
"""

# %% Where the data is, and where the files go
from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import numpy as np

from leadline.book.analytics.signal_features import Tops, ofi_steps
from leadline.book.scores.scoring import ALPHA
from leadline.book.scores.statistics import Timeline, holm
from leadline.flows.render.draw import AMBER, BLUE, GREEN
from leadline.flows.render.svg import Interval, Panel, Series, Shade, intervals, panels
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.exports.export import Job, export

given = dict(zip(("db", "symbol", "out"), sys.argv[1:], strict=False))
DB = Path(given.get("db", "demo.duckdb"))
SYMBOL = given.get("symbol", "BTCUSDT")
OUT = Path(given.get("out", "export-example"))

# %% Export: one folder of Parquet a table and day, and a certificate that says how far it can be trusted.
# The command line does the same: leadline export BTCUSDT --out export-example
with connect(DB) as con:
    certificates = export(con, Job(SYMBOL, "parquet", OUT), now=dt.datetime.now(dt.UTC))
for one in certificates:
    print(
        f"{one.symbol} {one.ts_from} to {one.ts_to}: {one.covered_pct:.2f} % covered, {len(one.gaps)} gaps"
    )
    print(f"  content {one.content['sha256'][:16]}…, {sum(one.rows.values()):,} rows")

# %% SQL on the files: any engine that reads Parquet can do this, without Leadline
duck = open_duckdb()  # plain DuckDB, set to UTC
quotes = duck.sql(f"""
    SELECT recv_ns, bid_px, bid_qty, ask_px, ask_qty,
           (bid_px + ask_px) / 2 AS mid, 1e4 * (ask_px - bid_px) / mid AS spread_bps
    FROM read_parquet('{OUT}/book_tickers/*/*/*/*.parquet') ORDER BY recv_ns
""").fetchnumpy()
at_s = quotes["recv_ns"] / 1e9
print(f"{len(at_s):,} best prices, spread {np.median(quotes['spread_bps']):.3f} bps at the median")


# %% Where the book was not covered: those spans are shaded, and no return may cross them
def seconds_of(moment: str) -> float:
    """Read a moment of a certificate as seconds since 1970."""
    return dt.datetime.fromisoformat(moment).timestamp()


holes = [
    Shade(seconds_of(gap["ts_from"]), seconds_of(gap["ts_to"]), gap["cause"])
    for one in certificates
    for gap in one.gaps
]


def is_whole(start_s: float, end_s: float) -> bool:
    """Tell whether nothing is missing between two moments."""
    return not any(hole.from_s < end_s and hole.to_s > start_s for hole in holes)


# %% The question: does the order flow of the last seconds say where the mid goes in the next?
WINDOW_S = 5.0
tops = Tops(*(quotes[name] for name in ("recv_ns", "bid_px", "bid_qty", "ask_px", "ask_qty")))
flow = np.concatenate(([0.0], np.cumsum(ofi_steps(tops))))
grid = np.arange(at_s[0] + WINDOW_S, at_s[-1] - WINDOW_S, WINDOW_S / 5)
grid = np.array([t for t in grid if is_whole(t - WINDOW_S, t + WINDOW_S)])
before, now, after = (np.searchsorted(at_s, grid + d, side="right") - 1 for d in (-WINDOW_S, 0, WINDOW_S))
ofi = flow[now] - flow[before]
moved_bps = 1e4 * (quotes["mid"][after] / quotes["mid"][now] - 1)

# %% The answer, by the sign of the flow, with intervals that know that the windows overlap
sides = {-1: ("selling", AMBER), 0: ("nothing", BLUE), 1: ("buying", GREEN)}
found = []
for side in sides:
    chosen = np.sign(ofi) == side
    if chosen.any():
        timeline = Timeline((grid[chosen] * 1e9).astype(np.int64), int(WINDOW_S * 1e9))
        found.append((side, timeline.mean(moved_bps[chosen])))
rows = []
for (side, answer), p in zip(found, holm([estimate.p for _, estimate in found]), strict=True):
    evidence = "too few" if p is None else "evidence" if p < ALPHA else "no evidence"
    words = f"{answer.n} windows: {evidence}"
    name, colour = sides[side]
    rows.append(Interval(name, answer.value, answer.low, answer.high, words, colour))
    print(f"after {name}: {answer.value:+.3f} bps in {WINDOW_S:g} s, {words}")

# %% The plots: one file each, no browser extension, no network
title = f"{SYMBOL}, {at_s[-1] - at_s[0]:,.0f} s"
drawn = [
    Panel("mid", "quote units", [Series("mid", at_s, quotes["mid"], BLUE, is_step=True)]),
    Panel("spread", "bps", [Series("spread", at_s, quotes["spread_bps"], AMBER, is_step=True)]),
    Panel(f"order-flow imbalance, {WINDOW_S:g} s", "base units", [Series("OFI", grid, ofi, GREEN)]),
]
(OUT / "leadline.book.svg").write_text(
    panels(drawn, title=title, shades=holes, words="shaded: not covered")
)
if rows:
    told = f"{SYMBOL}: move of the mid in the {WINDOW_S:g} s after order flow of the last {WINDOW_S:g} s"
    (OUT / "answer.svg").write_text(intervals(rows, title=told, unit="bps", words="95 % intervals"))
print(json.dumps({"plots": [str(OUT / "leadline.book.svg"), str(OUT / "answer.svg")][: 1 + bool(rows)]}))
