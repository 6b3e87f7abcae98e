"""Trades that are not the market's are kept apart; depth and trades of futures are told by one clock."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from leadline.storage.access.connect import connect
from leadline.storage.exports.hftbacktest import DEPTH_EVENT, TRADE_EVENT, read_events
from tests.flows.commands import leadline

T0_MS = 1_790_000_000_000
LATE_MS = 7  # from the match to the message


def frame(ms: int, stream: str, **fields: object) -> str:
    told = {"E": T0_MS + ms + LATE_MS, "T": T0_MS + ms, "s": "BTCUSDT", **fields}
    data = json.dumps({"stream": f"btcusdt@{stream}", "data": told}, separators=(",", ":"))
    return f"{(T0_MS + ms + LATE_MS + 3) * 1_000_000} {data}\n"


def trade(ms: int, trade_id: int, px: str, qty: str, what: str) -> str:
    return frame(ms, "trade", e="trade", t=trade_id, p=px, q=qty, X=what, m=False)


def aggregate(ms: int, trade_id: int, px: str, qty: str, *, nq: str, f: int, l: int) -> str:  # noqa: E741
    return frame(ms, "aggTrade", e="aggTrade", a=trade_id, p=px, q=qty, nq=nq, f=f, l=l, m=True)


def diff(ms: int, prev_id: int, last_id: int, bids: list[list[str]]) -> str:
    return frame(ms, "depth@100ms", e="depthUpdate", U=last_id - 9, u=last_id, pu=prev_id, b=bids, a=[])


SEED = {
    "lastUpdateId": 101, "E": T0_MS + 8, "T": T0_MS + 1,
    "bids": [["100.00", "1.0"], ["99.99", "2.0"]], "asks": [["100.01", "1.0"], ["100.02", "1.0"]],
}  # fmt: skip
LINES = [
    diff(0, 89, 101, [["99.98", "1.0"]]),
    f"{(T0_MS + 11) * 1_000_000} {json.dumps(SEED, separators=(',', ':'))}\n",
    frame(50, "bookTicker", e="bookTicker", u=101, b="100.00", B="1.0", a="100.01", A="1.0"),
    trade(100, 500, "100.00", "1.0", "MARKET"),
    trade(200, 501, "110.00", "5.0", "INSURANCE_FUND"),
    trade(300, 502, "0", "0", "NA"),
    trade(400, 503, "100.01", "2.0", "MARKET"),
    trade(500, 504, "90.00", "3.0", "ADL"),
    aggregate(600, 505, "100.02", "4.0", nq="1.0", f=900, l=903),
    aggregate(700, 506, "100.03", "4.0", nq="0.0", f=904, l=904),
    aggregate(800, 507, "100.01", "1.0", nq="1.0", f=905, l=906),
    diff(900, 101, 111, [["99.97", "2.0"]]),
]


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "recorded").write_text("".join(LINES), encoding="utf-8")
    path = tmp_path / "x.duckdb"
    options = ("--venue", "binance-usdm", "--engine", getattr(request, "param", "auto"))
    said = leadline(capsys, "replay", tmp_path / "recorded", "--db", path, *options)
    assert said.code == 0, said.err
    return path


@pytest.mark.parametrize("db", ["plain", "auto"], indirect=True)
def test_each_trade_has_a_kind_and_says_how_much_of_it_met_the_book(db: Path) -> None:
    with connect(db) as con:
        told = con.execute(
            """SELECT trade_id, kind, market_qty, covers_first_id, covers_last_id
               FROM trades ORDER BY trade_id"""
        ).fetchall()
        low, vwap = con.execute(
            "SELECT min(px), sum(px * market_qty) / sum(market_qty) FROM trades WHERE kind = 'market'"
        ).fetchall()[0]
        (whole,) = con.execute("SELECT count(*) FROM trade_coverage").fetchall()[0]
    assert told == [
        (500, "market", 1.0, None, None),
        (501, "insurance_fund", 0.0, None, None),
        (502, "other", 0.0, None, None),
        (503, "market", 2.0, None, None),
        (504, "adl", 0.0, None, None),
        (505, "market", 1.0, 900, 903),
        (506, "rpi", 0.0, 904, 904),
        (507, "market", 1.0, 905, 906),
    ]
    assert low == 100.0
    assert vwap == pytest.approx((100.00 + 2 * 100.01 + 100.02 + 100.01) / 5)
    assert whole == 1, "every kind counts when ids are looked for"


def test_the_time_of_the_match_is_stored_beside_that_of_the_message(db: Path) -> None:
    asked = "SELECT DISTINCT epoch_ms(ts_event) - epoch_ms(ts_transaction) FROM {}"
    with connect(db) as con:
        late = {
            table: con.execute(asked.format(table)).fetchall()
            for table in ("depth_diffs", "seeds", "book_tickers")
        }
    assert set(map(tuple, late.values())) == {((LATE_MS,),)}


def test_an_export_has_market_trades_and_one_clock(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = leadline(capsys, "export", "BTCUSDT", "--db", db, "--out", tmp_path, "--format", "hftbacktest")
    assert said.code == 0, said.err
    (path,) = tmp_path.glob("*.npz")
    events = np.concatenate(list(read_events(path)))
    kind = events["ev"] & 0xFF
    trades, diffs = events[kind == TRADE_EVENT], events[kind == DEPTH_EVENT]
    assert trades["ival"].tolist() == [500, 503, 505, 507]
    assert trades["qty"].tolist() == [1.0, 2.0, 1.0, 1.0]
    for one in (trades, diffs):
        assert set((one["local_ts"] - one["exch_ts"]).tolist()) == {(LATE_MS + 3) * 1_000_000}
