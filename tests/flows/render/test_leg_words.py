"""Two connections for the same streams, through a real stream: one is cut, and nothing is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from leadline.flows.config.settings import Settings
from leadline.flows.local.up_picture import stream_line
from leadline.flows.local.watcher import stream_of
from leadline.flows.render.leg_words import leg_line
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.queries.everyday import leg_figures
from leadline.tasks.loopback import Fault, FaultKind, Options, run_in_thread
from tests.flows.waiting import until

_LOST = "SELECT leg, sum(lost_ids), sum(ends) FROM leg_stats GROUP BY leg ORDER BY leg"
_HOLES = """
SELECT count(*) FROM (
    SELECT first_id, lag(last_id) OVER (PARTITION BY symbol ORDER BY last_id) AS before_id FROM depth_diffs
) WHERE first_id <> before_id + 1
"""


def test_a_cut_leg_costs_nothing_and_the_table_says_which_it_was(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    with run_in_thread(Options(count=2)) as venue:
        settings = Settings(
            db=db,
            home=tmp_path / "home",
            venue="loopback-spot",
            symbols=tuple(venue.symbols),
            ws_url=venue.ws_url,
            rest_url=venue.rest_url,
            stats_every_s=0.2,
            legs=2,
        )
        host = StreamHost(settings, host_grace_s=0)
        host.open()
        try:
            until(lambda: host.status().feed.live == 2, "all books are live")

            def both() -> bool:
                legs = host.status().feed.legs
                return len(legs) == 2 and min(leg.frames for leg in legs) > 50

            until(both, "both legs carry the streams")
            venue.inject(Fault(FaultKind.REFUSE, seconds=1.0))  # so that it misses something
            venue.inject(Fault(FaultKind.CUT, which="oldest"))  # the one in use

            def figures() -> dict[str, tuple[int, int]]:
                with connect(db) as con:
                    return {leg: (lost, ends) for leg, lost, ends in con.execute(_LOST).fetchall()}

            until(lambda: figures().get("A", (0, 0))[0] > 0, "the table says what it missed")
            assert figures()["A"][1] == 1
            assert figures()["B"] == (0, 0)
            seen = stream_of(db, print)
            until(lambda: host.status().feed.clock_error_us is not None, "the clock is known")
        finally:
            host.close()
    assert [symbol.gaps for symbol in host.status().feed.symbols] == [0, 0]
    with connect(db) as con:
        assert con.execute(_HOLES).fetchall() == [(0,)]
        assert con.execute("SELECT count(DISTINCT epoch), count(*) FROM seeds").fetchall() == [(2, 2)]
        ends = con.execute("SELECT DISTINCT ended_by FROM coverage").fetchall()
        assert ends == [("stopped",)]
        assert leg_figures(con, since=dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).dicts() == []
    assert [leg["leg"] for leg in seen.legs] == ["A", "B"]
    first, second = seen.legs
    assert (first["in_use"], second["in_use"]) == (False, True)
    assert first["lost_ids_day"] > 0
    assert second["lost_ids_day"] == 0
    assert ", beside: " in leg_line(first)
    assert ", in use: " in leg_line(second)
    assert "books live" in stream_line(seen.stats, seen.pid)
