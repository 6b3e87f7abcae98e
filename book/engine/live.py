"""
One live book: bytes of the stream in, rows of the batch out, readable only while it can be trusted.

    frame ── decode ──> diff ── book.sync ──> ladder
                                  │              │
                               events       diffs applied ──> Batch.diffs, .levels
                                  └──> Batch.events, .coverage, .seeds

Two engines do the same work and a test holds them to it: `book.engine.plain` in readable Python, and
`book.engine.compiled` with numba, which takes the usual frame in one call and leaves the rest to the code
here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from leadline.book.analytics import features
from leadline.book.engine import sample as samples
from leadline.book.engine.options import Options
from leadline.book.errors import BadFrame, BadInput
from leadline.book.messages import Bbo, DepthSnapshot, Level
from leadline.book.rows.batch import Batch, DepthSample, Market, SeedRow
from leadline.book.rows.chronicle import Chronicle, Moment
from leadline.book.sync.events import Event, Pruned, State
from leadline.book.sync.ladder import FullLadder, TopState
from leadline.book.sync.machine import BookSync
from leadline.book.trust.attestation import Attestor
from leadline.book.trust.audit import Audit, Change, Standing, changes_in
from leadline.book.trust.certified import Reach
from leadline.book.trust.ghosts import Ghosts, Widened
from leadline.book.trust.window import Window
from leadline.book.trust.witness import Witness
from leadline.book.venues.common.decoder import Decoder

WITNESS_IDS = 4_096  # of the newest diffs: a minute of fifty a second


class LiveBook(ABC):
    """
    One symbol's book, kept in step with its stream.

    ``index`` is the book's place in ``Batch.markets``. Every ``receive_…`` writes what it brings into
    ``batch``, once and in order, and raises `BatchFull` with nothing changed: swap the batch and call
    again. `BadFrame` and `OffScale` also change nothing.
    """

    def __init__(
        self,
        index: int,
        market: Market,
        ladder: FullLadder,
        decoder: Decoder,
        options: Options,
        attestor: Attestor,
    ) -> None:
        if options.max_levels < 2:  # noqa: PLR2004 - three quarters of it must be something
            raise BadInput(f"max_levels: expected 2 or more, got {options.max_levels}")
        self.index = index
        self.market = market
        self._sync: BookSync[Any, Any] = BookSync(ladder, market.rule, buffer_limit=options.buffer_limit)
        self._ladder = ladder
        self._decoder = decoder
        self._options = options
        self._ghosts: Ghosts | Window = (
            Ghosts(ladder, options.max_levels) if options.window is None else Window(ladder, options.window)
        )
        self.seed_id = -1  # of the newest update that the seed held
        self._chronicle = Chronicle(index)
        self._attestor = attestor
        self._witness = Witness(index, attestor, options.faith)
        self._witness_ids: dict[int, int] = {}  # by last id, of the newest diffs

    # -- what it is --------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the book stands; only LIVE may be read."""
        return self._sync.state

    @property
    def epoch(self) -> int | None:
        """Name of the unbroken run from one seed; None while there is no book."""
        return self._sync.epoch

    @property
    def last_id(self) -> int:
        """Id of the newest update held; -1 while there is no book."""
        return self._ladder.last_id

    @property
    def witness_id(self) -> int:
        """What the symbol's other streams call the state held (`DepthDiff.witness_id`); -1 without one."""
        return self._ladder.witness_id

    @property
    def last_recv_ns(self) -> int:
        """When the newest update held reached us; 0 while there is none."""
        return self._ladder.last_recv_ns

    @property
    def why(self) -> str:
        """What last took the book out of LIVE, for a person."""
        return self._sync.why

    def bbo(self) -> Bbo:
        """Return best bid and offer; raises `NotLive` unless the book is LIVE."""
        return self._sync.bbo()

    def top(self, n: int) -> tuple[list[Level], list[Level]]:
        """Return the ``n`` best bids and asks, best first; raises `NotLive` unless the book is LIVE."""
        self._sync.book()
        return self._ladder.top(n)

    def levels(self) -> tuple[list[Level], list[Level]]:
        """Return all bids and asks, best first; raises `NotLive` unless the book is LIVE."""
        self._sync.book()
        return self._ladder.top()

    def level_counts(self) -> tuple[int, int]:
        """Return how many bids and asks there are; raises `NotLive` unless the book is LIVE."""
        self._sync.book()
        return self._ladder.level_counts()

    @property
    def certified_band(self) -> tuple[int, int] | None:
        """
        Lowest and highest price of the seed, or of what was learned since, in ticks; None without a book.

        A level outside that the venue dropped from its own answer may linger: a *ghost*
        (`book.trust.ghosts`).
        """
        reach = self.reach
        return (reach.low, reach.high) if reach is not None else None

    @property
    def reach(self) -> Reach | None:
        """How far the book is certified (`book.trust.certified`); None while there is none."""
        return self._ghosts.reach if self._sync.epoch is not None else None

    def ghost_levels(self) -> int:
        """Return how many bids stand below the certified band and asks above it."""
        return self._ghosts.count() if self._sync.epoch is not None else 0

    def sample(self, n: int, bands_bps: Sequence[float], ts_ns: int) -> DepthSample:
        """
        Return the ``n`` best levels and figures made of them, as of ``ts_ns``; for `Batch.samples`.

        A book that is not LIVE gives an empty, untrusted sample that says why.
        """
        where = (self.index, -1 if self.epoch is None else self.epoch, ts_ns, self.last_id)
        if self.state is not State.LIVE:
            return samples.of_nothing(*where, reason=self.why)
        bids, asks = self.top(n)
        edges = features.band_edges(bids[0][0], asks[0][0], bands_bps)
        depths = [self._ladder.lots_within(low, high) for low, high in zip(*edges, strict=True)]
        scale, reach = self.market.scale, self.reach
        return samples.of_levels(
            *where, bids, asks, depths=depths, bands_bps=bands_bps, scale=scale, reach=reach
        )

    # -- what arrives ------------------------------------------------------------------------------

    @abstractmethod
    def receive_depth(
        self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch, recv_mono_ns: int = 0
    ) -> Sequence[Event]:
        """Take the diff that begins at ``frame[start]``; bytes behind its end are ignored."""

    def receive_snapshot(self, body: bytes, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Take the venue's REST order book; ignored unless a seed is needed. Never `BatchFull`."""
        return self._sync_snapshot(self._read_seed(body, ts_recv_ns), batch)

    def read_snapshot(self, body: bytes, ts_recv_ns: int) -> DepthSnapshot:
        """Read the venue's REST order book, and do nothing with it."""
        return self._message(self._read_seed(body, ts_recv_ns))

    def read_partial(self, frame: bytes, start: int, ts_recv_ns: int) -> DepthSnapshot:
        """Read the partial depth that begins at ``frame[start]``, and do nothing with it."""
        market, unit_ns, read = self.market, self._options.time_unit_ns, self._decoder.partial
        return read(frame, market.symbol, market.scale, ts_recv_ns, start=start, time_unit_ns=unit_ns)

    @abstractmethod
    def receive_ticker(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Store the book ticker that begins at ``frame[start]``, and hold the book against it."""

    @abstractmethod
    def receive_trade(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> None:
        """Store the trades of the message that begins at ``frame[start]``."""

    def leave(self, reason: str, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Drop the book because its stream ended; the next diff begins anew."""
        self._attestor.forget()  # tickers too may have been missed
        self._witness.close(batch)
        return self._told(lambda: self._sync.leave(reason), ts_ns, batch)

    def seek(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Ask for a seed though no diff has come; only a book that is WAITING does."""
        return self._told(self._sync.seek, ts_ns, batch)

    def mark_stale(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Stop trusting a LIVE book whose stream fell silent; its next diff heals it."""
        return self._told(self._sync.mark_stale, ts_ns, batch)

    def halt(self, reason: str, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Stop showing the book until `unhalt`: the venue says that the symbol does not trade."""
        return self._told(lambda: self._sync.halt(reason), ts_ns, batch)

    def unhalt(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Show the book again if it is sound."""
        return self._told(self._sync.unhalt, ts_ns, batch)

    def prune(self, ts_ns: int, batch: Batch) -> int:
        """Drop the ghost levels; return how many there were. A side of nothing else is kept."""
        return self._pruned(self._ghosts.prune(), ts_ns, batch)

    def widen(self, snapshot: DepthSnapshot, limit: int, changes: Iterable[Change]) -> Widened | None:
        """
        Learn what a snapshot that agreed with this very epoch knows beyond our reach; see `Ghosts.widen`.

        The store's seed stays what it was, and with it how far a book rebuilt from it is certified.
        """
        if not self._sync.is_shown:
            return None
        widened = self._ghosts.widen(snapshot, limit, changes)
        self._settled()
        return widened

    # -- what both engines share -------------------------------------------------------------------

    @abstractmethod
    def _add_row(self, diff: Any, batch: Batch, to_book_ns: int) -> None:
        """Append one applied diff to the batch, under ``sync.applied_epoch``; room was reserved."""

    @abstractmethod
    def _count_levels(self, diff: Any) -> int:
        """Return how many levels a diff lists."""

    @abstractmethod
    def _read_seed(self, body: bytes, ts_recv_ns: int) -> Any:
        """Read a snapshot in the engine's own form."""

    @abstractmethod
    def _message(self, snapshot: Any) -> DepthSnapshot:
        """Return a seed as the store takes it."""

    def _scale_of(self, symbol: str) -> Any:
        """Return the scale for the decoder; refuses other symbols' messages."""
        if symbol != self.market.symbol:
            raise LookupError(symbol)
        return self.market.scale

    def _settled(self) -> None:
        """Note that state, ladder or bounds may have changed; the compiled engine arms itself here."""
        self._attestor.watch(closely=self._sync.doubted)

    def _sync_diff(self, diff: Any, batch: Batch, recv_mono_ns: int) -> Sequence[Event]:
        """Give a diff to `book.sync.machine`; write what follows."""
        batch.reserve(1, self._count_levels(diff))
        events = self._told(lambda: self._sync.receive_diff(diff), diff.ts_recv_ns, batch, recv_mono_ns)
        return [*events, *self._attest(diff.ts_recv_ns, batch), *self._bound(diff.ts_recv_ns, batch)]

    def _sync_snapshot(self, snapshot: Any, batch: Batch, *, streamed: bool = False) -> Sequence[Event]:
        """Give a seed to `book.sync.machine`, or a whole book the stream sent; write what follows."""
        before = self._sync.applied_epoch
        take = self._sync.receive_restart if streamed else self._sync.receive_snapshot
        tell, ts_ns = partial(take, snapshot), snapshot.ts_recv_ns
        events = self._told(tell, ts_ns, batch, seed_id=snapshot.last_id)
        if self._sync.applied_epoch == before:
            return events
        seed = self._message(snapshot)
        batch.seeds.append(SeedRow(self.index, self._sync.applied_epoch, seed))
        self.seed_id = seed.last_id
        self._ghosts.seed(seed.bids, seed.asks)
        self._settled()
        return [*events, *self._attest(ts_ns, batch), *self._bound(ts_ns, batch)]

    def _told(
        self,
        tell: Callable[[], list[Event]],
        ts_ns: int,
        batch: Batch,
        recv_mono_ns: int = 0,
        seed_id: int = -1,
        agreed: tuple[int, int] | None = None,
    ) -> Sequence[Event]:
        """Call the synchroniser; write the diffs it applied and what it said."""
        sync, ladder = self._sync, self._ladder
        state, trusted_id, trusted_ns = sync.state, ladder.last_id, ladder.last_recv_ns
        epoch, agreed = sync.epoch, agreed or self._attestor.agreed
        events = tell()
        if sync.epoch != epoch:
            self._attestor.forget()
        if sync.applied:
            took = self._options.mono_ns() - recv_mono_ns if recv_mono_ns else 0
            batch.reserve(len(sync.applied), sum(map(self._count_levels, sync.applied)), grow=True)
            for diff in sync.applied:
                self._add_row(diff, batch, took)
        moment = Moment(state, sync.state, ts_ns, trusted_id, trusted_ns, seed_id, agreed)
        self._chronicle.tell(events, moment, batch)
        self._settled()
        return events

    # -- attestation -------------------------------------------------------------------------------

    def _take_trades(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> None:
        """Decode and store the trades of a message."""
        unit_ns = self._options.time_unit_ns
        trades = self._decoder.trades(frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=unit_ns)
        batch.add_trades(self.index, *trades)

    def _take_ticker(self, frame: bytes, start: int, ts_recv_ns: int, batch: Batch) -> Sequence[Event]:
        """Decode and store a ticker, and hold the book against it."""
        read, unit_ns = self._decoder.ticker, self._options.time_unit_ns
        try:
            ticker = read(frame, self._scale_of, ts_recv_ns, start=start, time_unit_ns=unit_ns)
        except BadFrame:
            self._attestor.forget()  # a ticker is lost: those around it do not close a bracket
            raise
        batch.add_ticker(self.index, ticker)
        if self._attestor.hear(ticker.update_id, ticker.top):
            return self._hear_witness(ts_recv_ns, batch)
        return ()

    def _attest(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Hold the book against the venue's tickers, when `book.sync.machine` has just moved it."""
        sync, ladder = self._sync, self._ladder
        if not sync.is_shown or ladder.top_state() is not TopState.SOUND:
            return ()
        told = self._attestor.check(ladder.last_id, ladder.last_recv_ns, ladder.best(), ladder.witness_id)
        return self._hear_witness(ts_ns, batch) if told or self._witness.is_due(ts_ns) else ()

    def stand(self, n: int) -> Standing | None:
        """Note down the ``n`` best levels a side for an audit; None of a book that none may be made of."""
        reach, ladder = self.reach, self._ladder
        if reach is None or not self._witness.may_audit(self._sync):
            return None
        noted = ladder.last_id, ladder.last_recv_ns, ladder.top(n), n, reach
        return Standing.of(*noted, witness_id=ladder.witness_id, window=self._options.window)

    def changes(self, batch: Batch, epoch: int, since: tuple[int, int] = (0, 0)) -> list[Change]:
        """Return this book's diffs of ``epoch`` in a batch; see `book.trust.audit.changes_in`."""
        return changes_in(batch, self.index, epoch, since, self._witness_ids)

    def _note_witness_id(self, last_id: int, witness_id: int) -> None:
        """Keep in mind what witnesses call the state after one of the newest diffs."""
        known = self._witness_ids
        known[last_id] = witness_id
        if len(known) > WITNESS_IDS:
            del known[next(iter(known))]

    @property
    def is_auditable(self) -> bool:
        """Whether it is LIVE, or SUSPECT for what an audit can heal."""
        return self.stand(1) is not None

    @property
    def asks_for_audit(self) -> bool:
        """Whether tickers left it in doubt since a REST snapshot last agreed with this epoch."""
        return self._witness.asks_for_audit(self.epoch)

    @property
    def awaits_audit(self) -> bool:
        """Whether it is SUSPECT for what nothing but an audit can heal."""
        return self._witness.awaits_audit(self.epoch)

    def receive_audit(self, audit: Audit, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Take what came of holding this very epoch of the book against a REST snapshot."""
        agreed = self._witness.agreed_in(self.epoch, audit.kind)
        tell = self._witness.hear_audit(audit, self._sync, ts_ns, batch)
        self._settled()
        return self._told(tell, ts_ns, batch, agreed=agreed) if tell is not None else ()

    def _hear_witness(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Act on what the attestor has to tell."""
        if self._witness.is_due(ts_ns):
            self._witness.turn(ts_ns, batch)
            self._settled()
        events: list[Event] = []
        while (tell := self._witness.act(self._sync, ts_ns, batch)) is not None:
            events += self._told(tell, ts_ns, batch)  # what healed may be there together with the miss
        return events

    # -- memory ------------------------------------------------------------------------------------

    def _bound(self, ts_ns: int, batch: Batch) -> Sequence[Event]:
        """Drop ghosts, worst first, when a side holds too many levels (`Ghosts.bound`)."""
        if max(self._ladder.level_counts()) <= self._ghosts.look_above:
            return ()
        dropped = self._pruned(self._ghosts.bound(), ts_ns, batch)
        self._settled()
        return [Pruned(self.last_id, dropped)] if dropped else ()

    def _pruned(self, dropped: int, ts_ns: int, batch: Batch) -> int:
        if dropped:
            self._chronicle.note(Pruned.reason, self._sync.state, ts_ns, batch)
        return dropped
