"""Fields of messages against their documents: missing, new, of another type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadline.book.contact.findings import Finding, Verdict
from leadline.book.venues.common.documented import Piece, Shape, Type

AREA = "fields"
DECIMAL = re.compile(r"-?\d+(\.\d+)?")
SHOWN_CHARS = 40


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_decimal(value: object) -> bool:
    return isinstance(value, str) and DECIMAL.fullmatch(value) is not None


def _is_levels(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(level, list) and len(level) == 2 and all(map(_is_decimal, level))  # noqa: PLR2004 - pairs
        for level in value
    )


CHECKS: Mapping[Type, Callable[[object], bool]] = {
    Type.INT: _is_int,
    Type.NUMBER: lambda value: _is_int(value) or isinstance(value, float),
    Type.TEXT: lambda value: isinstance(value, str),
    Type.DECIMAL: _is_decimal,
    Type.BOOL: lambda value: isinstance(value, bool),
    Type.LEVELS: _is_levels,
    Type.LIST: lambda value: isinstance(value, list),
    Type.OBJECT: lambda value: isinstance(value, dict),
    Type.NULL: lambda value: value is None,
    Type.ANY: lambda value: True,  # noqa: ARG005
}


@dataclass(slots=True)
class _Met:
    shape: Shape
    messages: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    changed_known: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)


class FieldCheck:
    """Takes pieces of messages; says of each shape what differs from the documents."""

    def __init__(self) -> None:
        self._met: dict[str, _Met] = {}

    def look(self, pieces: Iterable[Piece]) -> None:
        """Hold pieces against their shapes."""
        for shape, message in pieces:
            self._look(shape, message)

    def _look(self, shape: Shape, message: Mapping[str, Any]) -> None:
        met = self._met.setdefault(shape.name, _Met(shape))
        met.messages += 1
        if not isinstance(message, dict):
            met.changed[f"the whole: expected object, got {_shown(message)}"] += 1
            return
        for name, kind in shape.needed.items():
            if name not in message:
                met.missing[name] += 1
            elif not CHECKS[kind](message[name]):
                met.changed[f"{name}: expected {kind}, got {_shown(message[name])}"] += 1
        for name, value in message.items():
            if name in shape.needed:
                continue
            if name not in shape.known:
                met.new[f"{name} = {_shown(value)}"] += 1
            elif not CHECKS[shape.known[name]](value):
                met.changed_known[f"{name}: expected {shape.known[name]}, got {_shown(value)}"] += 1

    def findings(self, expected: Iterable[str] = ()) -> Iterator[Finding]:
        """Say of each shape what was met; ``expected`` names those of which nothing may have come."""
        for met in self._met.values():
            yield self._finding(met)
        for name in expected:
            if name not in self._met:
                yield Finding(AREA, f"fields of: {name}", Verdict.UNSEEN, "no such message came")

    def _finding(self, met: _Met) -> Finding:
        broken = [f"missing: {name}" for name in met.missing]
        broken += [f"type changed: {text}" for text in _first_of_each(met.changed)]
        noted = [f"new: {text}" for text in _first_of_each(met.new)]
        noted += [f"type changed, not read: {text}" for text in _first_of_each(met.changed_known)]
        verdict = Verdict.BROKEN if broken else Verdict.NOTED if noted else Verdict.HOLDS
        detail = "; ".join([*broken, *noted, f"{met.messages:,} seen"])
        return Finding(AREA, f"fields of: {met.shape.name}", verdict, detail, met.shape.source)


def _first_of_each(met: Counter[str]) -> list[str]:
    """Return one example of each field."""
    firsts: dict[str, str] = {}
    for text in met:
        firsts.setdefault(re.split(r"[:=]", text, maxsplit=1)[0].strip(), text)
    return list(firsts.values())


def _shown(value: object) -> str:
    """Return a short form of a value: its kind, and itself if it is no text of a person's."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return f"{value}"
    if isinstance(value, str):
        return f"text {value[:SHOWN_CHARS]!r}"
    return "a list" if isinstance(value, list) else "an object"
