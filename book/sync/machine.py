"""
Sans-I/O synchronisation of a local book with a diff stream.

Feed what arrived; act on what is returned. Nothing here awaits, sleeps, logs or reads a clock.

Theory of operation
-------------------
A seed (the venue's REST snapshot) and the diff stream travel on different roads, so either may be
ahead. The book keeps every diff from the first one on, asks for a seed, drops the diffs the seed
already holds, and applies the rest. From then on each diff must join the one before (`book.sync.rules`).
One missing diff makes the book worthless, so it is thrown away and built anew.

                     first diff                seed joins the buffer
      WAITING ───────────────────> BUFFERING ─────────────────────────> LIVE <───────────┐
         ^      SnapshotNeeded      │  ^  ^          BookReady          │ │ │            │
         │                          │  │  │                             │ │ │   silence  │ next diff
         │ leave()      seed older  │  │  │  GapFound or Crossed        │ │ └────> STALE ┤ BookReady
         │ from any     than the    └──┘  └─────────────────────────────┘ │              │
         └ state        buffer:           from LIVE, STALE, SUSPECT,      │   one side   │ both back
                        ask again         HALTED; SnapshotNeeded          ├─────> SUSPECT┤ BookReady
                                                                          │              │
                                                                          │   halt()     │ unhalt()
                                                                          └─────> HALTED ┘ BookReady

* Right of BUFFERING the book is *in sequence*: it holds a seed and every diff since. Only LIVE may be
  read. STALE, SUSPECT and HALTED go on applying diffs and come back to LIVE in the same epoch.
* A hole between two buffered diffs is a gap as well: a seed could bridge the diffs before it and the
  hole would pass unseen. The buffer starts again behind the hole.
* A seed newer than all that is buffered makes the book LIVE at once: it is the venue's own book at
  that id. The first diff beyond it must bridge.
* A crossed book (bid >= ask) in sequence means that something is wrong that ids cannot show: the book
  is discarded like one with a gap. While the venue halts the symbol, orders may rest crossed, so the
  top is judged only when the halt ends.
* `doubt` says that the venue's own word (`book.trust.attestation`) contradicts the book: SUSPECT until
  `believe`, or discarded like a crossed one when the contradiction refutes it.
* An empty side is no fault (new listings, tiny markets): the book stays in sequence, but is SUSPECT.
* Some venues put a whole book into the stream itself: first after a subscription, then whenever they see
  fit. It replaces what is held in any state, and the book is LIVE with it at once, in a new epoch: no diff
  has to bridge two roads. What came before it, a gap included, is void.
* Ids that go back (the venue was restarted or reset) look like old diffs for ever. Old diffs that no honest
  repeat can be (`book.sync.old_diffs`) are a gap.
* A quiet symbol may send no diff for long after a session was lost. `seek` asks for a seed all the same. It
  makes the book LIVE, and the first diff has to bridge as ever. It may not be older than what was held
  before, because REST may lag. Where `SEEKS` seeds are, the ids went back.

The class is generic: the plain ladder and the compiled one run behind this same code. A caller that
applies in-sequence diffs to the ladder itself may do so while ``state`` is LIVE and ``bridged`` holds.

Source: binance-spot-api-docs, web-socket-streams.md, "How to manage a local order book correctly", and
its counterparts in the derivatives docs; "docs" below means these.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from leadline.book.errors import BadInput, NotLive
from leadline.book.messages import Bbo
from leadline.book.sync.events import (
    BookReady,
    BufferTrimmed,
    Crossed,
    Event,
    GapFound,
    Left,
    Mismatched,
    OneSided,
    Refuted,
    Restarted,
    SnapshotNeeded,
    State,
)
from leadline.book.sync.ladder import Ladder, Seed, TopState
from leadline.book.sync.old_diffs import OldDiffs
from leadline.book.sync.rules import Join, SequenceRule, Span

BUFFER_LIMIT = 10_000  # a quarter of an hour of spot diffs, two minutes of the busiest futures
SEEKS = 5  # the desk's waits between them double: some seconds in all

D = TypeVar("D", bound=Span)
S = TypeVar("S", bound=Seed)


class BookSync(Generic[D, S]):
    """
    Keeps one ladder in step with one symbol's stream; see the head of this module.

    Every ``receive_…`` returns what happened, oldest first, and leaves in ``applied`` the diffs it
    applied, in order. ``epoch`` names the unbroken run from one seed: the seed's receive time in µs,
    always growing; None while there is no book. ``applied_epoch`` is that of the last seed taken, also
    after its book was discarded. ``bridged`` tells whether a diff has joined the seed.
    """

    def __init__(
        self, ladder: Ladder[D, S], rule: SequenceRule, *, buffer_limit: int = BUFFER_LIMIT
    ) -> None:
        if buffer_limit < 2:  # noqa: PLR2004 - half of it must be something
            raise BadInput(f"buffer_limit: expected 2 or more, got {buffer_limit}")
        self.ladder = ladder
        self.rule = rule
        self.state = State.WAITING
        self.epoch: int | None = None
        self.bridged = False
        self.applied: list[D] = []
        self.applied_epoch = -1
        self.why = "start"  # what last took the book out of LIVE
        self._buffer: list[D] = []
        self._buffer_limit = buffer_limit
        self.doubted = False  # the venue's own word contradicts the book
        self._stale = False
        self._reason = "start"  # of the last request for a seed
        self._least_id = -1  # of the next seed, where no diff is buffered to say it
        self._halt_reason: str | None = None
        self._old = OldDiffs(buffer_limit)
        self._held_id = -1  # as `leave` was called last
        self._seeks = 0  # seeds older than that

    @property
    def last_id(self) -> int:
        """Id of the newest update the book holds; -1 while there is no book."""
        return self.ladder.last_id

    @property
    def is_shown(self) -> bool:
        """Whether the book is in sequence and the venue does not halt it."""
        return self._in_sequence and self._halt_reason is None

    @property
    def buffered(self) -> int:
        """How many diffs wait for a seed."""
        return len(self._buffer)

    def book(self) -> Ladder[D, S]:
        """Return the ladder for reading; raises `NotLive` unless the book is LIVE."""
        if self.state is not State.LIVE:
            raise NotLive(f"the book is {self.state}, not LIVE, since: {self.why}")
        return self.ladder

    def bbo(self) -> Bbo:
        """Return best bid and offer; raises `NotLive` unless the book is LIVE."""
        return self.book().best()

    def receive_diff(self, diff: D) -> list[Event]:
        """Take the next diff off the stream; return what the caller must know or do."""
        self.applied = []
        if self.state is State.WAITING:
            return self._restart([diff], "start")  # docs, step 2: buffer, note the first U
        if self.state is State.BUFFERING:
            return self._keep(diff)
        return self._advance(diff)

    def receive_snapshot(self, snapshot: S) -> list[Event]:
        """
        Take a seed; ignored unless one is needed.

        One that was asked for in an earlier session or before a gap is judged like any other: by its
        ids against the buffer.
        """
        self.applied = []
        if self.state is not State.BUFFERING:
            return []
        if self._buffer:
            first = self._buffer[0]
            # Docs, step 4: fetch again below ``U``. By update procedure 1 the seed just below it joins.
            if self.rule.judge(first, snapshot.last_id, bridged=False) is Join.GAP:
                return [SnapshotNeeded(self.rule.oldest_seed(first), "seed_too_old")]
        elif snapshot.last_id < self._least_id and not self._has_gone_back():
            return [SnapshotNeeded(self._least_id, "seed_too_old")]
        return self._join(snapshot)

    def receive_restart(self, snapshot: S) -> list[Event]:
        """Take a whole book that the stream itself sent; it replaces whatever is held, in any state."""
        self.applied = []
        voided = [Restarted(self.last_id, snapshot.last_id)] if self._in_sequence else []
        self._discard(State.BUFFERING, Restarted.reason, [])
        return [*voided, *self._join(snapshot)]

    def leave(self, reason: str) -> list[Event]:
        """Drop book and buffer because the stream ended; the next diff begins anew."""
        self.applied = []
        if self.state is State.WAITING:
            return []
        newest = self._buffer[-1].last_id if self._buffer else self.last_id
        self._held_id, self._seeks = max(self._held_id, newest), 0
        left = Left(reason, self.last_id)
        self._discard(State.WAITING, reason, [])
        return [left]

    def seek(self) -> list[Event]:
        """Ask for a seed though no diff has come; only a book that is WAITING does."""
        self.applied = []
        if self.state is not State.WAITING:
            return []
        self._restart([], "start")
        self._least_id = self._held_id
        return [SnapshotNeeded(self._least_id, "start")]

    def mark_stale(self) -> list[Event]:
        """Stop trusting a LIVE book whose stream fell silent; its next diff in sequence heals it."""
        self.applied = []
        if self.state is not State.LIVE:
            return []
        self._stale = True
        return self._settle([])

    def halt(self, reason: str) -> list[Event]:
        """Stop showing the book, now and after a new seed, until `unhalt`: the symbol does not trade."""
        self.applied = []
        self._halt_reason = reason
        return self._settle([]) if self._in_sequence else []

    def unhalt(self) -> list[Event]:
        """Show the book again if it is sound."""
        self.applied = []
        self._halt_reason = None
        return self._settle([]) if self._in_sequence else []

    def doubt(self, why: str, *, refuted: bool) -> list[Event]:
        """
        Stop trusting a book that the venue's own word contradicts, and discard it if that refutes it.

        A book that stands at a newer id than a seed that refuted it needs a seed as new as itself.
        """
        self.applied = []
        if not self._in_sequence:
            return []
        self.doubted = True
        events = self._settle([])
        if self.state is State.SUSPECT:
            self.why = why
        if not (refuted and self._in_sequence):
            return events
        return [*events, Refuted(self.last_id), *self._restart([], Refuted.reason, why)]

    def believe(self) -> list[Event]:
        """Trust a book again that agreed with the venue often enough since."""
        self.applied = []
        self.doubted = False
        return self._settle([]) if self._in_sequence else []

    # -- before the seed -------------------------------------------------------------------------

    def _keep(self, diff: D) -> list[Event]:
        """Buffer a diff; it must follow the last one buffered, or the buffer starts again with it."""
        if not self._buffer:
            return self._restart([diff], self._reason, self.why)  # crossed as a halt ended, or refuted
        tail = self._buffer[-1].last_id
        join = self.rule.judge(diff, tail, bridged=True)
        newest_ns = self._buffer[-1].ts_event_ns
        if join is Join.GAP or (join is Join.OLD and self._old.go_back(diff, tail, newest_ns)):
            return self._lose(diff, tail)
        if join is Join.OLD:
            return []  # a repeat
        self._buffer.append(diff)
        return self._trim() if len(self._buffer) >= self._buffer_limit else []

    def _trim(self) -> list[Event]:
        """Drop the older half of a full buffer; seeds that needed it come too late now."""
        dropped = len(self._buffer) // 2
        del self._buffer[:dropped]
        oldest = self.rule.oldest_seed(self._buffer[0])
        return [BufferTrimmed(dropped), SnapshotNeeded(oldest, BufferTrimmed.reason)]

    def _join(self, snapshot: S) -> list[Event]:
        """Seed the ladder and apply what is buffered beyond the seed."""
        waiting, self._buffer = self._buffer, []
        self.ladder.seed(snapshot)
        self.epoch = self.applied_epoch = max(snapshot.ts_recv_ns // 1000, self.applied_epoch + 1)
        self._held_id = -1
        self._old.forget(waiting[-1].last_id if waiting else -1)
        if self._is_crossed():
            return self._discard_crossed(waiting)
        for n, diff in enumerate(waiting):
            join = self.rule.judge(diff, self.last_id, bridged=self.bridged)
            if join is Join.OLD:
                continue  # docs, step 5: drop what the seed already holds
            assert join is Join.NEXT, "the buffer has no holes and the seed reaches its head"
            self._apply(diff)
            if self._is_crossed():
                return self._discard_crossed(waiting[n:])
        return self._settle([])

    # -- in sequence -----------------------------------------------------------------------------

    @property
    def _in_sequence(self) -> bool:
        return self.state not in {State.WAITING, State.BUFFERING}

    def _advance(self, diff: D) -> list[Event]:
        """Apply the next diff, drop an old one, or give the book up."""
        join = self.rule.judge(diff, self.last_id, bridged=self.bridged)
        if join is Join.GAP:
            return self._lose(diff, self.last_id)
        if join is Join.OLD:
            heard_id = self.last_id if self.bridged else self._old.heard_id
            goes_back = self._old.go_back(diff, heard_id, self.ladder.last_event_ns)
            return self._lose(diff, self.last_id) if goes_back else []
        self._apply(diff)
        return self._settle([diff])

    def _apply(self, diff: D) -> None:
        self.ladder.apply(diff)
        self.applied.append(diff)
        self.bridged = True
        self._stale = False

    def _is_crossed(self) -> bool:
        """Whether the top is impossible; not asked while the symbol is halted."""
        return self._halt_reason is None and self.ladder.top_state() is TopState.CROSSED

    def _settle(self, keep: list[D]) -> list[Event]:
        """Find the state of a book in sequence; return the event when it changed."""
        if self._is_crossed():
            return self._discard_crossed(keep)
        before, self.state = self.state, self._settled_state()
        if self.state is before:
            return []
        if self.state is State.LIVE:
            assert self.epoch is not None
            return [BookReady(self.epoch, self.last_id)]
        if self.state is State.SUSPECT:
            one_sided = self.ladder.top_state() is TopState.EMPTY_SIDE
            self.why = OneSided.reason if one_sided else Mismatched.reason
            return [OneSided(self.last_id) if one_sided else Mismatched(self.last_id)]
        self.why = self._halt_reason or "silent"
        return [Left(self.why, self.last_id)]

    def _settled_state(self) -> State:
        if self._halt_reason is not None:
            return State.HALTED
        if self.doubted or self.ladder.top_state() is TopState.EMPTY_SIDE:
            return State.SUSPECT
        return State.STALE if self._stale else State.LIVE

    # -- giving up -------------------------------------------------------------------------------

    def _has_gone_back(self) -> bool:
        """Count a seed older than what was held before; True when it is the ids that went back."""
        self._seeks += self._reason == "start"
        return self._seeks >= SEEKS

    def _lose(self, diff: D, last_id: int) -> list[Event]:
        """Discard everything before ``diff`` and begin again with it (docs: start over)."""
        gap = GapFound(self.rule.expected_id(last_id), self.rule.got_id(diff))
        why = f"gap: expected {gap.expected_id}, got {gap.got_id}"
        return [gap, *self._restart([diff], GapFound.reason, why)]

    def _discard_crossed(self, keep: list[D]) -> list[Event]:
        """Discard a crossed book; ``keep`` are the diffs the next seed may still have to join."""
        best = self.ladder.best()
        crossed = Crossed(self.last_id, best.bid_ticks, best.ask_ticks)
        why = f"crossed: bid {best.bid_ticks} >= ask {best.ask_ticks} ticks at {crossed.last_id}"
        return [crossed, *self._restart(keep, Crossed.reason, why)]

    def _restart(self, buffer: list[D], reason: str, why: str | None = None) -> list[Event]:
        """Wait for a seed with ``buffer`` as the first diffs; return the request for one."""
        oldest = self.rule.oldest_seed(buffer[0]) if buffer else self.last_id
        self._reason = reason
        self._discard(State.BUFFERING, why or reason, buffer)
        self._least_id = oldest
        return [SnapshotNeeded(oldest, reason)]

    def _discard(self, state: State, why: str, buffer: list[D]) -> None:
        self.ladder.clear()
        self.state = state
        self.why = why
        self.epoch = None
        self.bridged = False
        self.doubted = False
        self._stale = False
        self._buffer = buffer
        self._old.forget(-1)
