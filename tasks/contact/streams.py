"""The connections of a contact: one for each path of the venue, every frame to the checks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from leadline.book.contact.findings import Finding, Verdict
from leadline.book.contact.market import MarketContact
from leadline.book.errors import BadFrame
from leadline.book.messages import CommandReply, ServerShutdown
from leadline.book.scale import Scale
from leadline.book.venues.common.documented import Part
from leadline.tasks.contact.session import PingSession
from leadline.tasks.net.clock import Clock
from leadline.tasks.net.errors import VenueError
from leadline.tasks.net.limits import CommandPacer
from leadline.tasks.net.session import Deliver
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import VenueProfile

PARTS = {
    StreamKind.DEPTH: Part.DEPTH,
    StreamKind.TICKER: Part.TICKER,
    StreamKind.TRADE: Part.TRADE,
    StreamKind.DEPTH20: Part.DEPTH20,
}
BUSY_DIFFS = 100  # a market with so many moves, and a silent stream of it is not quiet but dead
PING_TOLERANCE = 0.25


@dataclass(slots=True)
class Line:
    """One connection and what was asked for on it; ``session`` None: no address of it served."""

    kinds: tuple[StreamKind, ...]
    session: PingSession | None = None
    opened_ns: int = 0
    failures: list[str] = field(default_factory=list)
    lost: str = ""


class Streams:
    """Opens the lines, brings frames to ``market``, and says what it noticed of the connections."""

    def __init__(
        self, profile: VenueProfile, market: MarketContact, clock: Clock, patience_s: float
    ) -> None:
        """``patience_s``: what an answer may take."""
        self.profile = profile
        self.frames: Counter[tuple[str, StreamKind]] = Counter()
        self.lines: list[Line] = []
        self._market = market
        self._clock = clock
        self._patience_s = patience_s
        self._upper = {symbol.lower(): symbol for symbol in market.symbols}
        self._pong_s: float | None = None
        self._asked_pong = False
        self._heartbeats = 0
        self._beaten = False
        self._shutdowns = 0
        self._unknown: Counter[str] = Counter()

    def session(
        self, url: str, deliver: Deliver, ended: Callable[[str], None] = lambda _why: None
    ) -> PingSession:
        """Make a session of this venue, not yet open."""
        profile = self.profile
        return PingSession(
            url,
            deliver=deliver,
            ended=ended,
            pacer=CommandPacer(self._clock.mono_s, per_second=profile.commands_per_s),
            clock=self._clock,
            write_command=profile.adapter.command,
            streams_per_command=profile.streams_per_command,
            heartbeat=profile.heartbeat,
            open_timeout_s=self._patience_s,
            reply_timeout_s=self._patience_s,
        )

    async def open(self) -> None:
        """Open a line for each path that carries something of ours."""
        base = self.profile.ws_bases[0]
        paths: dict[str, list[StreamKind]] = {}
        for kind in self.profile.streams:
            paths.setdefault(base.path_for(kind), []).append(kind)
        for kinds in paths.values():
            line = Line(tuple(kinds))
            self.lines.append(line)
            await self._open(line)

    async def close(self) -> None:
        """End all connections."""
        for line in self.lines:
            if line.session is not None:
                await line.session.close()

    async def beat(self) -> None:
        """Send what the venue wants to hear from us, if it is time."""
        for line in self.lines:
            if line.session is not None:
                await line.session.beat()
                heartbeat = self.profile.heartbeat
                if heartbeat is not None and self._age_s(line) > heartbeat.every_s + self._patience_s:
                    self._beaten = True

    async def ping(self) -> None:
        """Ping the venue once."""
        session = next((line.session for line in self.lines if line.session is not None), None)
        if session is None:
            return
        self._asked_pong = True
        try:
            self._pong_s = await session.ping(self._patience_s)
        except VenueError:
            self._asked_pong = False  # the line is gone, which is told elsewhere

    def look_at_reply(self, frame: bytes) -> None:
        """Look at the fields of a reply to a command."""
        pieces = self.profile.spec.documented.pieces(Part.REPLY, msgspec.json.decode(frame))
        self._market.fields.look(pieces)

    def heard(self, symbol: str, kind: StreamKind) -> int:
        """Return how many frames of a stream came."""
        return self.frames[symbol, kind]

    # -- frames ----------------------------------------------------------------------------------

    async def _open(self, line: Line) -> None:
        adapter, symbols = self.profile.adapter, list(self._market.symbols)
        streams = [self.profile.stream(symbol, kind) for symbol in symbols for kind in line.kinds]
        for base in self.profile.ws_bases:
            address = adapter.address(base, line.kinds[0], streams)
            session = self._make(address.url, line)
            try:
                await session.open()
                line.session, line.opened_ns = session, self._clock.mono_ns()
                if not address.subscribes:
                    await session.subscribe(streams)
            except VenueError as exc:
                line.failures.append(str(exc))
                line.session = None
                await session.close()
            else:
                return

    def _make(self, url: str, line: Line) -> PingSession:
        def ended(why: str) -> None:
            line.lost = why

        def deliver(frames: list[bytes], wall_ns: int, _mono_ns: int) -> None:
            for frame in frames:
                self._hear(made, frame, wall_ns)

        made = self.session(url, deliver, ended)
        return made

    def _hear(self, session: PingSession, frame: bytes, wall_ns: int) -> None:
        adapter = self.profile.adapter
        try:
            head = adapter.read_head(frame)
        except BadFrame as exc:
            self._market.unreadable(str(exc))
            return
        name = None if head.stream is None else adapter.parse_stream(head.stream)
        if name is None or name.kind is None or name.lower_symbol not in self._upper:
            self._hear_other(session, frame, wall_ns)
            return
        symbol = self._upper[name.lower_symbol]
        self.frames[symbol, name.kind] += 1
        self._market.message(PARTS[name.kind], symbol, frame, head.payload, head.start, wall_ns)

    def _hear_other(self, session: PingSession, frame: bytes, wall_ns: int) -> None:
        """Take a reply, a farewell, or what nobody asked for."""
        try:
            read = self.profile.spec.decoder.message
            message = read(frame, unknown_scale, wall_ns, time_unit_ns=self.profile.time_unit_ns)
        except BadFrame as exc:
            self._market.unreadable(str(exc))
            return
        if isinstance(message, CommandReply):
            self.look_at_reply(frame)
            self._heartbeats += message.request_id is None and message.error is None
            session.hear(message)
        elif isinstance(message, ServerShutdown):
            self._shutdowns += 1
        else:
            self._unknown[getattr(message, "kind", type(message).__name__)] += 1

    # -- what came of it -------------------------------------------------------------------------

    def findings(self, seconds: float) -> list[Finding]:
        """Say what was noticed of streams and connections in ``seconds``."""
        found = [self._served(line) for line in self.lines]
        found += [
            self._stream(symbol, kind) for symbol in self._market.symbols for kind in self.profile.streams
        ]
        found += [self._pings(line, seconds) for line in self.lines[:1]]
        found.append(self._pongs())
        if self.profile.heartbeat is not None:
            found.append(self._heartbeat())
        if self._shutdowns:
            found.append(
                self._told("connection", "the venue goes on", Verdict.NOTED, "it announced a shutdown")
            )
        if self._unknown:
            kinds = ", ".join(self._unknown)
            found.append(self._told("streams", "only what was asked for comes", Verdict.NOTED, kinds))
        return found

    def _told(self, area: str, assumption: str, verdict: Verdict, detail: str) -> Finding:
        return Finding(area, assumption, verdict, detail, self.profile.spec.documented.sources[area])

    def _served(self, line: Line) -> Finding:
        kinds = ", ".join(line.kinds)
        assumption = f"one connection serves {kinds}"
        if line.session is None:
            return self._told("connection", assumption, Verdict.BROKEN, "; ".join(line.failures))
        if line.lost:
            return self._told("connection", f"{assumption} and stays", Verdict.BROKEN, line.lost)
        if line.failures:
            return self._told(
                "connection", assumption, Verdict.NOTED, "at first: " + "; ".join(line.failures)
            )
        return self._told("connection", f"{assumption} and stays", Verdict.HOLDS, "open to the end")

    def _stream(self, symbol: str, kind: StreamKind) -> Finding:
        frames, diffs = self.frames[symbol, kind], self.frames[symbol, StreamKind.DEPTH]
        assumption = f"{symbol}: the stream of {kind} speaks"
        if frames:
            return self._told("streams", assumption, Verdict.HOLDS, f"{frames:,} messages")
        busiest = max((n for (one, _), n in self.frames.items() if one == symbol), default=0)
        if kind is StreamKind.DEPTH and not busiest:
            return self._told(
                "streams", assumption, Verdict.BROKEN, "no message; nothing of the symbol came"
            )
        if max(diffs, busiest) >= BUSY_DIFFS:
            words = f"silent, while another stream of the symbol brought {busiest:,} messages"
            return self._told("streams", assumption, Verdict.BROKEN, words)
        return self._told("streams", assumption, Verdict.UNSEEN, "no message; too few others to say more")

    def _age_s(self, line: Line) -> float:
        return (self._clock.mono_ns() - line.opened_ns) / 1e9

    def _pings(self, line: Line, seconds: float) -> Finding:
        every_s, pings = self.profile.ping_every_s, [] if line.session is None else line.session.pings_ns
        if every_s is None:
            return self._told("connection", "the venue's pings", Verdict.UNSEEN, "the documents name none")
        assumption = f"the venue pings every {every_s:g} s"
        gaps = [(later - earlier) / 1e9 for earlier, later in pairwise(pings)]
        first_s = (pings[0] - line.opened_ns) / 1e9 if pings else None
        if gaps or (first_s is not None and first_s < every_s * (1 - PING_TOLERANCE)):
            typical = sorted(gaps)[len(gaps) // 2] if gaps else first_s or 0.0
            fits = abs(typical - every_s) <= PING_TOLERANCE * every_s
            verdict = Verdict.HOLDS if fits else Verdict.NOTED if not gaps else Verdict.BROKEN
            return self._told(
                "connection", assumption, verdict, f"{len(pings)} pings, {typical:.1f} s apart"
            )
        if seconds > every_s * (1 + PING_TOLERANCE) and not pings:
            return self._told("connection", assumption, Verdict.BROKEN, f"none in {seconds:.0f} s")
        words = f"{len(pings)} in {seconds:.0f} s; --seconds {every_s * 2.5:.0f} would show it"
        return self._told("connection", assumption, Verdict.UNSEEN, words)

    def _pongs(self) -> Finding:
        assumption = "the venue answers a ping of ours"
        if not self._asked_pong:
            return self._told("connection", assumption, Verdict.UNSEEN, "no line was left to ask on")
        if self._pong_s is None:
            return self._told(
                "connection", assumption, Verdict.BROKEN, f"no pong in {self._patience_s:g} s"
            )
        return self._told("connection", assumption, Verdict.HOLDS, f"after {self._pong_s * 1e3:.1f} ms")

    def _heartbeat(self) -> Finding:
        assumption = "our heartbeat is answered"
        if self._heartbeats:
            return self._told("connection", assumption, Verdict.HOLDS, f"{self._heartbeats} times")
        if self._beaten:
            return self._told("connection", assumption, Verdict.BROKEN, "no answer came")
        words = "too short to send one" if self.profile.heartbeat else ""
        return self._told("connection", assumption, Verdict.UNSEEN, words)


async def first_frame(
    streams: Streams, url: str, subscribe: Sequence[str] = (), *, within_s: float
) -> bytes | None:
    """
    Open an address of its own, subscribe if told, and return the first frame of a stream.

    None if none comes in time. Raises a `VenueError` if the address cannot be opened or refuses.
    """
    adapter, decoder = streams.profile.adapter, streams.profile.spec.decoder
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def deliver(frames: list[bytes], wall_ns: int, _mono_ns: int) -> None:
        for frame in frames:
            with contextlib.suppress(BadFrame):
                if adapter.read_head(frame).stream is None:
                    message = decoder.message(frame, unknown_scale, wall_ns, time_unit_ns=1)
                    if isinstance(message, CommandReply):
                        streams.look_at_reply(frame)
                        session.hear(message)
                elif not came.done():
                    came.set_result(frame)

    session = streams.session(url, deliver)
    try:
        await session.open()
        if subscribe:
            await session.subscribe(subscribe)
        async with asyncio.timeout(within_s):
            return await came
    except TimeoutError:
        return None
    finally:
        await session.close()


def unknown_scale(symbol: str) -> Scale:
    """Know no symbol: what is read here has no numbers of any."""
    raise LookupError(symbol)
