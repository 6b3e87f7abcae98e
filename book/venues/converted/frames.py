"""
Frames for market data that came as a table: the messages its rows were part of, numbered by us.

They are written as Binance's spot market writes its messages, so that its decoder and compiled scanner read
them. A diff gets the next even number, a ticker the odd one after the newest diff: no ticker shares an id
with a diff, because the table does not say which of them belong together.

    {"stream":"btcusdt@snapshot","data":{"lastUpdateId":…,"bids":[["px","qty"],…],"asks":[…]}}
    {"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":us,"s":"BTCUSDT","U":…,"u":…,"b":[…],"a":[…]}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypeAlias

STEP = 2

Level: TypeAlias = tuple[str, str]
"""Price and quantity as plain decimals; quantity 0 deletes the level."""


class FrameWriter:
    """
    Writes one symbol's frames; times are whole us since 1970.

    Raises `ValueError` for a symbol that no stream's name can hold.
    """

    def __init__(self, symbol: str) -> None:
        if not symbol or "@" in symbol:
            raise ValueError(f"symbol {symbol!r}: expected a name without '@'")
        self._symbol = json.dumps(symbol)
        self._name = json.dumps(symbol.lower(), ensure_ascii=True)[1:-1]
        self._last_id = STEP

    def snapshot(self, bids: Sequence[Level], asks: Sequence[Level]) -> bytes:
        """Write a whole book; the next diff joins it."""
        return self._framed(
            "snapshot", f'"lastUpdateId":{self._last_id},"bids":{_levels(bids)},"asks":{_levels(asks)}'
        )

    def diff(self, event_us: int, bids: Sequence[Level], asks: Sequence[Level]) -> bytes:
        """Write changed levels, which follow what was written last."""
        first_id = self._last_id + 1
        self._last_id += STEP
        return self._framed(
            "depth",
            f'"e":"depthUpdate","E":{event_us},"s":{self._symbol},"U":{first_id},"u":{self._last_id},'
            f'"b":{_levels(bids)},"a":{_levels(asks)}',
        )

    def trade(self, event_us: int, trade_id: int, px: str, qty: str, *, buyer_is_maker: bool) -> bytes:
        """Write one trade."""
        return self._framed(
            "trade",
            f'"e":"trade","E":{event_us},"s":{self._symbol},"t":{trade_id},"p":"{px}","q":"{qty}",'
            f'"T":{event_us},"m":{"true" if buyer_is_maker else "false"}',
        )

    def ticker(self, bid: Level, ask: Level) -> bytes:
        """Write the best prices."""
        return self._framed(
            "bookTicker",
            f'"u":{self._last_id + 1},"s":{self._symbol},"b":"{bid[0]}","B":"{bid[1]}",'
            f'"a":"{ask[0]}","A":"{ask[1]}"',
        )

    def _framed(self, stream: str, data: str) -> bytes:
        return f'{{"stream":"{self._name}@{stream}","data":{{{data}}}}}'.encode()


def _levels(levels: Iterable[Level]) -> str:
    return "[" + ",".join([f'["{px}","{qty}"]' for px, qty in levels]) + "]"
