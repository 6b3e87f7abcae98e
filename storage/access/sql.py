"""What runs SQL, a person's statement and its answer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  columns hold UTC without zone


class Runs(Protocol):
    """What runs SQL: `storage.access.connect.Connection`, or a cursor of DuckDB."""

    def execute(self, query: str, parameters: Any = None, /) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows under their column names; ``truncated`` when there were more than asked for."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row under its column names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def run_sql(con: Runs, sql: str, params: Any = None, *, limit: int | None = None) -> Answer:
    """Run a person's statement and fetch at most ``limit`` rows; the connection decides what is allowed."""
    result = con.execute(sql, params)
    columns = tuple(str(column[0]) for column in result.description or ())
    if not columns:
        return Answer((), [])
    if limit is None:
        return Answer(columns, result.fetchall())
    rows = result.fetchmany(limit + 1)
    return Answer(columns, rows[:limit], truncated=len(rows) > limit)


def utc_naive(moment: dt.datetime) -> dt.datetime:
    """Turn an aware time into UTC without zone, as columns hold it; a naive one is taken as UTC."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def ns_of(moment: dt.datetime) -> int:
    """Turn a time as columns hold it, UTC without zone, into ns since 1970, exactly."""
    return (moment - EPOCH) // dt.timedelta(microseconds=1) * 1000
