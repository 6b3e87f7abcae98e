"""
What the frames of a recording are about (files are read by `storage.recordings.reader`).

A frame is what the venue sent (`book.venues.common.recorded`), or our own note that books were dropped
(`storage.recordings.notes`). `survey` finds the symbols and how their decimals are scaled before anything
is replayed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from leadline.book.errors import BadInput
from leadline.book.rows.feed import ListingRow
from leadline.book.scale import Scale
from leadline.book.venues.common.listing import BadListing, ListingState, SymbolInfo, listing_row
from leadline.book.venues.common.recorded import Recorded, RecordedKind
from leadline.book.venues.common.spec import VenueSpec
from leadline.storage.recordings.notes import is_left
from leadline.storage.recordings.reader import BadRecording, Faults, Line, Recording

MS_NS = 1_000_000
EVENT_UNITS_NS = {13: MS_NS, 16: 1_000}  # by the digits of a time from 2001 to 2286


class _Seen:
    """What is known of a symbol: when it was heard, and the decimals its numbers need."""

    def __init__(self, line: Line) -> None:
        self.first_ns = self.last_ns = line.ts_recv_ns
        self.scale = Scale(0, 0)

    def look(self, line: Line, recorded: Recorded) -> None:
        """Take one line into account."""
        self.first_ns = min(self.first_ns, line.ts_recv_ns)
        self.last_ns = max(self.last_ns, line.ts_recv_ns)
        with contextlib.suppress(BadInput):  # a number that fits no scale: its frame is a bad one
            self.scale = recorded.finer(line.frame, self.scale)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds: its symbols in the order met, their scales, and when they were heard."""

    scales: dict[str, Scale]
    times: dict[str, tuple[int, int]]  # first and last receive time, ns
    lines: int
    time_unit_ns: int = 1_000_000  # of the venue's own times
    listings: tuple[ListingRow, ...] = ()  # what is listed of these symbols, and each change; no venue
    unread: tuple[tuple[Line, str], ...] = ()  # listings that could not be read, and why


def survey(recording: Recording, spec: VenueSpec, *, at: Callable[[int], None] | None = None) -> Survey:
    """
    Read a recording once for its symbols and scales.

    A symbol's scale comes from the venue's listing and from the finest number it shows anywhere. A listing
    that cannot be read, of one symbol or as a whole, leaves the scale to the numbers.
    A snapshot that does not name its symbol belongs to the only one there is. Raises `BadRecording`
    where there are several, or none.
    """
    found: dict[str, _Seen] = {}
    told = _Told(spec)
    nameless: list[Line] = []
    faults, units, recorded = Faults(), _EventUnits(), spec.recorded
    n = 0
    for n, line in enumerate(recording.lines(faults, at=at), 1):  # noqa: B007 - counted for the caller
        if is_left(line.frame):
            continue
        units.look(line, recorded)
        symbol = recorded.symbol(line.frame)
        if symbol is not None:
            seen = found.get(symbol)
            if seen is None:
                seen = found[symbol] = _Seen(line)
            seen.look(line, recorded)
            continue
        kind = recorded.kind(line.frame)
        if kind is RecordedKind.SNAPSHOT:
            nameless.append(line)
        elif kind is RecordedKind.LISTING:
            told.look(line)
    if not found:
        files = ", ".join(map(str, recording.files))
        first = f"; first, {faults.words[0]}" if faults.words else ""
        raise BadRecording(
            f"{files}: no frame of any symbol; expected lines of '<receive time> <json>'{first}"
        )
    if nameless and len(found) > 1:
        where = f"{nameless[0].file}:{nameless[0].number}"
        raise BadRecording(
            f"{where}: a snapshot that does not name its symbol, in a recording of {', '.join(found)}; "
            "expected it as stream <symbol>@snapshot"
        )
    for line in nameless:
        next(iter(found.values())).look(line, recorded)
    return Survey(
        {symbol: _finer(seen.scale, told.scales.get(symbol, seen.scale)) for symbol, seen in found.items()},
        {symbol: (seen.first_ns, seen.last_ns) for symbol, seen in found.items()},
        n,
        units.time_unit_ns,
        tuple(row for row in told.rows if row.symbol in found),
        tuple(told.unread),
    )


class _EventUnits:
    """In which unit the venue's own times stand: one for the whole recording, ms unless they show us."""

    def __init__(self) -> None:
        self.time_unit_ns = MS_NS
        self._first: Line | None = None

    def look(self, line: Line, recorded: Recorded) -> None:
        """Take one line into account; raises `BadRecording` for times in two units, or in another one."""
        digits = recorded.event_time(line.frame)
        if digits is None:
            return
        found = EVENT_UNITS_NS.get(len(digits))
        if found is None or (self._first is not None and found != self.time_unit_ns):
            first = f" as in line {self._first.number}" if self._first is not None else ""
            raise BadRecording(
                f"{line.file}:{line.number}: event time {digits.decode()}; "
                f"expected ms or us since 1970{first}"
            )
        if self._first is None:
            self._first, self.time_unit_ns = line, found


class _Told:
    """What the listings of a recording say of symbols: their scales, a row for each change."""

    def __init__(self, spec: VenueSpec) -> None:
        self.scales: dict[str, Scale] = {}
        self.rows: list[ListingRow] = []
        self.unread: list[tuple[Line, str]] = []
        self._spec = spec
        self._newest: dict[str, ListingRow] = {}

    def look(self, line: Line) -> None:
        """Take a listing into account."""
        try:
            found = self._spec.parse_listing(line.frame, None)
        except BadInput as exc:
            self.unread.append((line, str(exc)))
            return
        for symbol, one in found.items():
            info = one if isinstance(one, SymbolInfo) else None
            if info is not None:
                self.scales[symbol] = info.scale
            reason = f"{one.why}; the scale is that of its frames" if isinstance(one, BadListing) else ""
            row = listing_row("", symbol, line.ts_recv_ns, ListingState.LISTED, info, reason)
            if symbol not in self._newest or not row.is_like(self._newest[symbol]):
                self._newest[symbol] = row
                self.rows.append(row)


def _finer(one: Scale, other: Scale) -> Scale:
    return Scale(max(one.price_decimals, other.price_decimals), max(one.qty_decimals, other.qty_decimals))
