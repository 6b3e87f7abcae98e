"""The live picture of a stream: its books by state, what flows, what is stored, how late."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from leadline.book.rows.feed import FeedStats
from leadline.book.sync.events import State
from leadline.book.venues.common.listing import ListingState
from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import HostStatus
from leadline.tasks.net.errors import FeedStopped

if TYPE_CHECKING:
    from leadline.flows.stream import StreamSession

SYMBOLS_SHOWN = 20  # the troubled ones first
COLOURS: dict[str, str] = {State.LIVE: "green", State.BUFFERING: "yellow", State.WAITING: "yellow"}
SAID = 3  # of symbols without a book
SHOWN_ROWS = ("diffs", "trades", "tickers", "seeds", "events", "samples")


class StreamPicture:
    """Draws the state of ``session``; `line` is the same in one line."""

    def __init__(self, session: StreamSession, settings: Settings) -> None:
        self._session = session
        self._settings = settings
        self._before: tuple[float, int] = (0.0, 0)  # seconds and frames at the last status
        self._frames_per_s = 0.0

    def draw(self) -> RenderableType:
        """Return the picture as it is now."""
        status = self._status()
        if status is None:
            return Text("opening the database, compiling the books …", style="dim")
        return Group(self._head(status), _books(status), self._foot(status))

    def line(self) -> str:
        """Return the picture in one line."""
        status = self._status()
        if status is None:
            return "opening the database, compiling the books …"
        feed = status.feed
        rows = ", ".join(f"{kind} {status.rows.get(kind, 0):,}" for kind in SHOWN_ROWS[:3])
        trouble = "".join(
            f"; {one.symbol} {one.state}: {one.why}"
            for one in [one for one in feed.symbols if isinstance(one.state, ListingState)][:SAID]
        )
        trouble += f"; {feed.last_error}" if feed.last_error and not feed.live else ""
        return (
            f"{status.seconds:.0f} s: {feed.live} of {len(feed.symbols)} books live, "
            f"{self._frames_per_s:,.0f} frames/s, {rows}, {status.gaps} gaps{trouble}"
        )

    def _status(self) -> HostStatus | None:
        host = self._session.host
        if host is None:
            return None
        try:
            status = host.status()
        except FeedStopped:
            return None
        seconds, frames = self._before
        if status.seconds > seconds:
            self._frames_per_s = (status.feed.frames - frames) / (status.seconds - seconds)
        self._before = status.seconds, status.feed.frames
        return status

    def _head(self, status: HostStatus) -> Text:
        feed = status.feed
        colour = "green" if feed.state == "streaming" else "yellow"
        paused = "  paused: the store is behind" if feed.is_paused else ""
        return Text.assemble(
            (f"{self._settings.venue} ", "bold"),
            (feed.state, colour),
            f"  {status.seconds:,.0f} s  {feed.live}/{len(feed.symbols)} live  "
            f"{self._frames_per_s:,.0f} frames/s  {status.gaps} gaps  {feed.resyncs} resyncs  "
            f"{feed.sessions} sessions",
            (paused, "red"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _foot(self, status: HostStatus) -> Text:
        writer = status.writer
        rows = "  ".join(f"{kind} {status.rows.get(kind, 0):,}" for kind in SHOWN_ROWS)
        lines = [
            f"rows   {rows}",
            f"queue  {writer.queued} of {writer.limit} batches   sub-flows {self._session.reports} "
            f"reported, {self._session.reports_failed} not",
        ]
        if status.stats is not None:
            lines.append(f"late   {latencies(status.stats)}")
        if writer.last_error:
            lines.append(f"store  {writer.state}: {writer.last_error}")
        if feed_error := status.feed.last_error:
            lines.append(f"venue  {feed_error}")
        return Text("\n".join(lines), style="dim", overflow="ellipsis", no_wrap=True)


def latencies(stats: FeedStats) -> str:
    """Return the latency of the newest bucket, p50 / p99, from receipt to book and to durable row."""
    book = _pair(stats.to_book_p50_us, stats.to_book_p99_us, 1, "µs")
    durable = _pair(stats.to_durable_p50_us, stats.to_durable_p99_us, 1000, "ms")
    return f"receive to book {book}, to durable row {durable} (p50 / p99)"


def _pair(p50_us: float | None, p99_us: float | None, unit: int, name: str) -> str:
    if p50_us is None or p99_us is None:
        return "not measured"
    return f"{p50_us / unit:,.0f} / {p99_us / unit:,.0f} {name}"


def _books(status: HostStatus) -> RenderableType:
    symbols = sorted(status.feed.symbols, key=lambda symbol: symbol.state is State.LIVE)
    table = Table(box=None, pad_edge=False)
    for name, justify in (("symbol", "left"), ("state", "left"), ("last id", "right"), ("gaps", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("resyncs", justify="right")
    table.add_column("why", justify="left", overflow="ellipsis", no_wrap=True)
    for symbol in symbols[:SYMBOLS_SHOWN]:
        colour = COLOURS.get(symbol.state, "red")
        why = "" if symbol.state is State.LIVE else symbol.why
        state = Text(str(symbol.state), style=colour)
        cells = (str(symbol.last_id), str(symbol.gaps), str(symbol.resyncs), why)
        table.add_row(symbol.symbol, state, *cells)
    if len(symbols) <= SYMBOLS_SHOWN:
        return table
    states = Counter(str(symbol.state) for symbol in symbols[SYMBOLS_SHOWN:])
    more = ", ".join(f"{n} {state}" for state, n in states.items())
    return Group(table, Text(f"… and {more}", style="dim"))
