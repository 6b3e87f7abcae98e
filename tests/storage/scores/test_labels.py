"""Labels in the store: once, only of what has closed and is covered, the same however often asked."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.scores import labels
from leadline.storage.scores.labels import GRACE, write_labels
from leadline.storage.signals import rows
from tests.storage.scores.market import Synthetic
from tests.storage.signals.market import NOON

HORIZONS = (1, 60, 300)
ALL = "SELECT * EXCLUDE (ts_start), epoch_us(ts_start) FROM labels ORDER BY ALL"
AN_HOUR = dt.timedelta(hours=1)


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


def label(con: Connection, now: dt.datetime = NOON + AN_HOUR, **given: Any) -> Counter[str]:
    return write_labels(
        con, now=now, since=NOON - 24 * AN_HOUR, **{"horizons_s": HORIZONS, **given}
    )  # fmt: skip


def test_a_label_is_what_the_market_did_after_the_answer(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    rows.put(con, [market.decision("a", "BTCUSDT", 120, direction="bullish", ts_arrival=market.at(127.2))])
    assert label(con) == {"ok": 3}
    found = con.execute(
        "SELECT epoch(ts_start - $start), horizon_s, return_bps, mid_start, half_spread_start_bps, "
        "start_id, end_id FROM labels ORDER BY horizon_s",
        {"start": market.at(0)},
    ).fetchall()
    for (opened, horizon_s, moved, mid, half, *ids), wanted in zip(found, HORIZONS, strict=True):
        assert (opened, horizon_s) == (127.2, wanted)
        assert moved == pytest.approx(market.moved_bps("BTCUSDT", 127.2, wanted))
        assert mid == pytest.approx(market.mid("BTCUSDT", 127.2))
        assert half == pytest.approx(0.5)
        # Best prices come every 5 s from 0.5 s on, the first with id 1.
        assert ids == [26, int((127.2 + wanted - 0.5) // 5) + 1]


def test_it_goes_on_where_it_ended_and_does_nothing_twice(con: Connection) -> None:
    market = Synthetic(con, hours=2).prices().covered()
    market.ofi()
    market.signals("llm")
    first = label(con, NOON - AN_HOUR)
    assert 0 < first["ok"] < 1000
    label(con, NOON - 0.4 * AN_HOUR)
    label(con)
    assert not label(con)
    in_steps = con.execute(ALL).fetchall()
    con.execute("DELETE FROM labels")
    # 119 decisions a symbol and source; windows that end after what is stored are not known. An answer
    # comes after its question: one less of 60 and of 300 s.
    assert label(con)["ok"] == len(in_steps) == 2 * (119 + 119 + 115) + 2 * (119 + 118 + 114)
    assert con.execute(ALL).fetchall() == in_steps


def test_windows_that_a_gap_crosses_have_no_return(con: Connection) -> None:
    market = Synthetic(con, hours=2, symbols=("BTCUSDT",)).prices()
    market.covered((0.0, 1.0, "gap"), (1.0001, 2.0, None))
    market.ofi()
    counted = label(con)
    # Open at 56 to 60 minutes, the last as the gap begins: five of 300 s cross it, of the others the last.
    assert counted == {"ok": 119 * 3 - 7 - 4, "gap": 7}
    inside = con.execute(
        "SELECT count(*) FROM labels "
        "WHERE status <> 'ok' AND coalesce(return_bps, mid_start, mid_end) IS NOT NULL"
    ).fetchone()
    assert inside == (0,)


def test_what_is_not_known_yet_is_asked_again(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered((0.0, 0.5, None))
    rows.put(con, [market.decision("a", "BTCUSDT", 1740, direction="bullish")])
    assert label(con, horizons_s=(60, 61)) == {"ok": 1}
    con.execute("UPDATE coverage SET ts_to = $to", {"to": market.at(3600)})
    assert label(con, horizons_s=(60, 61)) == {"ok": 1}
    # A book that stood still since before the answer came is not known either, until it moves.
    rows.put(con, [market.decision("b", "BTCUSDT", 3500, direction="bullish", ts_arrival=market.at(3601))])
    assert not label(con, horizons_s=(60, 61))
    con.execute("UPDATE coverage SET ended_by = 'crash'")
    assert label(con, horizons_s=(60,)) == {"not covered": 1}


def test_a_window_is_left_alone_until_rows_have_had_time_to_come(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    rows.put(con, [market.decision("a", "BTCUSDT", 600, direction="bullish")])
    closed = market.start + dt.timedelta(seconds=660)
    for now, there in (
        (closed, 0),
        (closed + GRACE - dt.timedelta(microseconds=1), 0),
        (closed + GRACE, 1),
    ):
        assert label(con, now, horizons_s=(60,))["ok"] == there


def test_only_decisions_with_a_direction_are_followed(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    quiet: dict[str, Any] = {"direction": None, "confidence": None}
    rows.put(
        con,
        [
            market.decision("a", "BTCUSDT", 600, outcome="abstained", **quiet),
            market.decision("b", "BTCUSDT", 660, outcome="error", **quiet),
            market.decision("c", "BTCUSDT", 720, kind="rescore", direction="bullish"),
            market.decision("d", "BTCUSDT", 780, kind="challenger", direction="neutral"),
        ],
    )
    assert label(con, horizons_s=(60,)) == {"ok": 1}


def test_an_older_price_that_comes_late_is_no_news(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    rows.put(con, [market.decision("a", "BTCUSDT", 600, direction="bullish")])
    con.execute(
        "INSERT INTO book_tickers BY NAME SELECT * REPLACE ($at AS ts_recv, "
        "epoch_us(CAST($at AS TIMESTAMP)) * 1000 AS recv_ns, 1.0 AS bid_px) "
        "FROM book_tickers WHERE update_id = 7",
        {"at": market.at(659.9)},
    )
    label(con, horizons_s=(60,))
    assert con.execute("SELECT return_bps FROM labels").fetchall() == [
        (pytest.approx(market.moved_bps("BTCUSDT", 600, 60)),)
    ]


@pytest.mark.parametrize("hours", [0.05, 10.0])
def test_how_much_is_read_at_once_changes_nothing(
    con: Connection, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = Synthetic(con, hours=2, symbols=("BTCUSDT",)).prices().covered()
    market.ofi()
    label(con)
    wanted = con.execute(ALL).fetchall()
    con.execute("DELETE FROM labels")
    monkeypatch.setattr(labels, "CHUNK", dt.timedelta(hours=hours))
    label(con)
    assert con.execute(ALL).fetchall() == wanted
