"""
What every venue's decoder is made of: JSON to fields, texts to exact integers, errors that name the value.

Every error is a `BadFrame` that names the field, what stood there and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from leadline.book.errors import BadFrame, BadInput, OffScale
from leadline.book.messages import Level
from leadline.book.scale import INT64_MAX, Scale

MILLISECOND_NS = 1_000_000

SHOWN_CHARS = 60  # of the wrong value, in an error's text

ScaleOf: TypeAlias = Callable[[str], Scale]
"""Gives a symbol's scale; raises LookupError for a symbol nobody asked for."""

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Pairs: TypeAlias = list[tuple[str, str]]

T = TypeVar("T")
_BRACE_OR_STRING = re.compile(rb'[{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)
_AT = re.compile(r" - at `\$?(.*)`$")

# -- parts of a message ----------------------------------------------------------------------------


def scale_for(scale_of: ScaleOf | Scale, symbol: str) -> Scale:
    """Return a symbol's scale; raises `BadFrame` for one that nobody asked for."""
    if isinstance(scale_of, Scale):
        return scale_of
    try:
        return scale_of(symbol)
    except LookupError as exc:
        raise BadFrame(f"s: expected a symbol that was asked for, got {symbol!r}") from exc


def to_number(parse: Callable[[str], int], text: str, field: str) -> int:
    """Parse one decimal text; say which field it stood in if it cannot be."""
    try:
        return parse(text)
    except OffScale as exc:
        raise OffScale(f"{field}: {exc}") from exc
    except BadInput as exc:
        raise BadFrame(f"{field}: {exc}") from exc


def to_levels(pairs: Pairs, scale: Scale, field: str) -> tuple[Level, ...]:
    """Parse the levels of one side, as they stand; raises `BadFrame` or `OffScale` naming the level."""
    ticks, lots = scale.ticks, scale.lots
    try:
        return tuple([(ticks(price), lots(quantity)) for price, quantity in pairs])
    except BadInput:
        for n, (price, quantity) in enumerate(pairs):  # find the one to name
            to_number(ticks, price, f"{field}[{n}] price")
            to_number(lots, quantity, f"{field}[{n}] quantity")
        raise


def sorted_side(levels: Sequence[Level], field: str, *, sign: int) -> tuple[Level, ...]:
    """
    Return the levels of a listing that hold something; raises `BadFrame` unless best comes first.

    ``sign`` is 1 where prices must rise, -1 where they must fall.
    """
    for n in range(1, len(levels)):
        price, before = levels[n][0], levels[n - 1][0]
        if sign * price <= sign * before:
            order = "above" if sign > 0 else "below"
            raise BadFrame(
                f"{field}[{n}] price: expected {order} the one before ({before}), got {price} ticks"
            )
    return tuple([level for level in levels if level[1]])


def to_ns(time: int, unit_ns: int, field: str) -> int:
    """Turn a time in units of ``unit_ns`` into ns; raises `BadFrame` for one past 64 bits."""
    ns = time * unit_ns
    if ns > INT64_MAX:
        raise BadFrame(f"{field}: expected a time of unit {unit_ns} ns before the year 2262, got {time}")
    return ns


def to_ns_or_none(time: int | None, unit_ns: int, field: str) -> int | None:
    """Turn a time that may be missing, or 0 for it, into ns."""
    return to_ns(time, unit_ns, field) if time else None


# -- from bytes to fields --------------------------------------------------------------------------


def decode_json(decoder: msgspec.json.Decoder[T], frame: bytes, start: int = 0) -> T:
    """Decode the object at ``frame[start]``; raises `BadFrame` that says what is wrong and where."""
    # The usual combined frame ends with the wrapper's own brace, right behind the payload's.
    body = frame[start:-1] if start and frame.endswith(b"}}") else frame[start:]
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        whole = _object_at(frame, start)
        if whole == body:
            raise _bad_frame(exc, body) from exc
    try:
        return decoder.decode(whole)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _bad_frame(exc, whole) from exc


def _object_at(frame: bytes, start: int) -> bytes:
    """Cut out the object that begins at ``start``; the rest of the frame if it never ends."""
    depth = 0
    for token in _BRACE_OR_STRING.finditer(frame, start):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth <= 0:
                return frame[start : token.end()]
    return frame[start:]


def _bad_frame(exc: Exception, body: bytes) -> BadFrame:
    """Turn the decoder's complaint into one that also shows what stood there."""
    complaint = str(exc)
    if not isinstance(exc, msgspec.ValidationError):
        return BadFrame(f"not JSON: {complaint}; {len(body)} bytes beginning {body[:SHOWN_CHARS]!r}")
    path = _AT.search(complaint)
    field = path[1].lstrip(".") if path else ""
    expected = complaint[: path.start()] if path else complaint
    return BadFrame(f"{field or 'message'}: {expected}; stood there: {_shown(body, field)}")


def _shown(body: bytes, path: str) -> str:
    """Find the value at a path such as ``b[0][1]`` and show the first characters of it."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the typed decoder gave up before this one does
        return f"{body[:SHOWN_CHARS]!r}"
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            break
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
