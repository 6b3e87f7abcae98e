"""
The synthetic market in the venue's words: payloads of streams and REST, as text.

The spelling, order of fields, decimals and order of levels are those of recordings of 2024-08-08 (spot,
USD-M and COIN-M). Times are milliseconds on the wire. Nothing but text is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from leadline.book.messages import Level
from leadline.book.synthetic.records import Depth, MarketDiff, MarketTicker, MarketTrade
from leadline.book.synthetic.specs import Kind, MarketSpec

MS = 1_000_000  # ns


class Wire:
    """Writes the messages of one symbol."""

    def __init__(self, spec: MarketSpec) -> None:
        self.symbol = spec.symbol
        self.stream = spec.symbol.lower()
        self.kind = spec.kind
        self.price = _writer(spec.price_digits)
        self.qty = _writer(spec.qty_digits)
        # COIN-M names the pair beside the contract.
        pair = spec.symbol.partition("_")[0]
        self._pair = f',"ps":"{pair}"' if spec.kind is Kind.COINM else ""
        self._rest_pair = f',"symbol":"{spec.symbol}","pair":"{pair}"' if spec.kind is Kind.COINM else ""
        self._levels = _levels_writer(spec.price_digits, spec.qty_digits)

    def depth(self, diff: MarketDiff) -> str:
        """Write a ``depthUpdate``; futures add T and pu and list bids from the lowest price up."""
        at, asks = diff.ts_ns // MS, self._levels(diff.asks)
        if self.kind is Kind.SPOT:
            return (
                f'{{"e":"depthUpdate","E":{at},"s":"{self.symbol}","U":{diff.first_id},"u":{diff.last_id},'
                f'"b":[{self._levels(diff.bids)}],"a":[{asks}]}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{at},"T":{at},"s":"{self.symbol}"{self._pair},'
            f'"U":{diff.first_id},"u":{diff.last_id},"pu":{diff.prev_id},'
            f'"b":[{self._levels(reversed(diff.bids))}],"a":[{asks}]}}'
        )

    def partial(self, depth: Depth, diff: MarketDiff) -> str:
        """Write partial depth, best levels first: spot like REST, futures like a ``depthUpdate``."""
        bids, asks = self._levels(depth.bids), self._levels(depth.asks)
        if self.kind is Kind.SPOT:
            return f'{{"lastUpdateId":{depth.last_id},"bids":[{bids}],"asks":[{asks}]}}'
        at = diff.ts_ns // MS
        return (
            f'{{"e":"depthUpdate","E":{at},"T":{at},"s":"{self.symbol}"{self._pair},'
            f'"U":{diff.first_id},"u":{depth.last_id},"pu":{diff.prev_id},"b":[{bids}],"a":[{asks}]}}'
        )

    def ticker(self, ticker: MarketTicker) -> str:
        """Write a ``bookTicker``; spot sends neither event name nor time."""
        at, price, qty = ticker.ts_ns // MS, self.price, self.qty
        top = (
            f'"b":"{price(ticker.bid)}","B":"{qty(ticker.bid_qty)}",'
            f'"a":"{price(ticker.ask)}","A":"{qty(ticker.ask_qty)}"'
        )
        if self.kind is Kind.SPOT:
            return f'{{"u":{ticker.last_id},"s":"{self.symbol}",{top}}}'
        if self.kind is Kind.USDM:
            head = f'"e":"bookTicker","u":{ticker.last_id}'
        else:
            head = f'"u":{ticker.last_id},"e":"bookTicker"'
        return f'{{{head},"s":"{self.symbol}"{self._pair},{top},"T":{at},"E":{at}}}'

    def trade(self, trade: MarketTrade) -> str:
        """Write a ``trade``."""
        at, maker = trade.ts_ns // MS, "true" if trade.buyer_is_maker else "false"
        what = f'"t":{trade.trade_id},"p":"{self.price(trade.price)}","q":"{self.qty(trade.qty)}"'
        if self.kind is Kind.SPOT:
            return f'{{"e":"trade","E":{at},"s":"{self.symbol}",{what},"T":{at},"m":{maker},"M":true}}'
        return f'{{"e":"trade","E":{at},"T":{at},"s":"{self.symbol}",{what},"X":"MARKET","m":{maker}}}'

    def past_trade(self, fills: Sequence[MarketTrade]) -> str:
        """Write the fills of one order at one price as REST lists an aggregate."""
        first, last = fills[0], fills[-1]
        maker = "true" if first.buyer_is_maker else "false"
        qty = self.qty(sum(fill.qty for fill in fills))
        tail = ',"M":true' if self.kind is Kind.SPOT else ""
        return (
            f'{{"a":{first.trade_id},"p":"{self.price(first.price)}","q":"{qty}","f":{first.trade_id},'
            f'"l":{last.trade_id},"T":{first.ts_ns // MS},"m":{maker}{tail}}}'
        )

    def agg_trade(self, trade: MarketTrade) -> str:
        """Write an ``aggTrade``: here each trade is an aggregate of its own."""
        at, maker = trade.ts_ns // MS, "true" if trade.buyer_is_maker else "false"
        n, tail = trade.trade_id, ',"M":true' if self.kind is Kind.SPOT else ""
        return (
            f'{{"e":"aggTrade","E":{at},"s":"{self.symbol}","a":{n},"p":"{self.price(trade.price)}",'
            f'"q":"{self.qty(trade.qty)}","f":{n},"l":{n},"T":{at},"m":{maker}{tail}}}'
        )

    def snapshot(self, depth: Depth, ts_ns: int) -> str:
        """Write a REST depth answer; spot's carries no time."""
        book = f'"bids":[{self._levels(depth.bids)}],"asks":[{self._levels(depth.asks)}]'
        at = ts_ns // MS
        when = "" if self.kind is Kind.SPOT else f'"E":{at},"T":{at}{self._rest_pair},'
        return f'{{"lastUpdateId":{depth.last_id},{when}{book}}}'


def _writer(digits: int) -> Callable[[int], str]:
    """Make a function from units to text with exactly ``digits`` decimals."""
    if not digits:
        return str
    unit, form = 10**digits, f"%d.%0{digits}d"
    return lambda units: form % (units // unit, units % unit)


def _levels_writer(price_digits: int, qty_digits: int) -> Callable[[Iterable[Level]], str]:
    """Make a function that writes ``["price","quantity"]`` pairs; this is where the time goes."""
    price_unit, qty_unit = 10**price_digits, 10**qty_digits
    price_form = f"%d.%0{price_digits}d"
    if qty_digits:
        form = f'["{price_form}","%d.%0{qty_digits}d"]'

        def write(levels: Iterable[Level]) -> str:
            return ",".join(
                [form % (p // price_unit, p % price_unit, q // qty_unit, q % qty_unit) for p, q in levels]
            )

        return write
    whole = f'["{price_form}","%d"]'
    return lambda levels: ",".join([whole % (p // price_unit, p % price_unit, q) for p, q in levels])
