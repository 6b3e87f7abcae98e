"""What the feed is told, and what it tells people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from leadline.book.engine.factory import MAX_LEVELS, Engine
from leadline.book.engine.live import LiveBook
from leadline.book.errors import BadInput
from leadline.book.sync.events import State
from leadline.book.sync.machine import BUFFER_LIMIT
from leadline.book.venues.common.listing import ListingState
from leadline.tasks.feed.routing.liveness import Patience
from leadline.tasks.feed.routing.router import Sink
from leadline.tasks.net.clock import SYSTEM_CLOCK, Clock
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import USUAL_KINDS, VenueProfile


class Tap(Protocol):
    """Hears everything the venue sends, as it came, before anything is made of it; must be quick."""

    def frames(self, frames: Sequence[bytes], wall_ns: int) -> None:
        """Take the frames of one read off a socket."""
        ...

    def listing(self, body: bytes, wall_ns: int) -> None:
        """Take an answer that lists symbols."""
        ...

    def depth(self, symbol: str, body: bytes, wall_ns: int) -> None:
        """Take a REST order book."""
        ...

    def left(self, symbols: Sequence[str], reason: str, wall_ns: int) -> None:
        """Take note that these books were dropped for a reason that no frame shows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """Everything the feed may be told; times in seconds."""

    profile: VenueProfile
    symbols: tuple[str, ...]
    kinds: frozenset[StreamKind] = USUAL_KINDS  # DEPTH always; the others may be left out
    engine: Engine = "auto"
    max_levels: int = MAX_LEVELS
    buffer_limit: int = BUFFER_LIMIT  # diffs of a symbol that wait for its seed
    flush_every_s: float = 0.25  # a batch goes to the sink at least so often
    check_every_s: float = 0.25  # silence, age and scale are looked at so often
    seek_after_s: float = 0.5  # a stream that sent no diff for so long gets its seed without one
    stats_every_s: float = 10.0
    status_every_s: float = 300.0  # the listing: does the symbol trade?
    halted_every_s: float = 30.0  # … of those that did not, if that is sooner
    again_first_s: float = 5.0  # a symbol without a usable listing is asked about again after so long …
    again_most_s: float = 60.0  # … and ever later, but at least so often
    clock_every_s: float = 60.0
    backfill_trades: int = 0  # holes of up to so many trades are asked for by REST; 0: none
    trades_stored: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # newest: id, traded at, ns
    backfill_after_s: float = 2.0  # a trade that another one overtook has come by then
    backfill_again_s: float = 10.0  # what was not listed may be later: REST may lag behind
    audit_every_s: float = 0.0  # each book is held against REST so often at most; 0: only to settle doubts
    audit_levels: int = 1000  # on each side, at most; fewer where the weight does not do for all books
    audit_lead_s: float = 1.0  # a book is noted down so long before the request: REST may lag behind
    audit_settle_s: float = 1.0  # what differs may be explained by a diff within so long: ids may lag, too
    patience: Patience = field(default_factory=Patience)
    compression: bool = False  # deflate costs 4-5 µs a frame; it saves traffic, not time
    seeds_at_once: int = 4  # REST requests for seeds that may be under way
    host_patience_s: float = 60.0  # a host that claimed a need and did nothing for so long loses it
    rest_timeout_s: float = 10.0
    open_timeout_s: float = 10.0
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 30.0
    settled_s: float = 30.0  # a session that lived so long was no flapping one: reconnect at once
    rotate_share: float = 0.96  # of the venue's session life: leave before we are cut, after 23 hours
    rotate_jitter: float = 0.04  # … up to so much of it earlier: connections do not all rotate at once
    legs: int = 1  # 2: another connection always stands beside, and what arrives first counts
    quiet_s: float = 3.0  # a stream that a new connection was not heard on for so long is a quiet one
    lag_s: float = 3.0  # a connection on which everything is later than this is left; 0: it stays
    lag_for_s: float = 3.0  # … if it is so for so long
    join_most_s: float = 20.0  # the old connection lags or is mute: leave it without proof by ids
    clock: Clock = SYSTEM_CLOCK
    tap: Tap | None = None  # such as a recorder
    bans_file: Path | None = None  # remembers what the venue told us to wait for; None: it is forgotten

    def __post_init__(self) -> None:
        profile = self.profile
        unknown = sorted(self.kinds - profile.streams.keys())
        if unknown:
            offered = ", ".join(profile.streams)
            raise BadInput(f"{profile.name}: kinds of streams are {offered}, got {', '.join(unknown)}")
        if self.legs > 1 and not profile.spec.pairs_connections:
            raise BadInput(f"{profile.name}: its connections cannot be paired; legs is 1, got {self.legs}")

    def draw_life_s(self, rng: Random) -> float:
        """Return how old a session may grow: lines are not to rotate all at once."""
        return self.profile.session_life_s * (self.rotate_share - rng.uniform(0, self.rotate_jitter))


class SinkStatus(Protocol):
    """How full the sink is, in batches."""

    @property
    def queued(self) -> int:
        """Batches that wait for the store."""
        ...

    @property
    def limit(self) -> int:
        """As many may wait; then we stop reading."""
        ...


class FeedSink(Sink, Protocol):
    """What the feed needs of a writer."""

    def status(self) -> SinkStatus:
        """Tell how full it is."""
        ...


@dataclass(frozen=True, slots=True)
class SymbolStatus:
    """Where one symbol's book stands."""

    symbol: str
    state: State | ListingState  # of its listing, where that is why there is no book
    epoch: int | None
    last_id: int
    why: str  # what last took it out of LIVE
    gaps: int
    resyncs: int  # seeds that were needed after the first

    @classmethod
    def of(
        cls,
        symbol: str,
        book: LiveBook | None,
        *,
        gaps: int,
        resyncs: int,
        listing: tuple[ListingState, str] = (ListingState.AWAITED, "listing awaited"),
    ) -> SymbolStatus:
        """Read it off the book; without one its listing says why there is none."""
        if book is None:
            state, why = listing
            waits = state in {ListingState.AWAITED, ListingState.LISTED}
            return cls(symbol, State.WAITING if waits else state, None, -1, why, gaps, resyncs)
        return cls(symbol, book.state, book.epoch, book.last_id, book.why, gaps, resyncs)

    @property
    def is_live(self) -> bool:
        """Whether the book may be read."""
        return self.state is State.LIVE


@dataclass(frozen=True, slots=True)
class LegStatus:
    """One of two connections that carry the same streams, since both were there."""

    line: str
    leg: int  # 0 is the one in use, 1 the one beside
    frames: int
    first: int  # of these, brought before the other brought them
    holes: int  # breaks in its update ids …
    lost_ids: int  # … and ids in them
    lead_p50_ms: float | None  # over the other leg, where it was first
    lead_p99_ms: float | None


@dataclass(slots=True)
class AuditCounts:
    """Audits against REST snapshots since the feed started."""

    done: int = 0
    untold: int = 0  # nothing could be told: the book began anew, or the snapshot was too old
    failed: int = 0  # requests
    levels: int = 0  # compared …
    misses: int = 0  # … and unlike
    learned: int = 0  # levels beyond a seed's reach that an audit taught us …
    ghosts: int = 0  # … and those it drove out


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The feed at one moment, for people and tests; counts are since it started."""

    state: str  # "starting", "connecting", "streaming", "stopped"
    symbols: tuple[SymbolStatus, ...]
    lines_up: int
    lines: int
    frames: int
    bytes: int
    bad_frames: int
    unrecognised: int
    sessions: int  # connections opened
    resyncs: int
    open_needs: int
    is_paused: bool  # the sink is full: we do not read
    used_weight: int
    clock_offset_us: float | None
    clock_error_us: float | None
    last_error: str
    last_bad_frame: str
    takeovers: int = 0  # connections put in the place of another that was still there
    audits: AuditCounts = field(default_factory=AuditCounts)
    legs: tuple[LegStatus, ...] = ()  # while two connections carry the same streams

    @property
    def live(self) -> int:
        """How many books are LIVE."""
        return sum(symbol.is_live for symbol in self.symbols)

    def symbol(self, name: str) -> SymbolStatus:
        """Return one symbol's status; raises KeyError."""
        for symbol in self.symbols:
            if symbol.symbol == name:
                return symbol
        raise KeyError(name)
