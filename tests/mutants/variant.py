"""One hand-broken variant of one file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variant:
    """Replace ``old`` by ``new`` in ``file``; ``tests`` should fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
