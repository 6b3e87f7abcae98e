from __future__ import annotations

import datetime as dt

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.queries.clock import skew_at

NOON = dt.datetime(2026, 5, 28, 12)  # noqa: DTZ001 - the store's times are UTC without a zone
MINUTE = dt.timedelta(minutes=1)


def test_the_estimate_in_force_is_the_last_before_the_moment() -> None:
    with open_duckdb() as con:
        con.execute("CREATE TABLE clock (venue VARCHAR, ts TIMESTAMP, offset_ms DOUBLE, error_ms DOUBLE)")
        assert skew_at(con, "v", NOON) is None
        for n in range(3):
            con.execute("INSERT INTO clock VALUES ('v', $1, $2, 2.0)", [NOON + n * MINUTE, 1270.0 + n])
        con.execute("INSERT INTO clock VALUES ('other', $1, 0.0, 2.0)", [NOON])
        found = {
            minutes: skew_at(con, "v", NOON + minutes * MINUTE) for minutes in (-5.0, 0.0, 0.5, 1.5, 99.0)
        }
    offsets = {minutes: skew.offset_ms for minutes, skew in found.items() if skew is not None}
    assert offsets == {-5.0: 1270.0, 0.0: 1270.0, 0.5: 1270.0, 1.5: 1271.0, 99.0: 1272.0}


def test_an_event_is_taken_as_late_as_it_can_have_been() -> None:
    with open_duckdb() as con:
        con.execute("CREATE TABLE clock (venue VARCHAR, ts TIMESTAMP, offset_ms DOUBLE, error_ms DOUBLE)")
        con.execute("INSERT INTO clock VALUES ('v', $1, 1270.0, 2.0)", [NOON])
        skew = skew_at(con, "v", NOON)
    assert skew is not None
    assert skew.on_our_clock(NOON) == NOON - dt.timedelta(milliseconds=1268)
