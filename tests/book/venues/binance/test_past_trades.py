"""Past trades as REST lists them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.errors import BadFrame
from leadline.book.messages import Trade, TradeKind
from leadline.book.scale import Scale
from leadline.book.venues.binance.past_trades import decode_past_trades

SCALE = Scale(2, 3)
RECV_NS, MS = 9_000_000_000, 1_000_000


def past(fields: str = "", a: int = 7, first: int = 20, last: int = 22) -> str:
    return f'{{"a":{a},"p":"5.01","q":"4.000","f":{first},"l":{last},"T":1234,"m":true{fields}}}'


def read(*listed: str) -> list[Trade]:
    return decode_past_trades(f"[{','.join(listed)}]".encode(), "BTCUSDT", SCALE, RECV_NS)


def test_each_is_an_aggregate_of_the_trades_it_covers() -> None:
    whole = Trade("BTCUSDT", 7, 501, 4000, True, 1234 * MS, 1234 * MS, RECV_NS, is_backfilled=True)
    assert read() == []
    assert read(past(',"M":true'), past(a=8, first=-1, last=-1)) == [
        replace(whole, covers=(20, 22)),
        replace(whole, trade_id=8),
    ]


@pytest.mark.parametrize(
    ("nq", "kind", "market_lots"),
    [
        ("4.000", TradeKind.MARKET, None),
        ("1.500", TradeKind.MARKET, 1500),
        ("0", TradeKind.RPI, 0),
        ("9.0", TradeKind.MARKET, None),
    ],
)
def test_how_much_of_it_met_the_book(nq: str, kind: TradeKind, market_lots: int | None) -> None:
    (trade,) = read(past(f',"nq":"{nq}"'))
    assert (trade.kind, trade.market_lots, trade.qty_lots) == (kind, market_lots, 4000)


@pytest.mark.parametrize("answer", [b"{}", b'[{"a":1}]', b'[{"a":"1"}]', b"not"])
def test_another_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(BadFrame):
        decode_past_trades(answer, "BTCUSDT", SCALE, RECV_NS)
