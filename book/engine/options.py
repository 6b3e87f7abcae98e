"""How a live book is kept: what `book.engine.factory.make_book` hands to either engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from leadline.book.trust.attestation import Faith

Clock: TypeAlias = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Options:
    """How a book is kept; see `make_book`."""

    max_levels: int
    buffer_limit: int
    time_unit_ns: int
    mono_ns: Clock
    window: int | None = None  # the stream keeps so many best levels a side; None: all that ever changed
    faith: Faith = field(default_factory=Faith)
