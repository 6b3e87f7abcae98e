"""
Where faults are armed, strike and end; everything runs on the venue's event loop.

    inject ──> on topics (each payload passes all faults of its topic, in the order they were armed)
           ──> on connections, at once      ──> on REST, one request at a time      ──> on the market
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.faults import DEEPEST, STREAM_FAULTS, SYMBOL_FAULTS, Fault, FaultKind
from leadline.tasks.loopback.base.ledger import Entry, Ledger
from leadline.tasks.loopback.base.ports import Connection
from leadline.tasks.loopback.base.streams import BINARY, Hub, Topic, frame
from leadline.tasks.loopback.base.timers import Timers
from leadline.tasks.loopback.faults import drifts
from leadline.tasks.loopback.faults.listings import Listings
from leadline.tasks.loopback.faults.spoiling import spoil
from leadline.tasks.loopback.market.source import Source

K = FaultKind


@dataclass(slots=True)
class Armed:
    """A fault waiting to strike; ``left`` counts down."""

    entry: Entry
    left: int
    held: list[bytes] = field(default_factory=list)
    started: bool = False

    def spend(self) -> None:
        """Count one strike."""
        self.left -= 1
        if not self.left:
            self.entry.done = True


class FaultDesk:
    """Keeps armed faults and applies them; everything runs on the venue's event loop."""

    def __init__(
        self,
        *,
        hub: Hub,
        ledger: Ledger,
        timers: Timers,
        source: Source,
        refuse_for: Callable[[float], None],
        farewell: Callable[[int, bool], bytes | None],
        pong_s: float,
    ) -> None:
        """
        ``refuse_for`` lets no connection in for so many seconds; ``pong_s``: what a pong may take.

        ``farewell`` writes what announces the end of a connection, from market time and whether payloads
        bear their stream's name.
        """
        self._hub = hub
        self._ledger = ledger
        self._timers = timers
        self._source = source
        self._refuse_for = refuse_for
        self._farewell = farewell
        self._pong_s = pong_s
        self._on_topics: dict[Topic, list[Armed]] = {}
        self._silences: list[Armed] = []
        self._rest: list[Armed] = []
        self._drifts: list[Armed] = []
        self._no_pong: Armed | None = None
        self.listings = Listings()

    def inject(self, fault: Fault) -> Entry:
        """Arm or carry out a fault now; raises `BadInput` when it names what is not here."""
        if fault.symbol is not None:
            self.require(fault.symbol)
        entry = self._ledger.open(fault)
        armed = Armed(entry, fault.n)
        if fault.kind in STREAM_FAULTS:
            self._arm_topics(armed)
        elif fault.kind is K.SILENCE:
            self._silences.append(armed)
        elif fault.kind.startswith("rest_") or fault.kind.endswith("_snapshot"):
            self._rest.append(armed)
        elif fault.kind is K.LISTING:
            self._lie(entry)
        elif fault.kind is K.DRIFT:
            self._drift(armed)
        elif fault.kind in SYMBOL_FAULTS:
            self._source.change_market(entry)
        else:
            self._connections(armed)
        return entry

    def clear(self) -> None:
        """Disarm what has not struck yet and let held messages go; what is done stays done."""
        for topic, faults in list(self._on_topics.items()):
            for armed in list(faults):
                self._end(topic, armed)
        muted = [self._no_pong] if self._no_pong else []
        for armed in [*self._silences, *self._rest, *self._drifts, *muted]:
            armed.entry.done = True
        self._silences, self._rest, self._drifts, self._no_pong = [], [], [], None
        self.listings.clear()

    def require(self, symbol: str) -> None:
        """Raise `BadInput` unless the symbol is listed."""
        symbols = self._source.symbols
        if symbol not in symbols:
            raise BadInput(f"symbol {symbol!r} is not listed; there are {', '.join(symbols)}")

    # -- streams ---------------------------------------------------------------------------------

    def _arm_topics(self, armed: Armed) -> None:
        fault = armed.entry.fault
        topics = self._hub.of(fault.symbol, fault.stream)
        if not topics:
            raise BadInput(f"fault {fault.kind}: {fault.symbol} has no stream of kind {fault.stream!r}")
        heard = [topic for topic in topics if topic.clients]
        for topic in heard or topics:
            self._on_topics.setdefault(topic, []).append(Armed(armed.entry, fault.n))
            topic.filter = self._filter

    def _filter(self, topic: Topic, payload: bytes) -> None:
        """Take one payload through all faults of its topic and send what is left of it."""
        if not topic.clients:
            return
        payloads = [payload]
        for armed in list(self._on_topics[topic]):
            payloads = [out for each in payloads for out in self._strike(topic, armed, each)]
        for each in payloads:
            self._hub.send(topic, each)

    def _strike(self, topic: Topic, armed: Armed, payload: bytes) -> list[bytes]:
        """Apply one fault to one payload; return what goes on."""
        kind, entry = armed.entry.fault.kind, armed.entry
        if not armed.left:
            return [payload]
        first, last = topic.ids(payload) or (-1, -1)
        entry.hit(symbol=topic.symbol, stream=topic.name, first_id=first, last_id=last)
        if kind in (K.DELAY, K.MUTE):
            self._hold(topic, armed, payload)
            return []
        if kind is K.REORDER:
            armed.held.append(payload)
            if len(armed.held) == 1:
                return []
            payloads = armed.held[::-1]
            armed.held = []
        elif kind is K.DROP:
            payloads = []
        elif kind is K.DUPLICATE:
            payloads = [payload, payload]
        elif kind is K.TRUNCATED:
            payloads = [payload[: len(payload) // 2]]
        elif kind is K.DRIFT:
            payloads = [drifts.drifted(payload, drifts.read(topic.kind, entry.fault.text))]
        else:
            payloads = [spoil(kind, payload, deepest=armed.entry.fault.text == DEEPEST)]
        armed.spend()
        if not armed.left:
            self._end(topic, armed)
        return payloads

    def _hold(self, topic: Topic, armed: Armed, payload: bytes) -> None:
        """Keep a payload back (delay) or swallow it (mute) until the time is over."""
        fault = armed.entry.fault
        if fault.kind is K.DELAY:
            armed.held.append(payload)
        if not armed.started:
            armed.started = True
            if fault.seconds or fault.kind is K.DELAY:
                self._timers.after(fault.seconds, lambda: self._end(topic, armed))

    def _end(self, topic: Topic, armed: Armed) -> None:
        """Take a fault off its topic; what it holds goes out now."""
        faults = self._on_topics.get(topic, [])
        if armed in faults:
            faults.remove(armed)
        if not faults:
            self._on_topics.pop(topic, None)
            topic.filter = None
        armed.entry.done = True
        armed.left = 0
        for payload in armed.held:
            self._hub.send(topic, payload)
        armed.held = []

    # -- drift -----------------------------------------------------------------------------------

    def _drift(self, armed: Armed) -> None:
        """Let messages or addresses be other than documented, ``n`` of them."""
        fault = armed.entry.fault
        drifts.read(fault.stream, fault.text)
        if drifts.is_topic(fault.stream):
            self._arm_topics(armed)
        else:
            self._drifts.append(armed)

    def drifts_of(self, stream: str) -> list[drifts.Changes]:
        """Take what is to change about a reply, an answer, its headers or an address; often nothing."""
        found = []
        for armed in list(self._drifts):
            if armed.entry.fault.stream == stream:
                armed.entry.hit(drift=stream)
                armed.spend()
                found.append(drifts.read(stream, armed.entry.fault.text))
                if not armed.left:
                    self._drifts.remove(armed)
        return found

    def drifted(self, stream: str, body: bytes) -> bytes:
        """Return a reply or an answer as drift leaves it."""
        for changes in self.drifts_of(stream):
            body = drifts.drifted(body, changes)
        return body

    # -- connections -----------------------------------------------------------------------------

    def _connections(self, armed: Armed) -> None:
        """Carry out a fault that concerns whole connections, on all of them."""
        entry, fault = armed.entry, armed.entry.fault
        if fault.kind is K.REFUSE:
            self._refuse_for(fault.seconds)
            entry.hit(seconds=fault.seconds)
            self._timers.after(fault.seconds, lambda: setattr(entry, "done", True))
        elif fault.kind is K.NO_PONG:
            self._no_pong = armed
            if fault.seconds:
                self._timers.after(fault.seconds, lambda: self._pongs_again(armed))
        else:
            for client in self._struck(fault):
                entry.hit(streams=len(client.streams))
                self._disturb(client, fault)
            entry.done = True

    def _struck(self, fault: Fault) -> list[Connection]:
        """Return the connections that a fault is about; the oldest is first in the venue's list."""
        clients = [each for each in self._hub.connections if each.is_open]
        match fault.which:
            case "oldest":
                return clients[:1]
            case "newest":
                return clients[-1:]
            case _:
                return clients

    def _disturb(self, client: Connection, fault: Fault) -> None:
        """Carry out a fault on one connection."""
        if fault.kind is K.CUT:
            client.cut()
        elif fault.kind is K.CLOSE:
            client.close(fault.code or 1001, fault.text)
        elif fault.kind is K.DEMAND_PONG:
            client.ping(fault.seconds or self._pong_s)
        elif fault.kind is K.LAG:
            client.lag_s = fault.seconds
        elif fault.kind is K.SHUTDOWN:
            self._shut_down(client, fault)
        else:
            client.out += [_noise(fault.kind)] * fault.n
            client.flush()

    def _shut_down(self, client: Connection, fault: Fault) -> None:
        """Announce the end where the venue does, then end it after ``seconds``."""
        text = self._farewell(self._source.now_ns(), client.combined)
        if text is not None:
            client.out.append(frame(text))
            client.flush()
        self._timers.after(fault.seconds, lambda: client.close(1001, "server shutdown"))

    def _pongs_again(self, armed: Armed) -> None:
        if self._no_pong is armed:
            self._no_pong = None
        armed.entry.done = True

    @property
    def pongs_muted(self) -> bool:
        """Whether pings of clients go unanswered now."""
        return self._no_pong is not None

    def swallowed_pong(self) -> None:
        """Note that a client's ping was not answered."""
        if self._no_pong is not None:
            self._no_pong.entry.hit(pong="withheld")

    def deafens(self, topic: Topic) -> bool:
        """Whether a subscription made now is accepted and then never served."""
        for armed in self._silences:
            fault = armed.entry.fault
            if fault.stream == topic.kind and fault.symbol in (None, topic.symbol):
                armed.entry.hit(symbol=topic.symbol, stream=topic.name)
                armed.spend()
                if not armed.left:
                    self._silences.remove(armed)
                return True
        return False

    # -- REST ------------------------------------------------------------------------------------

    def _lie(self, entry: Entry) -> None:
        """List a symbol as told, for ``seconds``."""
        self.listings.lie(entry)
        if entry.fault.seconds:
            self._timers.after(entry.fault.seconds, lambda: self.listings.end(entry))

    def take_rest(self, symbol: str | None, *, is_depth: bool) -> Fault | None:
        """Take the next fault that applies to a REST request; snapshot faults want one for a book."""
        for armed in self._rest:
            fault = armed.entry.fault
            wants_depth = fault.kind.endswith("_snapshot")
            if fault.symbol not in (None, symbol) or (wants_depth and not is_depth):
                continue
            armed.entry.hit(symbol=symbol)
            armed.spend()
            if not armed.left:
                self._rest.remove(armed)
            return fault
        return None


def _noise(kind: FaultKind) -> bytes:
    """Make a frame that is no message: text that is no JSON, or bytes."""
    if kind is K.BINARY:
        return frame(bytes(range(256)), BINARY)
    return frame(b'{"stream":"garbage@depth","data":{"e":"depthUpd\\u00')
