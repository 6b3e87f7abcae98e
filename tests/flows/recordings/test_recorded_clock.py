"""The clock of a real recording, 1.27 s behind the venue's: found as well as event times can tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest

from leadline.flows.config.settings import load
from leadline.flows.recordings.replay import Replay
from leadline.storage.access.connect import Connection, connect
from leadline.storage.queries.trust import judge, newest
from leadline.storage.scores import labels
from leadline.storage.scores.labels import write_labels
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Decision
from tests.recordings import USDM_BTC, recording

VENUE, SYMBOL = "binance-usdm", "BTCUSDT"
BEHIND_MS = 1_272.0  # as measured of this recording by hand …
WITHIN_MS = 3.0  # … and as the clocks drift in its six minutes
EVERY_S = 0.7  # between decisions, out of step with whatever comes in whole seconds
HORIZONS_S = (1, 10)
LATE = dt.timedelta(hours=1)

# Of both ends of every label: were the best prices it took received by then, and the newest that were?
_HELD = """
WITH ends AS (
    SELECT ts_start AS moment, start_id AS id FROM labels WHERE status = 'ok'
    UNION ALL SELECT ts_start + to_seconds(horizon_s), end_id FROM labels WHERE status = 'ok'
), heard AS (
    SELECT recv_ns, max(max(update_id)) OVER (ORDER BY recv_ns) AS newest FROM book_tickers GROUP BY recv_ns
), newest AS (
    SELECT id, newest FROM ends ASOF JOIN heard ON 1000 * epoch_us(moment) >= recv_ns
)
SELECT count(*), count(*) FILTER (id > newest), count(*) FILTER (id < newest) FROM newest
"""
# A copy of the query that labels are made of, which dates best prices by the venue's clock.
_BY_EVENT = """
SELECT epoch_ns(ts_event) AS recv_ns, update_id, bid_px, ask_px FROM book_tickers
WHERE venue = $venue AND symbol = $symbol AND ts_event >= $since AND ts_event <= $until ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    db = tmp_path_factory.mktemp("recorded") / "x.duckdb"
    Replay([recording(USDM_BTC)], replace(load({}), venue=VENUE, db=db)).run()
    with connect(db, write=True) as made:
        yield made


def test_the_recorded_clock_is_found_within_its_stated_error(con: Connection) -> None:
    found = con.execute("SELECT offset_ms, error_ms, stream_ms, source, probes FROM clock").fetchall()
    assert len(found) >= 5, "one a minute"
    for offset_ms, error_ms, stream_ms, source, probes in found:
        assert source == "stream"
        assert probes >= 1
        assert abs(offset_ms - BEHIND_MS) <= error_ms + WITHIN_MS
        assert stream_ms == pytest.approx(BEHIND_MS, abs=WITHIN_MS), "the lower bound alone is near"
        assert 50 < error_ms < 100, "an answer of the time endpoint would be surer; this says so"
    until = newest(con, SYMBOL)
    assert until is not None
    (row,) = judge(con, SYMBOL, until - LATE, until).summary.dicts()
    assert abs(row["clock_offset_us"] / 1e3 - BEHIND_MS) <= row["clock_error_us"] / 1e3 + WITHIN_MS
    (event, received) = con.execute("SELECT max(ts_event), max(ts_recv) FROM depth_diffs").fetchone()
    assert event > received + dt.timedelta(seconds=1), "by the venue's clock it is later than by ours"
    offset_ms = con.execute("SELECT arg_max(offset_ms - error_ms, ts) FROM clock").fetchone()[0]
    put_right = event - dt.timedelta(milliseconds=offset_ms)
    assert abs(received - put_right) < dt.timedelta(milliseconds=10 + WITHIN_MS)


def test_no_label_uses_what_had_not_been_received(con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On the recording as it is and with its venue's clock as far behind ours, and two copies are seen.

    The copies date best prices by the venue's clock without taking its offset off: on the one recording
    they take what is out of date, on the other what is still to come.
    """
    since, until = con.execute("SELECT min(ts_from), max(ts_to) FROM coverage").fetchone()
    n = int((until - since).total_seconds() / EVERY_S)
    rows.put(con, [_decision(k, since + dt.timedelta(seconds=k * EVERY_S)) for k in range(1, n)])

    def ends() -> tuple[int, int, int]:
        """Label anew; return how many ends there are, with prices of the future, and out of date."""
        con.execute("DELETE FROM labels")
        write_labels(con, now=until + LATE, since=since - LATE, horizons_s=HORIZONS_S)
        (found,) = con.execute(_HELD).fetchall()
        return found

    total, *wrong = ends()
    assert total > 2 * n
    assert wrong == [0, 0]
    with monkeypatch.context() as broken:
        broken.setattr(labels, "_QUOTES", _BY_EVENT)
        _, future, out_of_date = ends()
        assert future == 0
        assert out_of_date > total / 2
    back = "UPDATE book_tickers SET ts_event = ts_event - to_milliseconds($ms)"
    con.execute(back, {"ms": int(2 * BEHIND_MS)})
    assert ends() == (total, 0, 0), "nothing depends on the venue's clock"
    monkeypatch.setattr(labels, "_QUOTES", _BY_EVENT)
    _, future, _ = ends()
    assert future > total / 2


def _decision(n: int, at: dt.datetime) -> Decision:
    return Decision(
        signal_id=str(n), ts=at, venue=VENUE, symbol=SYMBOL, trigger="schedule", kind="llm",
        provider="p", model_requested="m", lineage="p/m", prompt_version="1", outcome="ok",
        direction="bullish", confidence=0.6,
    )  # fmt: skip
