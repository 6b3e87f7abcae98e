"""
Ask a store about time on every kind of connection: ``python -m tests.storage.access.moments DB``.

Prints one JSON object: by the name of each kind of connection its answers to `QUESTIONS`. Of a database
that another process serves, only the kinds that reach it there.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from leadline.storage.access.address import read_address
from leadline.storage.access.connect import Connection, connect, engine
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.owner import Owner

Said = dict[str, Any]

EVENING = "TIMESTAMPTZ '2026-05-28 18:45:00+00'"  # the next day in Kathmandu and Tokyo
SKIPPED = "TIMESTAMP '2026-03-08 02:30:00'"  # an hour that New York's clocks left out

QUESTIONS = {
    "zone": "SELECT current_setting('TimeZone')",
    "now": "SELECT epoch_us(now()::TIMESTAMP) - epoch_us(now())",
    "current_timestamp": "SELECT epoch_us(CURRENT_TIMESTAMP::TIMESTAMP) - epoch_us(now())",
    "localtimestamp": "SELECT epoch_us(localtimestamp) - epoch_us(now())",
    "today": "SELECT CURRENT_DATE = make_timestamp(epoch_us(now()))::DATE",
    "to_zone": f"SELECT epoch({SKIPPED}::TIMESTAMPTZ)::BIGINT",
    "and_back": f"SELECT {SKIPPED}::TIMESTAMPTZ::TIMESTAMP::VARCHAR",
    "from_zone": f"SELECT {EVENING}::TIMESTAMP::VARCHAR",
    "from_text": "SELECT epoch('2026-05-28 18:45:00'::TIMESTAMPTZ)::BIGINT",
    "as_text": f"SELECT {EVENING}::VARCHAR",
    "as_date": f"SELECT {EVENING}::DATE::VARCHAR",
    "day": f"SELECT epoch(date_trunc('day', {EVENING}))::BIGINT",
    "hour": f"SELECT epoch(date_trunc('hour', {EVENING}))::BIGINT",
    "part": f"SELECT extract(hour FROM {EVENING})",
    "equal": f"SELECT TIMESTAMP '2026-05-28 18:45:00' = {EVENING}",
}
OF_ROWS = {
    "last_half_hour": "SELECT list(trade_id ORDER BY trade_id) FROM trades "
    "WHERE ts_recv > now() - INTERVAL 30 MINUTE",
    "yet_to_come": "SELECT count(*) FROM trades WHERE ts_recv > now()",
    "valid": "SELECT list(signal_id ORDER BY signal_id) FROM latest_signals WHERE valid_until > now()",
}


def main(db: Path) -> None:
    """Ask on every kind there is."""
    said = dict(through_connect(db))
    if read_address(db) is None:
        said |= dict(in_process(db))
    print(json.dumps(said))


def through_connect(db: Path) -> Iterator[tuple[str, Said]]:
    for write in (False, True):
        with connect(db, write=write) as con:
            said = answers(con) | fetched(con)
            said["arrow"] = str(con.execute("SELECT now() AS at").arrow().schema.field("at").type)
            if write:
                said["appended"] = appended(con)
            yield f"connect, write={write}", said
        with engine(db, write=write).connect() as orm:
            yield (
                f"engine, write={write}",
                {name: orm.scalar(sa.text(question)) for name, question in (QUESTIONS | OF_ROWS).items()},
            )


def in_process(db: Path) -> Iterator[tuple[str, Said]]:
    with Owner(db) as owner:
        yield "owner", answers(owner.cursor()) | fetched(owner.cursor())
        owner.reopen()
        yield "owner, opened anew", answers(owner.cursor())
    with closing(open_duckdb(db, read_only=True)) as con:
        yield "read-only", answers(con)
    with closing(open_duckdb()) as con:
        yield "memory", answers(con, QUESTIONS) | fetched(con)


def answers(con: Any, questions: dict[str, str] | None = None) -> Said:
    asked = questions or QUESTIONS | OF_ROWS
    return {name: con.execute(question).fetchone()[0] for name, question in asked.items()}


def fetched(con: Any) -> Said:
    """What Python gets of a moment with a zone."""
    (at,) = con.execute(f"SELECT {EVENING}").fetchone()
    return {"fetched": at.isoformat()}


def appended(con: Connection) -> str:
    """What stands in a column without a zone after a moment with one was appended from Arrow."""
    at = pa.array([dt.datetime(2026, 5, 28, 18, 45, tzinfo=dt.UTC)], pa.timestamp("us", tz="UTC"))
    con.begin()
    con.append("budgets", pa.table({"scope": ["a"], "window": ["day"], "limit_usd": [1], "updated_at": at}))
    ((found,),) = con.execute("SELECT updated_at::VARCHAR FROM budgets").fetchall()
    con.rollback()
    return str(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
