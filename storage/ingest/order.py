"""
Which interval of a market is newer: by the venue's ids, never by our clock.

    numbering   the venue's count of update ids: 1, and one more each time its ids began anew
    ids         within a numbering
    seq         one sequence for the whole database, where ids are equal

A stream that brings lower ids than are stored hears a venue that counts anew. A recording or an import may
be older data that are stored later: there the venue's own clock decides, which goes on whatever ours does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from leadline.storage.schema.interval_order import NEWEST_FIRST

Key: TypeAlias = tuple[str, str]  # venue and symbol

# The venue's machines agree on the time to much less.
SURE_NS = 60_000_000_000

NEWEST = f"""
SELECT venue, symbol, coalesce(numbering, 1), last_id, epoch_ns(ts_event) FROM coverage
QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY {NEWEST_FIRST}) = 1
"""  # noqa: S608  a constant of `storage.schema.interval_order`

LAST_SEQ = """
SELECT max(seq) FROM (SELECT max(seq) AS seq FROM coverage UNION ALL SELECT max(seq) FROM clock_steps)
"""


class OrderStatements(Protocol):
    """A connection of any kind."""

    def execute(self, statement: str, /) -> Any:
        """Run one statement."""
        ...


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest interval of a market: its numbering, last id, and the venue's time of it, ns."""

    numbering: int
    last_id: int
    event_ns: int | None


@dataclass(slots=True)
class Orders:
    """The newest interval of each market, and the last number of the database's sequence."""

    is_recorded: bool = False
    seq: int = 0
    newest: dict[Key, Newest] = field(default_factory=dict)

    def copy(self) -> Orders:
        """Return one that may be changed."""
        return Orders(self.is_recorded, self.seq, dict(self.newest))

    def load(self, con: OrderStatements) -> None:
        """Read what is stored."""
        for venue, symbol, *newest in con.execute(NEWEST).fetchall():
            self.newest[venue, symbol] = Newest(*newest)
        self.seq = int(con.execute(LAST_SEQ).fetchone()[0] or 0)

    def next_seq(self) -> int:
        """Take the next number."""
        self.seq += 1
        return self.seq

    def numbering(self, key: Key, first_id: int, event_ns: int | None) -> int:
        """Return the numbering of an interval that begins at ``first_id``; ``event_ns`` None: untold."""
        newest = self.newest.get(key)
        if newest is None:
            return 1
        passed_ns = None if event_ns is None or newest.event_ns is None else event_ns - newest.event_ns
        if first_id >= newest.last_id:
            # Higher ids of long before: of a count that ended since.
            is_of_before = self.is_recorded and passed_ns is not None and passed_ns < -SURE_NS
            return newest.numbering - is_of_before
        is_older = self.is_recorded and (passed_ns is None or passed_ns < 0)
        return newest.numbering + (not is_older)

    def reach(self, key: Key, numbering: int, last_id: int, event_ns: int | None) -> None:
        """Take note of how far an interval goes."""
        newest = self.newest.get(key)
        if newest is None or (numbering, last_id) >= (newest.numbering, newest.last_id):
            known_ns = None if newest is None else newest.event_ns
            self.newest[key] = Newest(numbering, last_id, event_ns or known_ns)
