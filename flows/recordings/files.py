"""
What the frames of a recording are about (files are read by `storage.recordings.reader`).

A frame is a combined-stream frame, a raw payload, a REST snapshot (bare, or as the stream
``btcusdt@snapshot``), an exchangeInfo answer, or our own note that books were dropped (`left_line`).
`survey` finds the symbols and how their decimals are scaled before anything is replayed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leadline.book.errors import BadInput
from leadline.book.scale import MAX_DECIMALS, Scale
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.storage.recordings.reader import BadRecording, Faults, Line, Recording

MS_NS = 1_000_000
EVENT_UNITS_NS = {13: MS_NS, 16: 1_000}  # by the digits of a time from 2001 to 2286

_EVENT_TIME = re.compile(rb'"E":(\d+)[,}]')
_NAME_BYTES = 96  # a stream's name, or the kind of a raw payload, stands within these
_HEAD_BYTES = 8_192  # "symbols" stands behind the rate limits
_STREAM = b'{"stream":"'
_RAW_SYMBOL = re.compile(rb'"s(?:ymbol)?":"([^"]+)"')
_LEFT = b'{"stream":"!left","data":'
_SNAPSHOT = b'{"lastUpdateId"'
# Digits past the decimals known so far, trailing zeros left out. Prices open a level ["p",…] or stand
# as "p", "b" and "a"; quantities close a level ,"q"] or stand as "q", "B" and "A".
_FINER_PRICE = rb'(?:\["|"[pba]":")\d+\.\d{%d}(\d*[1-9])'
_FINER_QTY = rb'(?:","|"[qBA]":")\d+\.\d{%d}(\d*[1-9])'


class _Seen:
    """What is known of a symbol: when it was heard, and the decimals its numbers need."""

    def __init__(self, line: Line) -> None:
        self.first_ns = self.last_ns = line.ts_recv_ns
        self.scale = Scale(0, 0)
        self._find()

    def _find(self) -> None:
        self._price = re.compile(_FINER_PRICE % self.scale.price_decimals)
        self._qty = re.compile(_FINER_QTY % self.scale.qty_decimals)

    def look(self, line: Line) -> None:
        """Take one line into account."""
        self.first_ns = min(self.first_ns, line.ts_recv_ns)
        self.last_ns = max(self.last_ns, line.ts_recv_ns)
        frame = line.frame
        while price := self._price.search(frame):
            self._grow(len(price[1]), 0)
        while qty := self._qty.search(frame):
            self._grow(0, len(qty[1]))

    def _grow(self, price: int, qty: int) -> None:
        prices, qtys = self.scale.price_decimals + price, self.scale.qty_decimals + qty
        if max(prices, qtys) > MAX_DECIMALS:
            raise BadInput(f"a number of more than {MAX_DECIMALS} decimals")
        self.scale = Scale(prices, qtys)
        self._find()


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds: its symbols in the order met, their scales, and when they were heard."""

    scales: dict[str, Scale]
    times: dict[str, tuple[int, int]]  # first and last receive time, ns
    lines: int
    time_unit_ns: int = 1_000_000  # of the venue's own times


def survey(recording: Recording, *, at: Callable[[int], None] | None = None) -> Survey:
    """
    Read a recording once for its symbols and scales.

    A symbol's scale comes from an exchangeInfo line and from the finest number it shows anywhere.
    A snapshot that does not name its symbol belongs to the only one there is. Raises `BadRecording`
    where there are several, or none.
    """
    found: dict[str, _Seen] = {}
    told: dict[str, Scale] = {}
    nameless: list[Line] = []
    faults, units = Faults(), _EventUnits()
    n = 0
    for n, line in enumerate(recording.lines(faults, at=at), 1):  # noqa: B007 - counted for the caller
        units.look(line)
        symbol = symbol_of(line.frame)
        if symbol is not None:
            seen = found.get(symbol)
            if seen is None:
                seen = found[symbol] = _Seen(line)
            seen.look(line)
        elif line.frame.startswith(_SNAPSHOT):
            nameless.append(line)
        elif is_exchange_info(line.frame):
            told.update(_told_scales(line))
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
        next(iter(found.values())).look(line)
    return Survey(
        {symbol: _finer(seen.scale, told.get(symbol, seen.scale)) for symbol, seen in found.items()},
        {symbol: (seen.first_ns, seen.last_ns) for symbol, seen in found.items()},
        n,
        units.time_unit_ns,
    )


class _EventUnits:
    """In which unit the venue's own times stand: one for the whole recording, ms unless they show us."""

    def __init__(self) -> None:
        self.time_unit_ns = MS_NS
        self._first: Line | None = None

    def look(self, line: Line) -> None:
        """Take one line into account; raises `BadRecording` for times in two units, or in another one."""
        match = _EVENT_TIME.search(line.frame)
        if match is None:
            return
        found = EVENT_UNITS_NS.get(len(match[1]))
        if found is None or (self._first is not None and found != self.time_unit_ns):
            first = f" as in line {self._first.number}" if self._first is not None else ""
            raise BadRecording(
                f"{line.file}:{line.number}: event time {match[1].decode()}; "
                f"expected ms or us since 1970{first}"
            )
        if self._first is None:
            self._first, self.time_unit_ns = line, found


def _told_scales(line: Line) -> dict[str, Scale]:
    try:
        found = parse_exchange_info(line.frame)
    except BadInput as exc:
        raise BadRecording(f"{line.file}:{line.number}: {exc}") from exc
    return {symbol: info.scale for symbol, info in found.items()}


def _finer(one: Scale, other: Scale) -> Scale:
    return Scale(max(one.price_decimals, other.price_decimals), max(one.qty_decimals, other.qty_decimals))


def kind_of(frame: bytes) -> str:
    """Tell a frame's kind by its first bytes: diff, snapshot, exchange_info, left or other."""
    if frame.startswith(_LEFT):
        return "left"
    head = frame[:_HEAD_BYTES]
    if b"@depth" in head[:_NAME_BYTES] or b'"depthUpdate"' in head[:_NAME_BYTES]:
        return "diff"
    if b"@snapshot" in head[:_NAME_BYTES] or frame.startswith(_SNAPSHOT):
        return "snapshot"
    return "exchange_info" if is_exchange_info(frame) else "other"


def left_line(symbols: Sequence[str], reason: str) -> bytes:
    """Write the note that books were dropped for a reason that no frame shows, such as a lost session."""
    data = json.dumps({"reason": reason, "symbols": list(symbols)}, ensure_ascii=False)
    return _LEFT + data.encode() + b"}"


def read_left(frame: bytes) -> tuple[str, list[str]] | None:
    """Read such a note: reason and symbols; None if it is none."""
    try:
        data = json.loads(frame)["data"]
        return str(data["reason"]), [str(symbol) for symbol in data["symbols"]]
    except (ValueError, KeyError, TypeError):
        return None


def symbol_of(frame: bytes) -> str | None:
    """Return the symbol a frame is about, by its stream's name or its own field; None where neither is."""
    if frame.startswith(_STREAM):
        name, at, _ = frame[len(_STREAM) :].partition(b"@")
        return _unescaped(name).upper() if at and name else None
    if is_exchange_info(frame):
        return None
    match = _RAW_SYMBOL.search(frame)
    return _unescaped(match[1]).upper() if match else None


def _unescaped(name: bytes) -> str:
    """Read a name as JSON writes it; symbols may lie outside ASCII."""
    if b"\\" not in name:
        return name.decode(errors="replace")
    try:
        return str(json.loads(b'"' + name + b'"'))
    except ValueError:
        return name.decode(errors="replace")


def is_exchange_info(frame: bytes) -> bool:
    """Whether a line is the venue's answer to exchangeInfo."""
    return b'"symbols":[{' in frame[:_HEAD_BYTES]
