"""All lines of a feed: which streams travel together, and on which line there is room for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from leadline.tasks.feed.connections.line import Line
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.venues.common.adapter import StreamKind


class Lines:
    """``make`` opens a line of a name that carries streams of a kind; runs on the feed's loop."""

    def __init__(self, config: FeedConfig, make: Callable[[str, StreamKind], Line]) -> None:
        self._config = config
        self._make = make
        self._lines: list[Line] = []

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, symbols: Sequence[str]) -> None:
        """Put the streams of symbols on lines that have room, else on new ones."""
        for carries in (StreamKind.DEPTH, StreamKind.TRADE):
            for symbol in symbols:
                streams = self._streams(symbol, carries)
                if streams:
                    self._line_for(carries, len(streams)).add(symbol, streams)

    def carries(self, symbol: str) -> bool:
        """Whether a line carries streams of the symbol."""
        return any(symbol in line.symbols for line in self._lines)

    def ask_depth_anew(self, symbol: str) -> None:
        """Subscribe a symbol's depth stream again, where there is a session; returns at once."""
        stream = self._config.profile.stream(symbol, StreamKind.DEPTH)
        for line in self._lines:
            if line.carries is StreamKind.DEPTH and symbol in line.symbols:
                line.ask_anew(stream)

    def _streams(self, symbol: str, carries: StreamKind) -> list[str]:
        """Name a symbol's streams that travel with those of ``carries``."""
        profile, kinds = self._config.profile, self._config.kinds | {StreamKind.DEPTH}
        return [
            profile.stream(symbol, kind)
            for kind in StreamKind
            if kind in kinds and self._carrier(kind) is carries
        ]

    def _carrier(self, kind: StreamKind) -> StreamKind:
        """Return the kind that names a stream's line: trades go apart where the venue divides them."""
        is_divided = any(base.book_path != base.trade_path for base in self._config.profile.ws_bases)
        return StreamKind.TRADE if is_divided and kind is StreamKind.TRADE else StreamKind.DEPTH

    def _line_for(self, carries: StreamKind, n: int) -> Line:
        """Return a line with room for ``n`` more streams, made if there is none."""
        profile = self._config.profile
        alike = [line for line in self._lines if line.carries is carries]
        for line in alike:
            if line.width + n <= profile.streams_per_connection:
                return line
        name = profile.name + (" trades" if carries is StreamKind.TRADE else "")
        line = self._make(name if not alike else f"{name} {len(alike) + 1}", carries)
        self._lines.append(line)
        return line
