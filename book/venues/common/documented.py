"""
What a venue's documents say of its messages: the fields of each kind, and where that is written.

`book.contact` holds them against what the venue sends. A `Shape` is one JSON object: the fields that must
be there, and those that the documents name beside them. A field of neither is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias


class Part(StrEnum):
    """What the contact looks at, whatever the venue: its streams, its REST answers, its replies."""

    DEPTH = "depth"
    TICKER = "ticker"
    TRADE = "trade"
    DEPTH20 = "depth20"
    REPLY = "reply"  # to a command
    BOOK = "order book"  # REST
    PAST = "past trades"  # REST
    LISTING = "listing"  # REST
    TIME = "time"  # REST


class Type(StrEnum):
    """What a field holds."""

    INT = "whole number"
    NUMBER = "number"
    TEXT = "text"
    DECIMAL = "decimal text"
    BOOL = "true or false"
    LEVELS = "list of [price, quantity]"
    LIST = "list"
    OBJECT = "object"
    NULL = "null"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class Shape:
    """One JSON object of the documents; ``known`` are fields that may be there."""

    name: str
    needed: Mapping[str, Type]
    known: Mapping[str, Type]
    source: str


Piece: TypeAlias = tuple[Shape, Mapping[str, Any]]
"""An object that was met, and what it ought to be."""


class Documented(Protocol):
    """One market's documents; has no state."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that trade day and night, to look at where nobody names others."""
        ...

    @property
    def sources(self) -> Mapping[str, str]:
        """Where an area's rule is written: ids, trades, tickers, times, weights, filters, depth, …."""
        ...

    @property
    def statuses(self) -> frozenset[str]:
        """Every status of a symbol that the documents name."""
        ...

    def pieces(self, part: Part, message: Any, symbols: Collection[str] = ()) -> Iterable[Piece]:
        """Take a message apart into objects and what they ought to be; of a listing, these ``symbols``."""
        ...

    @property
    def tells_weight(self) -> bool:
        """Whether each REST answer says what was used of the request weight."""
        ...

    def weight_limit(self, listing: Any) -> int | None:
        """Read from a listing what may be used in a minute; None where it does not say."""
        ...
