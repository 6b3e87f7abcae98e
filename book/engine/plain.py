"""
The readable engine of a live book: decode to a message, synchronise, keep in dicts, copy to the batch.

It runs where numba is not installed, and it is what the compiled engine is held to.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadline.book.engine.live import LiveBook
from leadline.book.engine.options import Options
from leadline.book.engine.plain_ladder import PlainLadder
from leadline.book.messages import DepthDiff, DepthSnapshot, Level
from leadline.book.rows.batch import Batch, Count, Market
from leadline.book.sync.events import Event
from leadline.book.trust.attestation import PlainAttestor
from leadline.book.venues.common.decoder import Decoder

_ANY_PRICE = 2**63  # above every price that 64 bits hold


class PrunedLadder(PlainLadder):
    """The plain ladder, and which of its levels may go when there are too many."""

    def ghosts(self, low: int, high: int) -> tuple[int, int]:
        """Return how many bids stand below ``low`` and how many asks above ``high``, in ticks."""
        return self.bids.count_outside(low, _ANY_PRICE), self.asks.count_outside(0, high)

    def lots_within(self, low: int, high: int) -> tuple[int, int]:
        """Return the lots of the bids at ``low`` or above and of the asks at ``high`` or below."""
        bids, asks = self.top()
        return (
            sum([lots for price, lots in bids if price >= low]),
            sum([lots for price, lots in asks if price <= high]),
        )

    def set_levels(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Set levels and stay at the same id; 0 deletes."""
        self.bids.update(bids)
        self.asks.update(asks)

    def drop_worst(self, bids: int, asks: int) -> None:
        """Delete the lowest ``bids`` bids and the highest ``asks`` asks."""
        self.bids.update([(price, 0) for price in self.bids.prices()[:bids]])
        self.asks.update([(price, 0) for price in self.asks.prices()[len(self.asks) - asks :]])


class PlainBook(LiveBook):
    """A live book in plain Python; see `book.engine.live`."""

    def __init__(self, index: int, market: Market, decoder: Decoder, options: Options) -> None:
        attestor = PlainAttestor(bracket=options.faith.bracket)
        super().__init__(index, market, PrunedLadder(), decoder, options, attestor)
        self._unit = options.time_unit_ns

    def receive_depth(
        self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch, recv_mono_ns: int = 0
    ) -> Sequence[Event]:
        """Take the diff that begins at ``frame[start]``; bytes behind its end are ignored."""
        mono_ns, before = self._options.mono_ns, int(batch.counts[Count.DIFFS])
        began_ns = mono_ns() if recv_mono_ns else 0
        message = self._decoder.depth(
            frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=self._unit
        )
        decoded_ns = mono_ns() if recv_mono_ns else 0
        if isinstance(message, DepthSnapshot):
            return self._sync_snapshot(message, batch, streamed=True)
        events = self._sync_diff(message, batch, recv_mono_ns)
        if recv_mono_ns:
            batch.note_stages(before, began_ns - recv_mono_ns, decoded_ns - began_ns)
        return events

    def receive_ticker(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Store the book ticker that begins at ``frame[start]``, and hold the book against it."""
        return self._take_ticker(frame, start, ts_recv_ns, batch)

    def receive_trade(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> None:
        """Store the trades of the message that begins at ``frame[start]``."""
        self._take_trades(frame, start, ts_recv_ns, batch)

    def _add_row(self, diff: DepthDiff, batch: Batch, to_book_ns: int) -> None:
        batch.add_diff(self.index, self._sync.applied_epoch, diff, to_book_ns=to_book_ns)
        if diff.shared_id is not None:
            self._note_witness_id(diff.last_id, diff.shared_id)

    def _count_levels(self, diff: DepthDiff) -> int:
        return len(diff.bids) + len(diff.asks)

    def _read_seed(self, body: bytes, ts_recv_ns: int) -> DepthSnapshot:
        market, decode = self.market, self._decoder.snapshot
        return decode(body, market.symbol, market.scale, ts_recv_ns, time_unit_ns=self._unit)

    def _message(self, snapshot: DepthSnapshot) -> DepthSnapshot:
        return snapshot
