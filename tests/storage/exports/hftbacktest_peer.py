"""
Hold an export for hftbacktest against what its own converter makes of the same recording.

    python hftbacktest_peer.py RECORDING EXPORT.npz TICK LOT SIZE

Runs in an environment that has hftbacktest and needs nothing of Leadline. Prints a JSON object:
``trades`` equal or not, ``latency_ms`` of both, ``fills`` of a toy market maker on both.
"""

from __future__ import annotations

import contextlib
import json
import sys

import numpy as np
from hftbacktest import BUY, GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data.utils.binancefutures import convert
from hftbacktest.data.validation import validate_event_order
from numba import njit

LOCAL, KIND = np.uint64(1 << 30), np.uint64(0xFF)
DEPTH, TRADE, SNAPSHOT = 1, 2, 4
SIDES = np.uint64(3 << 28)
STEP_NS, DELAY_NS = 100_000_000, 10_000_000
BEGINS_NS = 1_000_000_000  # after both books are there, so that both makers decide at the same moments


def seen(events, kind):
    """Events of a kind as the local side sees them."""
    return events[((events["ev"] & LOCAL) != 0) & ((events["ev"] & KIND) == kind)]


def latency_ms(events, since_ns):
    """Mean, median and 99th percentile of the feed latency of diffs and trades."""
    found = {}
    for name, kind in (("depth", DEPTH), ("trades", TRADE)):
        some = seen(events, kind)
        some = some[some["local_ts"] >= since_ns]
        late = (some["local_ts"] - some["exch_ts"]) / 1e6
        found[name] = [
            len(some),
            *(round(float(x), 6) for x in (late.mean(), *np.percentile(late, [50, 99]))),
        ]
    return found


@njit
def quote_both_sides(hbt, tick, size, at_ns):
    """Keep one order at each best price, up to five of them in position; return the steps made."""
    steps = 0
    hbt.elapse(1)
    if hbt.elapse(at_ns - hbt.current_timestamp) != 0:
        return steps
    while hbt.elapse(STEP_NS) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        position = hbt.position(0)
        steps += 1
        bid, ask = round(depth.best_bid / tick), round(depth.best_ask / tick)
        has_bid = has_ask = False
        orders = hbt.orders(0).values()
        while orders.has_next():
            order = orders.get()
            wanted = bid if order.side == BUY else ask
            if order.price_tick != wanted:
                if order.cancellable:
                    hbt.cancel(0, order.order_id, False)
            elif order.side == BUY:
                has_bid = True
            else:
                has_ask = True
        if not has_bid and position < 5 * size:
            hbt.submit_buy_order(0, bid, bid * tick, size, GTX, LIMIT, False)
        if not has_ask and position > -5 * size:
            hbt.submit_sell_order(0, ask, ask * tick, size, GTX, LIMIT, False)
    return steps


def fills(events, tick, lot, size, at_ns):
    """What the toy market maker did on some data, and what it has at the end."""
    asset = (
        BacktestAsset()
        .data(np.ascontiguousarray(events))
        .linear_asset(1.0)
        .constant_order_latency(DELAY_NS, DELAY_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(-0.00005, 0.0007)
        .tick_size(tick)
        .lot_size(lot)
    )
    hbt = HashMapMarketDepthBacktest([asset])
    steps = quote_both_sides(hbt, tick, size, at_ns)
    state, depth = hbt.state_values(0), hbt.depth(0)
    mid = (depth.best_bid + depth.best_ask) / 2
    told = {
        "steps": steps,
        "trades": state.num_trades,
        "volume": state.trading_volume,
        "position": state.position,
        "equity": state.balance + state.position * mid - state.fee,
    }
    hbt.close()
    return told


def main():
    recording, export, *numbers = sys.argv[1:]
    tick, lot, size = map(float, numbers)
    with contextlib.redirect_stdout(sys.stderr):
        theirs = convert(recording, buffer_size=5_000_000)
    ours = np.load(export)["data"]
    validate_event_order(theirs)
    validate_event_order(ours)
    one, two = seen(theirs, TRADE), seen(ours, TRADE)
    columns = ("exch_ts", "local_ts", "px", "qty")
    both_ns = max(int(seen(events, SNAPSHOT)["local_ts"][0]) for events in (theirs, ours))
    since_ns = both_ns + 1_000_000
    result = {
        "trades": len(one) == len(two)
        and all(bool((one[name] == two[name]).all()) for name in columns)
        and bool(((one["ev"] & SIDES) == (two["ev"] & SIDES)).all()),
        "latency_ms": [latency_ms(events, since_ns) for events in (theirs, ours)],
        "fills": [fills(events, tick, lot, size, both_ns + BEGINS_NS) for events in (theirs, ours)],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
