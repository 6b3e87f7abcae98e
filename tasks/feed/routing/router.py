"""
Brings every frame to its book, at the least cost: used live and by replay alike.

The usual frame begins in one way (`tasks.venues.common.adapter.Framing`), its stream's name included. All
bytes up to there are one dictionary key, so one look-up checks the wrapper, finds the book and tells where
the payload starts; no JSON is read. What does not begin so (raw frames, other spellings, replies,
recordings' snapshots) is read in full, once, and costs a little more.

The books write their rows into ``batch``. When it is full, the router hands it to the sink and takes
an empty one; when the sink has none it raises `SinkFull`, with nothing changed: the caller stops
reading and calls again with the same frame. Nothing is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from leadline.book.engine.live import LiveBook
from leadline.book.errors import BadFrame, BatchFull, OffScale
from leadline.book.messages import CommandReply, ServerShutdown, Trade
from leadline.book.rows.batch import Batch, BookEventRow, Market
from leadline.book.scale import Scale
from leadline.book.sync.events import Event, State
from leadline.tasks.feed.routing.liveness import StreamPulse
from leadline.tasks.feed.routing.partial_depth import Depth20
from leadline.tasks.feed.routing.steps import ClockSteps
from leadline.tasks.net.errors import SinkFull
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import VenueProfile

Told: TypeAlias = Sequence[tuple[LiveBook, Event]]
Control: TypeAlias = CommandReply | ServerShutdown
Receive: TypeAlias = Callable[[bytes, int, int, Batch, int], Sequence[Event]]
MakeBook: TypeAlias = Callable[[int, Market], LiveBook]

NOTHING: Told = ()
BAD_ROW_EVERY_NS = 1_000_000_000  # of one book: a storm of bad frames must not become one of rows


class Sink(Protocol):
    """Where full batches go and empty ones come from; both calls return at once."""

    def take(self) -> Batch | None:
        """Give an empty batch, or None while as many as allowed are queued."""
        ...

    def submit(self, batch: Batch) -> None:
        """Queue a batch for the store."""
        ...


class Route:
    """One stream's way: its book, what takes its frames there, and its pulse."""

    __slots__ = ("book", "pulse", "receive", "start")

    def __init__(self, book: LiveBook, receive: Receive, start: int, pulse: StreamPulse) -> None:
        self.book = book
        self.receive = receive
        self.start = start  # of the payload within a combined frame
        self.pulse = pulse


class Router:
    """
    Routes frames to ``books`` and their rows, batch by batch, to ``sink``; used from one thread.

    ``markets`` is the list that the sink's batches share (None: take it from them). ``make_book`` is
    needed by `rescale` alone. ``on_submit`` sees every batch before the sink does. ``steps`` notices when
    our clock is set; it needs the monotonic time of every frame.
    """

    def __init__(
        self,
        markets: list[Market] | None,
        books: Iterable[LiveBook],
        sink: Sink,
        profile: VenueProfile,
        *,
        make_book: MakeBook | None = None,
        on_submit: Callable[[Batch], None] | None = None,
        time_unit_ns: int | None = None,
        steps: ClockSteps | None = None,
    ) -> None:
        self.books: dict[str, LiveBook] = {}
        self.control: deque[Control] = deque()  # replies and farewells, for the session
        self.off_scale: dict[str, str] = {}  # symbols whose numbers no longer fit, and what did not
        self.bad_frames = 0
        self.unrecognised = 0
        self.last_bad = ""
        self._sink = sink
        self._adapter = profile.adapter
        self._decoder = profile.spec.decoder
        self._framing = profile.adapter.framing
        self._name_at, self._middle_length = len(self._framing.prefix), len(self._framing.middle)
        self._make_book = make_book
        self._on_submit = on_submit
        self._steps = steps
        self._time_unit_ns = time_unit_ns or profile.time_unit_ns
        self._routes: dict[bytes, Route] = {}
        self._pulses: dict[str, StreamPulse] = {}
        self._by_lower: dict[str, LiveBook] = {}
        self._bad_row_ns: dict[int, int] = {}
        self._depth20: dict[int, Depth20] = {}  # by index, of the books that are held against it
        self.batch = self._take()
        # Shared with the sink and append-only: indices stay valid for ever.
        self.markets = self.batch.markets if markets is None else markets
        for book in books:
            self.add(book)

    # -- books and streams -----------------------------------------------------------------------

    def add(self, book: LiveBook) -> None:
        """Route the frames of ``book.synthetic.market.symbol`` to this book from now on."""
        symbol = book.market.symbol
        self.books[symbol] = self._by_lower[symbol.lower()] = book
        self._forget_routes(symbol)

    def remove(self, symbol: str) -> None:
        """Route the symbol no more; its frames count as unrecognised."""
        self.books.pop(symbol, None)
        self._by_lower.pop(symbol.lower(), None)
        self._forget_routes(symbol)
        self._pulses = {name: pulse for name, pulse in self._pulses.items() if pulse.symbol != symbol}

    def rescale(self, market: Market, ts_ns: int) -> LiveBook:
        """
        Give the market's symbol a book of its scale, if it has none; a book of another scale is left.

        The new one gets a new index, because the rows of the old one keep their scale.
        """
        old = self.books.get(market.symbol)
        if old is not None:
            if old.market.scale == market.scale:
                return old
            old.leave("rescaled", ts_ns, self.batch)
        assert self._make_book is not None, "a router that rescales needs make_book"
        self.markets.append(market)
        book = self._make_book(len(self.markets) - 1, market)
        self.add(book)
        self.off_scale.pop(market.symbol, None)
        return book

    def pulse(self, stream: str) -> StreamPulse | None:
        """Return the pulse of a stream by its name, made when first asked for; None if it has no book."""
        pulse = self._pulses.get(stream)
        if pulse is None:
            name = self._adapter.parse_stream(stream)
            book = self._by_lower.get(name.lower_symbol)
            if book is None or name.kind is None:
                return None
            pulse = self._pulses[stream] = StreamPulse(stream, book.market.symbol, name.kind)
        return pulse

    # -- frames ----------------------------------------------------------------------------------

    def dispatch(self, frame: bytes, ts_recv_ns: int, recv_mono_ns: int = 0) -> Told:
        """
        Bring a frame to its book; return what the book tells.

        Raises `SinkFull` with nothing changed. A bad frame is counted, noted in ``book_events``, and
        makes the book leave if it was a diff, because the diff is lost.
        """
        steps = self._steps
        if steps is not None and not steps.low_ns <= ts_recv_ns - recv_mono_ns <= steps.high_ns:
            ts_recv_ns = steps.look(recv_mono_ns, self.batch)
        end = frame.find(b'"', self._name_at)
        route = self._routes.get(frame[: end + self._middle_length])
        if route is None:
            return self._dispatch_slowly(frame, ts_recv_ns, recv_mono_ns)
        return self._deliver(route, frame, route.start, ts_recv_ns, recv_mono_ns)

    def receive_snapshot(self, book: LiveBook, body: bytes, ts_recv_ns: int) -> Sequence[Event]:
        """Bring a seed to a book; raises `BadFrame`, and `SinkFull` with nothing changed."""
        self.tend_clock()
        while True:
            try:
                return book.receive_snapshot(body, ts_recv_ns, self.batch)
            except BatchFull:
                self.swap()

    def add_trades(self, index: int, trades: Sequence[Trade]) -> None:
        """Put trades that no frame brought into the batch; raises `SinkFull` with nothing changed."""
        try:
            self.batch.add_trades(index, *trades)
        except BatchFull:
            self.swap()
            self.batch.add_trades(index, *trades)

    def swap(self) -> None:
        """Hand the batch to the sink and go on with an empty one; raises `SinkFull`, nothing changed."""
        fresh = self._take()
        full, self.batch = self.batch, fresh
        if self._steps is not None:
            self._steps.hand_over(full)
        for check in self._depth20.values():
            check.note_batch(full)
        if self._on_submit is not None:
            self._on_submit(full)
        self._sink.submit(full)

    def tend_clock(self) -> None:
        """Look at our clock before something is dated by it."""
        if self._steps is not None:
            self._steps.tend(self.batch)

    def flush(self) -> bool:
        """Hand over what there is; False if the sink is full."""
        self.tend_clock()
        if self.batch.is_empty:
            return True
        try:
            self.swap()
        except SinkFull:
            return False
        return True

    def finish(self) -> None:
        """Hand over the last batch; the router is of no use afterwards."""
        if self._steps is not None:
            self._steps.hand_over(self.batch)
        if self._on_submit is not None:
            self._on_submit(self.batch)
        self._sink.submit(self.batch)

    def _deliver(self, route: Route, frame: bytes, start: int, ts_recv_ns: int, mono_ns: int) -> Told:
        try:
            events = route.receive(frame, start, ts_recv_ns, self.batch, mono_ns)
        except BatchFull:
            self.swap()
            return self._deliver(route, frame, start, ts_recv_ns, mono_ns)
        except BadFrame as exc:
            return self._refuse(route, exc, ts_recv_ns)
        pulse = route.pulse
        pulse.last_ns = mono_ns
        pulse.frames += 1
        return [(route.book, event) for event in events] if events else NOTHING

    def _refuse(self, route: Route, exc: BadFrame, ts_recv_ns: int) -> Told:
        """Count a bad frame; a bad diff is a lost diff, so its book begins again."""
        book = route.book
        reason = "off_scale" if isinstance(exc, OffScale) else "bad_frame"
        self._count_bad(f"{book.market.symbol}: {exc}")
        if isinstance(exc, OffScale):
            self.off_scale[book.market.symbol] = str(exc)
        if route.pulse.kind is StreamKind.DEPTH and book.state is not State.WAITING:
            return [(book, event) for event in book.leave(reason, ts_recv_ns, self.batch)]
        if ts_recv_ns - self._bad_row_ns.get(book.index, 0) >= BAD_ROW_EVERY_NS:
            self._bad_row_ns[book.index] = ts_recv_ns
            self.batch.events.append(BookEventRow(book.index, ts_recv_ns, book.state, book.state, reason))
        return NOTHING

    def _count_bad(self, why: str) -> None:
        self.bad_frames += 1
        self.last_bad = why

    # -- the slow way ----------------------------------------------------------------------------

    def _dispatch_slowly(self, frame: bytes, ts_recv_ns: int, mono_ns: int) -> Told:
        try:
            head = self._adapter.read_head(frame)
            route = self._learn(head.stream) if head.stream is not None else None
            if route is not None:
                return self._deliver(route, head.payload, head.start, ts_recv_ns, mono_ns)
            book = self._seeded_book(head.stream) if head.is_snapshot else None
            if book is not None:
                return self._seed(book, head.payload, ts_recv_ns)
            return self._hear_control(frame, ts_recv_ns)
        except BadFrame as exc:
            self._count_bad(str(exc))
            return NOTHING

    def _seeded_book(self, stream: str | None) -> LiveBook | None:
        """Return the book that a recording's snapshot is for."""
        if stream is None:
            return self._unnamed_book()
        return self._by_lower.get(self._adapter.parse_stream(stream).lower_symbol)

    def _hear_control(self, frame: bytes, ts_recv_ns: int) -> Told:
        """Keep replies and farewells for the session; count what nobody asked for."""
        read = self._decoder.message
        message = read(frame, self._scale_of, ts_recv_ns, time_unit_ns=self._time_unit_ns)
        if isinstance(message, CommandReply | ServerShutdown):
            self.control.append(message)
        else:
            self.unrecognised += 1
        return NOTHING

    def _seed(self, book: LiveBook, body: bytes, ts_recv_ns: int) -> Told:
        """Take a recording's snapshot line."""
        try:
            events = self.receive_snapshot(book, body, ts_recv_ns)
        except BadFrame as exc:
            self._count_bad(f"{book.market.symbol} snapshot: {exc}")
            return NOTHING
        return [(book, event) for event in events]

    def _unnamed_book(self) -> LiveBook | None:
        """Return the book a snapshot without a symbol is for: the only one, or the only one waiting."""
        books = list(self.books.values())
        if len(books) > 1:
            books = [book for book in books if book.state is State.BUFFERING]
        return books[0] if len(books) == 1 else None

    # -- routes ----------------------------------------------------------------------------------

    def _learn(self, stream: str) -> Route | None:
        """Make the route of a stream, so that its next combined frame takes the fast way."""
        key = self._framing.key(stream)
        route = self._routes.get(key)
        if route is not None:
            return route
        name = self._adapter.parse_stream(stream)
        book, pulse = self._by_lower.get(name.lower_symbol), self.pulse(stream)
        if book is None or pulse is None:
            return None
        start, receive = self._framing.start(key), self._receiver(book, name.kind)
        route = self._routes[key] = Route(book, receive, start, pulse)
        return route

    def _receiver(self, book: LiveBook, kind: StreamKind | None) -> Receive:
        """Return what takes a stream's frames to its book."""
        if kind is StreamKind.DEPTH:
            return book.receive_depth
        if kind is StreamKind.TICKER:
            return _untimed(book.receive_ticker)
        if kind is StreamKind.DEPTH20:
            return self._depth20.setdefault(book.index, Depth20(book)).receive
        return _quiet(book.receive_trade)

    def _forget_routes(self, symbol: str) -> None:
        self._routes = {
            key: route for key, route in self._routes.items() if route.book.market.symbol != symbol
        }
        held = {route.book.index for route in self._routes.values()}
        self._depth20 = {index: check for index, check in self._depth20.items() if index in held}

    def _scale_of(self, symbol: str) -> Scale:
        return self.books[symbol].market.scale  # KeyError, a LookupError, for one nobody asked for

    def _take(self) -> Batch:
        batch = self._sink.take()
        if batch is None:
            raise SinkFull("every batch is queued for the store")
        return batch


def _untimed(receive: Callable[[bytes, int, int, Batch], Sequence[Event]]) -> Receive:
    """Give a receiver that measures no time the shape of one that does."""

    def told(frame: bytes, start: int, ts_recv_ns: int, batch: Batch, _: int) -> Sequence[Event]:
        return receive(frame, start, ts_recv_ns, batch)

    return told


def _quiet(receive: Callable[[bytes, int, int, Batch], None]) -> Receive:
    """Give a receiver that tells nothing the shape of one that does."""

    def told(frame: bytes, start: int, ts_recv_ns: int, batch: Batch, _: int) -> Sequence[Event]:
        receive(frame, start, ts_recv_ns, batch)
        return ()

    return told
