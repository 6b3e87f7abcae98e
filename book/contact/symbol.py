"""
One symbol's streams and order books, each rule of the documents a tally of its own.

    depth     ids chain (the venue's rule) ──> a book from the first seed ──> tops by id
    tickers   ids rise; at an id that the book also has, the top is the book's
    trades    ids count one by one, where the venue says so
    REST      a later order book, carried on by the diffs, is the book that the first seed became

Nothing here asks a clock: messages bear when they were received.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from typing import Any

from leadline.book.contact.findings import Finding, Tally
from leadline.book.contact.sides import Sides
from leadline.book.errors import BadFrame
from leadline.book.messages import Bbo, BookTicker, DepthDiff, DepthSnapshot, Trade
from leadline.book.sync.rules import Join
from leadline.book.venues.common.documented import Part
from leadline.book.venues.common.listing import SymbolInfo
from leadline.book.venues.common.spec import VenueSpec

KEPT = 4_000  # diffs, tops and tickers remembered: minutes of a busy symbol
COMPARED_LEVELS = 25  # of a second order book, a side: no window of a venue is shallower
# Where messages state what differs from the last one, what changed and came back in between is in none.
PASSING = 40  # entries of 100: a level that differs is one in each book
ODD_QTY_SHARE = 0.05  # orders of before a change of step size may still fill in finer amounts


class SymbolContact:
    """See the head of this module; ``info`` is what the venue lists of it, ``parts`` what it streams."""

    def __init__(self, symbol: str, spec: VenueSpec, info: SymbolInfo, parts: Collection[Part]) -> None:
        sources = spec.documented.sources
        self.symbol = symbol
        self.info = info
        self.book: Sides | None = None
        self.last_diff_id: int | None = None
        self._spec = spec
        self._parts = parts
        self._at: int | None = None  # the id of the newest message of the diff stream
        self._recent: deque[DepthDiff] = deque(maxlen=KEPT)
        self._tops: OrderedDict[int, Bbo] = OrderedDict()
        self._tickers: OrderedDict[int, Bbo] = OrderedDict()
        self._listings: OrderedDict[int, DepthSnapshot] = OrderedDict()
        self._second: list[DepthSnapshot] = []
        self._ticker_id = self._trade_id = -1
        self._fills: OrderedDict[int, tuple[int, bool]] = OrderedDict()  # streamed: id -> price, side
        self.last_trade_ns: int | None = None  # when the newest trade was made
        self._events_ns: dict[str, int] = {}
        self._tick = info.scale.ticks(info.tick_size)
        self._step = info.scale.lots(info.step_size)

        def tally(area: str, assumption: str, what: str) -> Tally:
            return Tally(area, assumption, sources.get(area, ""), what)

        self._chain = tally("ids", "each diff joins the one before it", "diffs")
        self._begun = tally("streams", "a book's stream begins with a snapshot", "messages")
        self._join = tally("ids", "an order book of REST joins the diffs", "order books")
        self._same = tally(
            "ids", "a later order book, carried on by the diffs, equals the first one", "order books"
        )
        self._rising = tally("ids", "update ids of tickers never fall", "tickers")
        self._past = tally("trades", "a past trade of REST equals the streamed one", "trades")
        self._counted = tally("trades", "trade ids count one by one", "trades")
        self._equal = tally("tickers", "a ticker equals the book at the same id", "equal ids")
        self._partial = tally("tickers", "partial depth equals the book at the same id", "equal ids")
        self._uncrossed = tally("tickers", "the bid is below the ask", "tops")
        self._ordered = tally("times", "event times of a stream never fall", "messages")
        self._caused = tally("times", "a trade's time is not after its event's", "trades")
        self._ticks = tally("filters", "prices are multiples of tickSize", "prices")
        self._steps = tally("filters", "traded quantities are multiples of stepSize", "quantities")

    # -- streams ---------------------------------------------------------------------------------

    def depth(self, message: DepthDiff | DepthSnapshot) -> None:
        """Take a message of the diff stream."""
        if message.ts_event_ns is not None:
            self._time("depth", message.ts_event_ns)
        if isinstance(message, DepthSnapshot):
            self._at, self.last_diff_id = message.last_id, message.witness_id
            self._recent.clear()
            self.book = Sides(message)
            self._note_top(self.book)
            return
        if self._spec.window is not None:
            self._begun.look(self._at is not None, "a delta came before any snapshot")
        self._check_chain(message)
        self.last_diff_id = message.witness_id
        self._recent.append(message)
        if self.book is not None:
            self.book.apply(message)
            self._note_top(self.book)

    def ticker(self, ticker: BookTicker) -> None:
        """Take a book ticker; a side of quantity 0 is none."""
        if ticker.ts_event_ns is not None:
            self._time("ticker", ticker.ts_event_ns)
        fell = f"id {ticker.update_id} after {self._ticker_id}"
        self._rising.look(ticker.update_id >= self._ticker_id, fell)
        self._ticker_id = ticker.update_id
        if not ticker.bid_lots or not ticker.ask_lots:
            return
        top = ticker.top
        self._uncrossed.look(top.bid_ticks < top.ask_ticks, f"{self._words(top)} at id {ticker.update_id}")
        self._look_at_price(top.bid_ticks)
        self._look_at_price(top.ask_ticks)
        self._pend(self._tickers, ticker.update_id, top)
        if ticker.update_id in self._tops:
            self._compare_top(ticker.update_id)

    def trade(self, trade: Trade) -> None:
        """Take a trade."""
        self._time("trade", trade.ts_event_ns)
        after = f"trade {trade.ts_trade_ns}, event {trade.ts_event_ns}, ns"
        self._caused.look(trade.ts_trade_ns <= trade.ts_event_ns, after)
        if trade.price_ticks:  # a price of 0 is no trade of the market
            self._look_at_price(trade.price_ticks)
            odd = f"{self.info.scale.quantity(trade.qty_lots)} with stepSize {self.info.step_size}"
            self._steps.look(trade.qty_lots % self._step == 0, odd)
        if self._spec.numbers_trades:
            wanted = self._trade_id + 1
            is_next = self._trade_id < 0 or trade.trade_id == wanted
            self._counted.look(is_next, f"expected {wanted}, got {trade.trade_id}")
        self._trade_id = trade.trade_id
        self.last_trade_ns = trade.ts_trade_ns
        for fill_id in _fill_ids(trade):
            self._pend(self._fills, fill_id, (trade.price_ticks, trade.buyer_is_maker))

    def past_trade(self, trade: Trade) -> None:
        """Take a trade that REST lists; only what was streamed too is compared."""
        for fill_id in _fill_ids(trade):
            streamed = self._fills.get(fill_id)
            if streamed is not None:
                told = trade.price_ticks, trade.buyer_is_maker
                words = f"{fill_id}: price and side differ"
                self._past.look(told == streamed, words)

    def partial(self, listing: DepthSnapshot) -> None:
        """Take a message of the partial depth stream."""
        if self.book is not None and self.book.witness_id == listing.witness_id:
            self._compare_partial(listing)
        else:
            self._pend(self._listings, listing.witness_id, listing)

    # -- order books of REST ---------------------------------------------------------------------

    def seed(self, seed: DepthSnapshot) -> bool:
        """Take an order book, the first as the book itself; False: it is older than all diffs."""
        if not self._reaches(seed):
            return False
        self._second.append(seed)
        if self.book is None:
            self.book = self._carry(seed)
            self._note_top(self.book)
        return True

    @property
    def awaits_diffs(self) -> bool:
        """Whether an order book was taken that no diff has reached yet."""
        return any(not self._is_reached(seed) for seed in self._second)

    def settle(self, *, is_last: bool = False) -> None:
        """Judge the order books that were taken since and that diffs have reached; at last, all of them."""
        taken, self._second = self._second, []
        for seed in taken:
            if not is_last and not self._is_reached(seed):
                self._second.append(seed)
            elif not self._has_forgotten(seed) and self._check_join(seed) and self.book is not None:
                self._compare_books(seed, self._carry(seed))

    def _carry(self, seed: DepthSnapshot) -> Sides:
        """Carry an order book on by the diffs received after it."""
        sides = Sides(seed)
        for diff in self._after(seed):
            sides.apply(diff)
        return sides

    def _after(self, seed: DepthSnapshot) -> list[DepthDiff]:
        return [diff for diff in self._recent if diff.witness_id > seed.witness_id]

    def _is_reached(self, seed: DepthSnapshot) -> bool:
        return self.last_diff_id is not None and self.last_diff_id >= seed.witness_id

    def _reaches(self, seed: DepthSnapshot) -> bool:
        """Whether the diffs that are remembered reach back to an order book."""
        after = self._after(seed)
        if not self._spec.same_ids or not after or after[0] is not self._recent[0]:
            return True
        return self._judge(after[0], seed.last_id, bridged=False) is not Join.GAP

    def _has_forgotten(self, seed: DepthSnapshot) -> bool:
        """Whether diffs that came after an order book are remembered no more."""
        is_full = len(self._recent) == self._recent.maxlen
        return is_full and self._recent[0].witness_id > seed.witness_id

    def _check_join(self, seed: DepthSnapshot) -> bool:
        """Judge an order book that was taken a while ago by the diffs that came since."""
        after, newest = self._after(seed), self.last_diff_id
        if not after:
            far = newest is not None and newest < seed.witness_id
            self._join.look(
                not far, f"the book stands at {seed.witness_id}, the newest diff ends at {newest}"
            )
            return not far
        if not self._spec.same_ids:
            return True
        joins = self._judge(after[0], seed.last_id, bridged=False) is not Join.GAP
        begins = self._got_id(after[0])
        wrong = f"the book stands at {seed.last_id}, the first diff after it begins at {begins}"
        self._join.look(joins, wrong)
        return joins

    # -- rules -----------------------------------------------------------------------------------

    def _check_chain(self, diff: DepthDiff) -> None:
        if self._at is not None:
            join, rule = self._judge(diff, self._at, bridged=True), self._spec.rule
            if join is Join.GAP:
                wrong = f"expected {rule.expected_id(self._at)}, got {self._got_id(diff)}"
            else:
                wrong = f"{diff.first_id}..{diff.last_id} again or out of order, after {self._at}"
            self._chain.look(join is Join.NEXT, wrong)
        self._at = diff.last_id

    def _judge(self, diff: DepthDiff, last_id: int, *, bridged: bool) -> Join:
        try:
            return self._spec.rule.judge(diff, last_id, bridged=bridged)
        except BadFrame:
            return Join.GAP  # it does not say what it follows

    def _got_id(self, diff: DepthDiff) -> int | None:
        """Return what a diff says of its place; None where it does not say."""
        try:
            return self._spec.rule.got_id(diff)
        except BadFrame:
            return None

    def _note_top(self, book: Sides) -> None:
        top = book.top()
        if top is not None:
            self._pend(self._tops, book.witness_id, top)
            if book.witness_id in self._tickers:
                self._compare_top(book.witness_id)
        listing = self._listings.pop(book.witness_id, None)
        if listing is not None:
            self._compare_partial(listing)

    def _compare_top(self, at_id: int) -> None:
        top, told = self._tops[at_id], self._tickers[at_id]
        differ = f"at id {at_id} the book says {self._words(top)}, the ticker {self._words(told)}"
        if top == told or self._spec.faith.refute:
            self._equal.look(top == told, differ)
        else:  # the documents promise less: told, and no more
            self._equal.noted[differ] += 1

    def _compare_partial(self, listing: DepthSnapshot) -> None:
        assert self.book is not None
        most = max(len(listing.bids), len(listing.asks))
        bids, asks = self.book.best(most)
        is_equal = (bids[: len(listing.bids)], asks[: len(listing.asks)]) == (
            list(listing.bids),
            list(listing.asks),
        )
        self._partial.look(is_equal, f"at id {listing.witness_id} levels differ")

    def _compare_books(self, seed: DepthSnapshot, carried: Sides) -> None:
        assert self.book is not None
        ours, theirs = self.book.best(COMPARED_LEVELS), carried.best(COMPARED_LEVELS)
        levels = sum(len(set(a) ^ set(b)) for a, b in zip(ours, theirs, strict=True))
        wrong = (
            f"the one at {seed.witness_id}, carried on to {carried.witness_id}, differs in {levels} entries"
        )
        self._same.look(levels <= (0 if self._spec.same_ids else PASSING), wrong)

    def _look_at_price(self, ticks: int) -> None:
        odd = f"{self.info.scale.price(ticks)} with tickSize {self.info.tick_size}"
        self._ticks.look(ticks % self._tick == 0, odd)

    def _time(self, stream: str, event_ns: int) -> None:
        before = self._events_ns.get(stream, 0)
        self._ordered.look(event_ns >= before, f"{stream}: {(before - event_ns) / 1e6:g} ms back")
        self._events_ns[stream] = event_ns

    def _words(self, top: Bbo) -> str:
        scale = self.info.scale
        bid, ask = scale.price(top.bid_ticks), scale.price(top.ask_ticks)
        return f"{scale.quantity(top.bid_lots)} at {bid} / {scale.quantity(top.ask_lots)} at {ask}"

    @staticmethod
    def _pend(kept: OrderedDict[int, Any], key: int, value: object) -> None:
        kept[key] = value
        if len(kept) > KEPT:
            kept.popitem(last=False)

    # -- what came of it -------------------------------------------------------------------------

    def tallies(self) -> Iterator[Tally]:
        """Give every tally, in the order of a report."""
        odd = sum(self._steps.broken.values())
        if odd and odd <= ODD_QTY_SHARE * (odd + self._steps.held):
            self._steps.noted.update(self._steps.broken)
            self._steps.broken.clear()
        yield from (self._chain, self._join, self._same, self._rising, self._equal, self._uncrossed)
        if self._spec.numbers_trades:
            yield self._counted
        if self._spec.parse_trades is not None:
            yield self._past
        if self._spec.window is not None:
            yield self._begun
        if Part.DEPTH20 in self._parts:
            yield self._partial
        yield from (self._ordered, self._caused, self._ticks, self._steps)


def _fill_ids(trade: Trade) -> range:
    """Return the ids of the fills that a trade, or an aggregate of trades, stands for."""
    first, last = trade.covers or (trade.trade_id, trade.trade_id)
    return range(first, min(last + 1, first + KEPT))


def merged(symbols: list[SymbolContact]) -> Iterator[Finding]:
    """Say of each assumption what all symbols came to; what was wrong names its symbol."""
    several = len(symbols) > 1
    for group in zip(*(symbol.tallies() for symbol in symbols), strict=True):
        whole = Tally(group[0].area, group[0].assumption, group[0].source, group[0].what)
        for symbol, tally in zip(symbols, group, strict=True):
            whole.held += tally.held
            name = f"{symbol.symbol}: " if several else ""
            whole.broken.update({f"{name}{text}": n for text, n in tally.broken.items()})
            whole.noted.update({f"{name}{text}": n for text, n in tally.noted.items()})
        yield whole.finding()
