"""
Past trades as REST lists them: aggregates, without a symbol and without a time of sending.

Sources: binance-spot-api-docs, rest-api.md "Compressed/Aggregate trades list"; Binance derivatives docs.
"""

from __future__ import annotations

import msgspec

from leadline.book.messages import Trade
from leadline.book.scale import Scale
from leadline.book.venues.binance.decode import IdOrNone, aggregated
from leadline.book.venues.common.wire import MILLISECOND_NS, Id, decode_json, to_ns, to_number


class _PastAggregate(msgspec.Struct, gc=False):
    a: Id
    p: str
    q: str
    f: IdOrNone
    l: IdOrNone  # noqa: E741 - the venue's name
    T: Id
    m: bool
    nq: str | None = None


_PAST = msgspec.json.Decoder(list[_PastAggregate])


def decode_past_trades(
    body: bytes, symbol: str, scale: Scale, ts_recv_ns: int, *, time_unit_ns: int = MILLISECOND_NS
) -> list[Trade]:
    """
    Read the answer of ``aggTrades``; raises `BadFrame`, `OffScale`.

    The answer has no time of sending: ``ts_event_ns`` is that of the trade.
    """
    found = []
    for one in decode_json(_PAST, body):
        ts_ns = to_ns(one.T, time_unit_ns, "T")
        px, lots = to_number(scale.ticks, one.p, "p"), to_number(scale.lots, one.q, "q")
        trade = Trade(symbol, one.a, px, lots, one.m, ts_ns, ts_ns, ts_recv_ns, is_backfilled=True)
        market_lots = None if one.nq is None else to_number(scale.lots, one.nq, "nq")
        found.append(aggregated(trade, one.f, one.l, market_lots))
    return found
