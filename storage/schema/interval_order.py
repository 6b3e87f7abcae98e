"""The order of intervals: how views and queries say it, and what it is in files of before it was kept."""

from __future__ import annotations

from typing import Any, Protocol

# Oldest first, within a market. NULLs are rows of programs that do not know of it.
OLDEST_FIRST = "coalesce(numbering, 1), first_id, last_id, coalesce(seq, 0), ts_from"
NEWEST_FIRST = (
    "coalesce(numbering, 1) DESC, last_id DESC, first_id DESC, coalesce(seq, 0) DESC, ts_from DESC"
)

# Two monotonic clocks that are further apart are not the same one: another machine, or a recording's.
MOST_MONO_NS = 30 * 86_400 * 10**9
# A difference of two clocks below this is that of reading them, seconds.
STEP_S = 0.01


class OrderStatements(Protocol):
    """A connection of any kind."""

    def execute(self, statement: str, /) -> Any:
        """Run one statement."""
        ...


# Rows lie as they were written. Imports are not of the order in which a stream wrote: the venue's clock,
# where a diff tells it, says where they belong.
_SEQ = """
UPDATE coverage SET seq = placed.place
FROM (SELECT rowid AS row, row_number() OVER (ORDER BY rowid) AS place FROM coverage) placed
WHERE coverage.rowid = placed.row
"""

_EVENTS = """
UPDATE coverage SET ts_event = told.ts_event
FROM (SELECT c.seq, max(d.ts_event) AS ts_event
      FROM coverage c JOIN depth_diffs d
        ON d.venue = c.venue AND d.symbol = c.symbol AND d.epoch = c.epoch AND d.last_id = c.last_id
      GROUP BY c.seq) told
WHERE coverage.seq = told.seq
"""

# A stream whose ids are lower than those before heard the venue count anew.
_NUMBERINGS = """
UPDATE coverage SET numbering = counted.numbering
FROM (SELECT seq, 1 + coalesce(sum(is_anew) OVER (PARTITION BY venue, symbol ORDER BY seq), 0) AS numbering
      FROM (SELECT seq, venue, symbol,
                   CAST(last_id < lag(last_id) OVER before
                        AND coalesce(ts_event >= lag(ts_event) OVER before, true) AS INTEGER) AS is_anew
            FROM coverage WHERE ended_by IS DISTINCT FROM 'imported'
            WINDOW before AS (PARTITION BY venue, symbol ORDER BY seq))) counted
WHERE coverage.seq = counted.seq
"""

_IMPORTED = """
UPDATE coverage SET numbering = coalesce((
    SELECT max(numbering) FROM coverage o
    WHERE o.venue = coverage.venue AND o.symbol = coverage.symbol), 1)
WHERE numbering IS NULL
"""


def order_of_before(con: OrderStatements) -> None:
    """Give each stored interval its place in the sequence, its numbering and its venue's time."""
    for statement in (_SEQ, _EVENTS, _NUMBERINGS, _IMPORTED):
        con.execute(statement)
