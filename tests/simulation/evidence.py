"""What a promise may look at: the life as it was seen, the truth, and the database it left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from leadline.storage.access.connect import Connection
from tests.simulation.seen import Seen
from tests.simulation.truth import SymbolTruth


@dataclass(frozen=True, slots=True)
class Interval:
    """A row of ``coverage``; times in µs since 1970."""

    epoch: int
    from_us: int
    to_us: int
    first_id: int
    last_id: int
    ended_by: str | None


@dataclass
class Evidence:
    """See the head of the module."""

    seen: Seen
    truth: dict[str, SymbolTruth]
    con: Connection

    @property
    def venue(self) -> str:
        """Name of the venue in rows."""
        return f"loopback-{self.seen.plan.kind}"

    def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """Run a query."""
        return self.con.execute(sql, params or None).fetchall()

    @cached_property
    def coverage(self) -> dict[str, list[Interval]]:
        """All intervals by symbol, in the order of ids."""
        found: dict[str, list[Interval]] = {symbol: [] for symbol in self.truth}
        for symbol, *row in self.rows(_COVERAGE):
            found[symbol].append(Interval(*row))
        return found

    @cached_property
    def seed_ids(self) -> dict[tuple[str, int], int]:
        """Oldest seed of each symbol and epoch."""
        return {(symbol, epoch): last_id for symbol, epoch, last_id in self.rows(_SEEDS)}

    def missing(self, symbol: str) -> list[tuple[int, int]]:
        """Ranges of ids that are not covered, between the first and the last that are."""
        return list(self.truth[symbol].missing((i.first_id, i.last_id) for i in self.coverage[symbol]))


_COVERAGE = """
SELECT symbol, epoch, epoch_us(ts_from), epoch_us(ts_to), first_id, last_id, ended_by FROM coverage
ORDER BY symbol, first_id, last_id
"""
_SEEDS = "SELECT symbol, epoch, min(last_id) FROM seeds GROUP BY ALL"


def some(found: Iterable[str], most: int = 5) -> list[str]:
    """Return the first few complaints, and how many more there are."""
    every = list(found)
    more = len(every) - most
    return every[:most] + ([f"and {more} more"] if more > 0 else [])
