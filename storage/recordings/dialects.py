"""
How others write the lines of a recording, and how each line becomes ours.

    ours, hftbacktest   <receive time> <json>                       time in s, ms, us or ns since 1970
    Tardis raw          <ISO 8601 time> <json>
    cryptofeed raw      <time in s>: <json>, and lines about the connection and about REST answers

A file is written in one dialect, which its first lines show. The unit of a whole-number time follows from
its size: the years 2000 to 2100 in s, ms, us and ns do not overlap.

Sources: cryptofeed/raw_data_collection.py (2021 and later); tardis.dev, "Raw data replay";
hftbacktest, "Data preparation" (all read in 2026-11).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec

from leadline.book.venues.common.recorded import RecordedKind
from leadline.book.venues.registry import MARKETS

FIRST_S, LAST_S = 946_684_800, 4_102_444_800  # 2000-01-01 and 2100-01-01, UTC
UNITS_NS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
LOOKED_AT = 50  # lines at the start of a file that may hold nothing but its header

Reading: TypeAlias = tuple[int, bytes] | None
"""Receive time in ns and the message; None for a line that is no message and no fault."""


class NotALine(ValueError):
    """A line that its dialect cannot read; the message says what stands there and what was expected."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to write lines: ``read`` raises `NotALine`; ``is_like`` tells it from the others."""

    name: str
    is_like: Callable[[bytes], bool]
    read: Callable[[bytes], Reading]


def dialect_of(lines: Iterable[bytes]) -> Dialect:
    """Return the dialect that the first telling line of a file shows; ours where none does."""
    for text in lines:
        for dialect in DIALECTS:
            if dialect.is_like(text):
                return dialect
    return OURS


# -- times -----------------------------------------------------------------------------------------


def whole_ns(text: bytes) -> int:
    """Read a whole number of s, ms, us or ns since 1970 as ns; its size tells the unit."""
    number = int(text)
    for unit_ns in UNITS_NS.values():
        per_s = UNITS_NS["s"] // unit_ns
        if FIRST_S * per_s <= number < LAST_S * per_s:
            return number * unit_ns
    raise NotALine(
        f"receive time {text.decode()}: expected s, ms, us or ns since 1970 of a year from 2000 to 2099"
    )


def decimal_ns(text: bytes) -> int:
    """Read decimal seconds since 1970 as ns, exactly; digits past the ninth are cut off."""
    seconds, _, fraction = text.partition(b".")
    if not FIRST_S <= int(seconds) < LAST_S:
        raise NotALine(
            f"receive time {text.decode()}: expected seconds since 1970 of a year from 2000 to 2099"
        )
    return int(seconds) * UNITS_NS["s"] + int(fraction[:9].ljust(9, b"0"))


def iso_ns(text: bytes) -> int:
    """Read an ISO 8601 time, UTC unless it says otherwise, as ns; digits past the ninth are cut off."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise NotALine(
            f"receive time {text.decode(errors='replace')}: expected a time such as "
            "2026-01-31T12:00:00.1234567Z"
        )
    to_the_second, fraction, zone = match.groups()
    try:
        moment = dt.datetime.fromisoformat(to_the_second.decode() + (zone or b"Z").decode())
    except ValueError as exc:
        raise NotALine(f"receive time {text.decode()}: {exc}") from None
    return int(moment.timestamp()) * UNITS_NS["s"] + int((fraction or b"")[:9].ljust(9, b"0"))


_ISO = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")
_DECIMAL = re.compile(rb"\d+\.\d+")


# -- messages --------------------------------------------------------------------------------------


def compact(message: bytes) -> bytes:
    """
    Write a JSON message as venues do: no blanks between tokens, the stream before its data.

    A third element of a level, which Binance sent empty until 2019, goes: it never held anything. Numbers
    and texts stay as they stand. What is not JSON is returned as it is, for the decoder to name.
    """
    try:
        if b" " in message or b"\t" in message:
            message = msgspec.json.format(message, indent=-1)
        if message.startswith(b'{"data":'):
            parts = _RAW_PARTS.decode(message)
            if "stream" in parts:
                message = b'{"stream":' + bytes(parts["stream"]) + b',"data":' + bytes(parts["data"]) + b"}"
    except (msgspec.MsgspecError, KeyError):
        pass
    return _LEVEL_OF_THREE.sub(rb"\1]", message) if b'",[]' in message else message


_LEVEL_OF_THREE = re.compile(rb'(\["[\d.]+","[\d.]+"),\[\]\]')
_RAW_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _message(text: bytes, whole: bytes) -> bytes:
    if not text.startswith(b"{"):
        raise NotALine(f"expected '<time> <json>', got {whole[:60]!r}")
    return compact(text)


# -- ours, and hftbacktest's -----------------------------------------------------------------------


def _read_ours(text: bytes) -> Reading:
    time, _, message = text.partition(b" ")
    if not time.isdigit():
        if _DECIMAL.fullmatch(time):
            return decimal_ns(time), _message(message.strip(), text)
        raise NotALine(f"expected '<ns> <json>', got {text[:60]!r}")
    return whole_ns(time), _message(message.strip(), text)


# -- Tardis raw ------------------------------------------------------------------------------------


def _read_tardis(text: bytes) -> Reading:
    time, _, message = text.partition(b" ")
    return iso_ns(time), _message(message.strip(), text)


# -- cryptofeed raw --------------------------------------------------------------------------------

_CONNECTION = re.compile(rb"\S+ <-> [\d.]+$")
_SENT = re.compile(rb"\S+ <- [\d.]+: ")
_ANSWER = re.compile(rb"(https?://\S+) -> ([\d.]+): (.*)$", re.DOTALL)
_FRAME = re.compile(rb"(\d+(?:\.\d+)?): (.*)$", re.DOTALL)


def _is_cryptofeed(text: bytes) -> bool:
    return text.startswith(b"configuration: ") or any(
        pattern.match(text) for pattern in (_CONNECTION, _SENT, _ANSWER, _FRAME)
    )


def _read_cryptofeed(text: bytes) -> Reading:
    if text.startswith(b"configuration: ") or _CONNECTION.match(text) or _SENT.match(text):
        return None
    if answer := _ANSWER.match(text):
        return _cryptofeed_ns(answer[2]), _named(answer[1].decode(errors="replace"), answer[3], text)
    if frame := _FRAME.match(text):
        return _cryptofeed_ns(frame[1]), _message(frame[2].strip(), text)
    raise NotALine(f"expected '<s>: <json>' as cryptofeed writes it, got {text[:60]!r}")


def _cryptofeed_ns(text: bytes) -> int:
    return decimal_ns(text) if _DECIMAL.fullmatch(text) else whole_ns(text)


def _named(url: str, answer: bytes, whole: bytes) -> bytes:
    """Give a REST order book the symbol that its address names."""
    message = _message(answer.strip(), whole)
    symbols = parse_qs(urlsplit(url).query).get("symbol")
    venues = (spec.recorded for spec in MARKETS if spec.recorded.kind(message) is RecordedKind.SNAPSHOT)
    recorded = next(venues, None)
    return message if not symbols or recorded is None else recorded.rest_line(symbols[0], message)


OURS = Dialect("leadline", lambda text: text.partition(b" ")[0].isdigit(), _read_ours)
TARDIS = Dialect("Tardis raw", lambda text: bool(_ISO.match(text)), _read_tardis)
CRYPTOFEED = Dialect("cryptofeed raw", _is_cryptofeed, _read_cryptofeed)
DIALECTS = (OURS, TARDIS, CRYPTOFEED)
