"""All that streams and answers of a venue say, message by message: fields, ids, times, listings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from leadline.book.contact.fields import FieldCheck
from leadline.book.contact.findings import Finding, Tally, Verdict
from leadline.book.contact.symbol import SymbolContact, merged
from leadline.book.errors import BadFrame
from leadline.book.messages import DepthSnapshot
from leadline.book.venues.common.documented import Part
from leadline.book.venues.common.listing import Listed, SymbolInfo
from leadline.book.venues.common.spec import VenueSpec

AHEAD_NS = 250_000_000  # two clocks may part by so much between being compared and being used
OLDEST_NS = 60_000_000_000
WORDS = 120  # of an error


class MarketContact:
    """Holds messages of one market against its documents; ``time_unit_ns`` is that of the wire."""

    def __init__(self, spec: VenueSpec, parts: Collection[Part], time_unit_ns: int) -> None:
        self.spec = spec
        self.fields = FieldCheck()
        self.symbols: dict[str, SymbolContact] = {}
        self.stated_weight: int | None = None
        self.lateness_ns: list[int] = []
        self._parts = parts
        self._unit_ns = time_unit_ns
        self._offset_ns: int | None = None
        self._error_ns = 0
        sources = spec.documented.sources
        self._readable = Tally("fields", "messages can be read", sources["fields"], "messages")
        self._listed: list[Finding] = []
        unit = "microseconds" if time_unit_ns == 1_000 else "milliseconds"  # noqa: PLR2004
        self._now = Tally("times", f"event times are {unit} of now", sources["times"], "messages")

    # -- REST ------------------------------------------------------------------------------------

    def answer(self, part: Part, body: bytes, symbols: Sequence[str] = ()) -> Any:
        """Look at the fields of an answer; return it, None if it is no JSON. A listing: of ``symbols``."""
        try:
            message = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            self._readable.look(False, f"{part}: {_kind_of(str(exc))}")
            return None
        self.fields.look(self.spec.documented.pieces(part, message, symbols))
        return message

    def listing(self, body: bytes, asked: Sequence[str]) -> None:
        """Take a listing; symbols in it that no book can be made of are told and left out."""
        message = self.answer(Part.LISTING, body, asked)
        if isinstance(message, Mapping):
            self.stated_weight = self.spec.documented.weight_limit(message) or self.stated_weight
        try:
            found = self.spec.parse_listing(body, asked)
        except BadFrame as exc:
            self._readable.look(False, f"listing: {_kind_of(str(exc))}")
            return
        for symbol in asked:
            self._take_listed(symbol, found.get(symbol))

    def unlisted(self, symbol: str, why: str) -> None:
        """Note a symbol that the venue refused to list."""
        source = self.spec.documented.sources["filters"]
        detail = f"{symbol}: {why[:WORDS]}"
        self._listed.append(Finding("filters", f"{symbol} is listed", Verdict.BROKEN, detail, source))

    def order_book(self, symbol: str, body: bytes, ts_recv_ns: int) -> DepthSnapshot | None:
        """Read an order book of REST; None if it cannot be read."""
        self.answer(Part.BOOK, body)
        scale = self.symbols[symbol].info.scale
        try:
            read = self.spec.decoder.snapshot
            snapshot = read(body, symbol, scale, ts_recv_ns, time_unit_ns=self._unit_ns)
        except BadFrame as exc:
            self._readable.look(False, f"order book: {_kind_of(str(exc))}")
            return None
        self._readable.look(is_so=True)
        return snapshot

    def past_trades(self, symbol: str, body: bytes, ts_recv_ns: int) -> None:
        """Read past trades of REST."""
        self.answer(Part.PAST, body)
        contact, parse = self.symbols[symbol], self.spec.parse_trades
        assert parse is not None, "asked of those alone that offer them"
        try:
            trades = parse(body, symbol, contact.info.scale, ts_recv_ns, time_unit_ns=self._unit_ns)
        except BadFrame as exc:
            self._readable.look(False, f"past trades: {_kind_of(str(exc))}")
            return
        for trade in trades:
            contact.past_trade(trade)

    # -- streams ---------------------------------------------------------------------------------

    def clock(self, offset_ns: int, error_ns: int) -> None:
        """Take how far the venue's clock is ahead of ours, and how sure that is."""
        self._offset_ns, self._error_ns = offset_ns, error_ns

    def message(
        self, part: Part, symbol: str, frame: bytes, payload: bytes, start: int, recv_ns: int
    ) -> None:
        """Take a message of a stream: the whole frame, and the payload that ``start`` is within."""
        contact = self.symbols.get(symbol)
        try:
            self.fields.look(self.spec.documented.pieces(part, msgspec.json.decode(frame)))
            if contact is not None:
                self._decode(contact, part, payload, start, recv_ns)
        except (BadFrame, msgspec.DecodeError, UnicodeDecodeError, TypeError, AttributeError) as exc:
            self._readable.look(False, f"{part}: {_kind_of(str(exc))}")
        else:
            self._readable.look(is_so=True)

    def unreadable(self, why: str) -> None:
        """Note a frame that is of no stream and no reply."""
        self._readable.look(False, _kind_of(why))

    def _decode(self, contact: SymbolContact, part: Part, payload: bytes, start: int, recv_ns: int) -> None:
        decoder, scale = self.spec.decoder, contact.info.scale
        where = {"start": start, "time_unit_ns": self._unit_ns}
        if part is Part.DEPTH:
            message = decoder.depth(payload, scale, recv_ns, **where)
            self._look_at_time(message.ts_event_ns, recv_ns)
            contact.depth(message)
        elif part is Part.TICKER:
            ticker = decoder.ticker(payload, scale, recv_ns, **where)
            self._look_at_time(ticker.ts_event_ns, recv_ns)
            contact.ticker(ticker)
        elif part is Part.DEPTH20:
            contact.partial(decoder.partial(payload, contact.symbol, scale, recv_ns, **where))
        else:
            for trade in decoder.trades(payload, scale, recv_ns, **where):
                self._look_at_time(trade.ts_event_ns, recv_ns)
                contact.trade(trade)

    def _look_at_time(self, event_ns: int | None, recv_ns: int) -> None:
        if event_ns is None or self._offset_ns is None:
            return
        late_ns = recv_ns + self._offset_ns - event_ns
        is_now = -(self._error_ns + AHEAD_NS) <= late_ns <= OLDEST_NS
        self._now.look(is_now, "received long after it happened" if late_ns > 0 else "from the future")
        if is_now:
            self.lateness_ns.append(late_ns)
        else:
            self._now.noted[f"by {abs(late_ns) / 1e9:.3g} s"] = 1

    # -- listings --------------------------------------------------------------------------------

    def _take_listed(self, symbol: str, listed: Listed | None) -> None:
        if listed is None:
            self.unlisted(symbol, "not in the listing")
            return
        if not isinstance(listed, SymbolInfo):
            self.unlisted(symbol, listed.why)
            return
        self.symbols[symbol] = SymbolContact(symbol, self.spec, listed, self._parts)
        documented = self.spec.documented
        known, source = listed.status in documented.statuses, documented.sources["filters"]
        detail = f"{symbol}: {listed.status}, tick {listed.tick_size}, step {listed.step_size}"
        verdict = Verdict.HOLDS if known and listed.is_trading else Verdict.NOTED
        if not known:
            detail += "; the documents name no such status"
        self._listed.append(Finding("filters", f"{symbol} is listed and trades", verdict, detail, source))

    # -- what came of it -------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """Say what all of it came to."""
        yield self._readable.finding()
        yield from self.fields.findings()
        yield from self._listed
        now = self._now.finding()
        if now.verdict is Verdict.HOLDS:
            late = sorted(self.lateness_ns)
            words = f"{now.detail}; received {late[len(late) // 2] / 1e6:.1f} ms after, in the median"
            now = Finding(now.area, now.assumption, now.verdict, words, now.source)
        yield now
        if self.symbols:
            yield from merged(list(self.symbols.values()))


def _kind_of(error: str) -> str:
    """Return an error without the values that differ from message to message."""
    return error.partition("; ")[0][:WORDS]
