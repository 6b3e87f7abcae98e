"""
Recordings as a source of the loopback venue: the frames as they were, at any pace.

Lines are ``<receive time, ns> <json>``, plain or .gz; several files in order are one tape, shared by all
clients, that starts when the first one subscribes. The REST answer is the recorded snapshot until the
tape has passed it, then the book rebuilt where the tape stands.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import suppress

import msgspec

from leadline.book.errors import BadInput
from leadline.book.scale import Scale
from leadline.book.synthetic.specs import Kind, fixed
from leadline.storage.recordings.reader import Line
from leadline.tasks.loopback.base.ledger import Entry, Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.ports import Connection
from leadline.tasks.loopback.base.streams import Hub, Topic
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.market.digests import Digests
from leadline.tasks.loopback.venues.binance.lines import IDS
from leadline.tasks.loopback.venues.binance.recording import read_lines
from leadline.tasks.venues.common.adapter import PastTrades

SCANNED_LINES = 20_000  # read ahead to learn which symbols and streams there are
LEARNED_DIFFS = 50  # of each symbol, for its decimals; the venue writes all with as many
CHUNK_BYTES = 1 << 18  # written at once at speed 0
LOG_MAX = 20_000  # diffs kept for the truth at an id; about 40 MB of BTCUSDT

SNAPSHOTS = (b'@snapshot"', b'@depthSnapshot"')  # ours, and Tardis' name
Pairs = list[tuple[str, str]]


class Snapshot(msgspec.Struct):
    """A REST depth answer."""

    lastUpdateId: int  # noqa: N815 - the venue's word
    bids: Pairs
    asks: Pairs
    symbol: str | None = None


class Diff(msgspec.Struct):
    """What is needed of a ``depthUpdate``."""

    u: int
    b: Pairs
    a: Pairs


class _Data(msgspec.Struct):
    s: str | None = None


class _Combined(msgspec.Struct):
    stream: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _WrappedDiff(msgspec.Struct):
    data: Diff


class _WrappedSnapshot(msgspec.Struct):
    data: Snapshot


_combined = msgspec.json.Decoder(_Combined)
_diff = msgspec.json.Decoder(_WrappedDiff)
_bare_snapshot = msgspec.json.Decoder(Snapshot)
_wrapped_snapshot = msgspec.json.Decoder(_WrappedSnapshot)


class TapeBook:
    """The book of one symbol along the tape, as texts: the recorded snapshot and what came since."""

    def __init__(self, first: Snapshot | None) -> None:
        self.recorded = first  # the first one on the tape, before the tape gets there
        self.base: Snapshot | None = None
        self._log: list[bytes] = []  # payloads since the base, and before it those it may not hold
        self._done = 0
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self.last_id = -1

    def seed(self, snapshot: Snapshot) -> None:
        """Start from a snapshot on the tape; diffs seen before it are kept, for some may be newer."""
        self.base = snapshot
        self._done, self.last_id = 0, snapshot.lastUpdateId
        self._bids, self._asks = dict(snapshot.bids), dict(snapshot.asks)

    def add(self, payload: bytes) -> None:
        """Take a diff; it is read only when somebody asks for the book."""
        self._log.append(payload)
        if len(self._log) > LOG_MAX:
            if self.base is not None:
                self.base = self.now()
                self._done = 0
            self._log.clear()

    def now(self) -> Snapshot:
        """Give the whole book where the tape stands; raises `BadInput` when no snapshot was recorded."""
        if self.base is None:
            if self.recorded is None:
                raise BadInput("no snapshot was recorded for this symbol")
            return self.recorded
        for payload in self._log[self._done :]:
            self.apply(payload)
        self._done = len(self._log)
        return _sorted(self.last_id, self._bids, self._asks)

    def at(self, last_id: int | None) -> Snapshot:
        """Give the book right after a diff's last id; raises `BadInput` for an id between or too old."""
        if last_id is None or self.base is None:
            return self.now()
        then = TapeBook(None)
        then.seed(self.base)
        for payload in self._log:
            if then.last_id >= last_id:
                break
            then.apply(payload)
        if then.last_id != last_id:
            raise BadInput(f"the tape knows no book at id {last_id}")
        return then.now()

    def apply(self, payload: bytes) -> None:
        """Apply one combined diff at once; a stale one changes nothing."""
        diff = _diff.decode(payload).data
        if diff.u <= self.last_id:
            return
        self.last_id = diff.u
        for side, levels in ((self._bids, diff.b), (self._asks, diff.a)):
            for price, qty in levels:
                if float(qty):
                    side[price] = qty
                else:
                    side.pop(price, None)


def _sorted(last_id: int, bids: dict[str, str], asks: dict[str, str]) -> Snapshot:
    def price(level: tuple[str, str]) -> float:
        return float(level[0])

    return Snapshot(last_id, sorted(bids.items(), key=price, reverse=True), sorted(asks.items(), key=price))


class Tape:
    """A recording played to the clients; see the head of this module."""

    def __init__(self, kind: Kind, options: Options, hub: Hub, ledger: Ledger) -> None:
        self._kind = kind
        self._speed = options.speed
        self._clock = options.clock
        self._hub = hub
        self._ledger = ledger
        self.paths = options.recording
        self.finished = False
        self.frames = 0
        self._books: dict[str, TapeBook] = {}  # by symbol
        self._names: dict[str, str] = {}  # lower-case symbol -> as the venue writes it
        self._topics: dict[bytes, Topic | None] = {}  # by stream name as recorded
        self._also: dict[Topic, list[Topic]] = {}  # other names of a diff stream clients asked for
        self._digits: dict[str, tuple[int, int]] = {}
        self._learned: Counter[str] = Counter()
        self._spellings: dict[str, None] = {}  # stream names found when reading ahead
        self._scan()
        self.symbols = tuple(self._books)
        self.status = dict.fromkeys(self.symbols, "TRADING")
        self._lines = read_lines(self.paths)
        self._next: Line | None = None
        self._position_ns = 0
        self._first_ns = 0
        self._started = 0.0  # monotonic; 0 before the first subscription

    # -- reading ahead ---------------------------------------------------------------------------

    def _scan(self) -> None:
        """Learn symbols, streams, first snapshots and decimals from the beginning of the tape."""
        snapshots: list[tuple[str | None, Snapshot]] = []
        for line in itertools.islice(read_lines(self.paths), SCANNED_LINES):
            if line.frame.startswith(b'{"stream"'):
                self._learn(line.frame)
            snapshot = self._snapshot_on(line.frame)
            if snapshot is not None:
                snapshots.append(snapshot)
        if not self._names:
            raise BadInput(f"recording {self.paths[0]}: no stream with a symbol in the first lines")
        for spelling in self._spellings:
            self._topic_of(spelling.encode())
        for symbol in self._names.values():
            firsts = (found for name, found in snapshots if name in (symbol, None))
            self._books[symbol] = TapeBook(next(firsts, None))

    def _learn(self, payload: bytes) -> None:
        """Take symbol and decimals off one combined frame."""
        head = _combined.decode(payload)
        if head.data.s is None:
            return
        self._names[head.stream.partition("@")[0]] = head.data.s
        self._spellings[head.stream] = None
        if "@depth" in head.stream and self._learned[head.data.s] < LEARNED_DIFFS:
            self._learned[head.data.s] += 1
            diff = _diff.decode(payload).data
            for price, qty in diff.b + diff.a:
                have = self._digits.get(head.data.s, (0, 0))
                seen = len(price.partition(".")[2]), len(qty.partition(".")[2])
                self._digits[head.data.s] = max(have[0], seen[0]), max(have[1], seen[1])

    def _snapshot_on(self, payload: bytes) -> tuple[str | None, Snapshot] | None:
        """Read a snapshot line of either kind: its symbol (None: the only one there is) and the book."""
        if payload.startswith(b'{"lastUpdateId"'):
            snapshot = _bare_snapshot.decode(payload)
            return snapshot.symbol, snapshot
        if any(name in payload[:120] for name in SNAPSHOTS):
            stream = _combined.decode(payload).stream
            name = self._names.get(stream.partition("@")[0], stream.partition("@")[0].upper())
            return name, _wrapped_snapshot.decode(payload).data
        return None

    # -- playing ---------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Receive time of the frame played last; the wall clock before the first."""
        return self._position_ns or self._clock.wall_ns()

    def pump(self) -> None:
        """Publish what is due; at speed 0 a chunk, unless a client has yet to read the one before."""
        if self.finished or not self._is_wanted():
            return
        speed, room = self._speed, CHUNK_BYTES
        due_ns = None
        if speed:
            due_ns = self._first_ns + int((self._clock.mono_s() - self._started) * speed * 1e9)
        elif self._slow_clients():
            return
        while due_ns is not None or room > 0:
            line = self._next or next(self._lines, None)
            if line is None:
                self.finished = True
                self._ledger.note("tape_end", frames=self.frames)
                return
            self._next = line
            if due_ns is not None and line.ts_recv_ns > due_ns:
                return
            self._next = None
            self._play(line)
            room -= len(line.frame)

    async def rest(self, tick_s: float) -> None:
        """Wait until there may be more to publish."""
        idle = self._speed or self.finished or not self._is_wanted()
        slow = [] if idle else self._slow_clients()
        if slow:
            with suppress(TimeoutError):
                await asyncio.wait_for(slow[0].writable.wait(), tick_s)
        else:
            await asyncio.sleep(tick_s if idle else 0)

    def _slow_clients(self) -> list[Connection]:
        return [client for client in self._hub.connections if not client.writable.is_set()]

    def _is_wanted(self) -> bool:
        """Whether somebody listens, or (with a pace) ever did: a paced tape waits for nobody."""
        heard = any(topic.clients for topic in self._hub.topics.values())
        if heard and not self._started:
            self._next = self._next or next(self._lines, None)
            self._first_ns = self._next.ts_recv_ns if self._next else 0
            self._started = self._clock.mono_s()
        return heard or bool(self._started and self._speed)

    def _play(self, line: Line) -> None:
        """Publish one line."""
        payload = line.frame
        self._position_ns = line.ts_recv_ns
        end = payload.find(b'"', 11)
        topic = self._topic_of(payload[11:end]) if payload.startswith(b'{"stream":"') else None
        if topic is None:
            snapshot = self._snapshot_on(payload)
            if snapshot is not None:
                symbol = snapshot[0] or next(iter(self._books))
                self._books[symbol].seed(snapshot[1])
            return
        self.frames += 1
        if topic.kind == "depth":
            self._books[topic.symbol].add(payload)
        hub = self._hub
        hub.publish(topic, payload)
        for also in self._also.get(topic, ()):
            hub.publish(also, also.head + payload[len(topic.head) :])

    def _topic_of(self, stream: bytes) -> Topic | None:
        """Find or make the topic of a recorded stream name."""
        if stream not in self._topics:
            name, _, rest = stream.decode().partition("@")
            kind = rest.partition("@")[0]
            known = name in self._names and kind in ("depth", "bookTicker", "trade", "aggTrade")
            self._topics[stream] = (
                self._hub.add(stream.decode(), self._names[name], kind, IDS[kind]) if known else None
            )
        return self._topics[stream]

    # -- what the venue asks ---------------------------------------------------------------------

    def topic(self, name: str) -> Topic | None:
        """Find a topic; a diff stream is found under any pace, for the recorded one is all there is."""
        topic = self._hub.topics.get(name)
        symbol, _, rest = name.partition("@")
        kind = rest.partition("@")[0]
        if topic is None and symbol in self._names and kind in ("depth", "bookTicker", "trade", "aggTrade"):
            topic = self._hub.add(name, self._names[symbol], kind, IDS[kind])
            for recorded in self._recorded(symbol, kind):
                if recorded is not topic:
                    self._also.setdefault(recorded, []).append(topic)
        return topic

    def _recorded(self, symbol: str, kind: str) -> list[Topic]:
        """Topics of the tape's own spelling for a diff stream."""
        if kind != "depth":
            return []
        names = (stream for stream in self._spellings if stream.startswith(f"{symbol}@depth"))
        return [topic for name in names if (topic := self._topic_of(name.encode())) is not None]

    def past_trades(self, symbol: str, wanted: PastTrades, limit: int) -> str:  # noqa: ARG002
        """List none: a recording is played as it was heard."""
        return "[]"

    def snapshot(self, symbol: str, limit: int, age_s: float) -> str:
        """Write the REST depth answer; any age gives the last snapshot on the tape."""
        book = self._books[symbol]
        snapshot = book.base if age_s and book.base is not None else book.now()
        cut = Snapshot(snapshot.lastUpdateId, snapshot.bids[:limit], snapshot.asks[:limit])
        names: dict[str, object] = {"lastUpdateId": cut.lastUpdateId}
        if self._kind is not Kind.SPOT:
            names |= {"E": self.now_ns() // 1_000_000, "T": self.now_ns() // 1_000_000}
        return msgspec.json.encode({**names, "bids": cut.bids, "asks": cut.asks}).decode()

    def newest_trade(self, symbol: str) -> int | None:  # noqa: ARG002 - it knows of none
        """Return None: a recording is not asked for what it has not played."""
        return None

    def sizes(self, symbol: str) -> tuple[str, str]:
        """Tick and step size: the decimals as written, for the recording does not say."""
        price, qty = self._digits.get(symbol, (8, 8))
        return fixed(1, price), fixed(1, qty)

    def truth(self, symbol: str, at_id: int | None) -> Truth:
        """Give the book at a diff's last id, or now."""
        snapshot = self._books[symbol].at(at_id)
        scale = Scale.from_sizes(*self.sizes(symbol))
        bids, asks = (
            tuple((scale.ticks(price), scale.lots(qty)) for price, qty in side)
            for side in (snapshot.bids, snapshot.asks)
        )
        return Truth(snapshot.lastUpdateId, bids, asks, scale)

    def digests(self, symbol: str) -> Digests:
        """Refuse: a recording tells of the books at the ends of its diffs only."""
        raise BadInput(f"{symbol}: no digest at every id, its market is a recording")

    def change_market(self, entry: Entry) -> None:
        """Refuse: what was recorded cannot change."""
        raise BadInput(f"fault {entry.fault.kind}: a recording's market cannot be changed")
