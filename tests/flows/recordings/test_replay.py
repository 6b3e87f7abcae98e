"""Replays: small hand-made recordings for the rules, the real ones held against a plain reconstruction."""

from __future__ import annotations

import csv
import gzip
import json
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.recordings.replay import Pacer
from leadline.storage.access.connect import connect
from tests.flows.commands import finish, leadline, start
from tests.flows.waiting import until
from tests.recordings import COINM_BTC, SPOT_BTC, SPOT_ETH, USDM_BTC, recording

T0 = 1_700_000_000_000_000_000


def diff(n: int, first: int, last: int, bids: str = "", asks: str = "", symbol: str = "BTCUSDT") -> str:
    data = (
        f'{{"e":"depthUpdate","E":{(T0 + n) // 1_000_000},"s":"{symbol}","U":{first},"u":{last},'
        f'"b":[{bids}],"a":[{asks}]}}'
    )
    return f'{T0 + n} {{"stream":"{symbol.lower()}@depth@100ms","data":{data}}}\n'


def seed(n: int, last: int) -> str:
    return f'{T0 + n} {{"lastUpdateId":{last},"bids":[["99.0","1.5"]],"asks":[["101.0","2.0"]]}}\n'


CLEAN = [
    diff(0, 1, 10),
    diff(1, 11, 20, '["98.5","3.00"]'),
    seed(2, 15),
    diff(3, 21, 30, "", '["101.0","0.0"],["102.0","7.25"]'),
    diff(4, 31, 40, '["98.5","0"]'),
]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(lines), encoding="utf-8")
    return path


def replay(capsys: pytest.CaptureFixture[str], tmp_path: Path, *files: Path) -> dict[str, Any]:
    db = tmp_path / "x.duckdb"
    said = leadline(capsys, "replay", *files, "--db", db, "--engine", "plain", "--json")
    assert said.code == 0, said.err
    return {**json.loads(said.out), "stderr": said.err}


def book(capsys: pytest.CaptureFixture[str], tmp_path: Path, *argv: object) -> list[list[str]]:
    said = leadline(capsys, "book", "--db", tmp_path / "x.duckdb", "--format", "csv", *argv)
    assert said.code == 0, said.err
    return list(csv.reader(said.out.splitlines()))


def test_a_clean_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = replay(capsys, tmp_path, write(tmp_path / "a", CLEAN))
    wanted = {"frames": 4, "diffs": 4, "applied": 3, "snapshots": 1, "seeds": 1, "gaps": 0, "crossed": 0}
    assert {name: summary[name] for name in wanted} == wanted
    assert summary["live_symbols"] == ["BTCUSDT"]
    assert summary["stderr"] == ""
    assert book(capsys, tmp_path, "BTCUSDT") == [
        ["side", "price", "qty"],
        ["bid", "99", "1.5"],
        ["ask", "102", "7.25"],
    ]
    assert book(capsys, tmp_path, "btcusdt", "--at-id", "30", "--levels", "2")[1:] == [
        ["bid", "99", "1.5"],
        ["bid", "98.5", "3"],
        ["ask", "102", "7.25"],
    ]
    with connect(tmp_path / "x.duckdb") as con:
        ended = con.execute("SELECT ended_by, last_id FROM coverage").fetchall()
    assert ended == [("end_of_recording", 40)]


def test_what_a_recording_lists_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def listing(n: int, status: str, tick: object) -> str:
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": tick},
            {"filterType": "LOT_SIZE", "stepSize": "0.01"},
        ]
        one = {"symbol": "BTCUSDT", "status": status, "filters": filters}
        return f"{T0 + n} {json.dumps({'timezone': 'UTC', 'symbols': [one, {'symbol': 5}]})}\n"

    broken = f'{T0 + 6} {{"timezone":"UTC","symbols":[{{"symbol"\n'
    lines = [listing(0, "TRADING", 0.1), *CLEAN, listing(5_000, "TRADING", "0.10"), broken]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", lines))
    assert summary["live_symbols"] == ["BTCUSDT"]
    assert summary["unreadable"] == 1
    assert "exchangeInfo: " in summary["faults"][0]
    with connect(tmp_path / "x.duckdb") as con:
        rows = con.execute(
            """SELECT epoch_us(ts) % 1_000_000, state, tick_size, changed, reason = ''
               FROM markets_history ORDER BY seq"""
        ).fetchall()
    assert rows == [
        (0, "LISTED", None, "first", False),
        (5, "LISTED", 0.1, "status, tick_size, step_size, reason", True),
    ]


def test_several_files_are_one_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "1", CLEAN[:3])
    second = tmp_path / "2.gz"
    second.write_bytes(gzip.compress("".join(CLEAN[3:]).encode()))
    summary = replay(capsys, tmp_path, first, second)
    assert (summary["gaps"], summary["applied"], summary["last_ids"]) == (0, 3, {"BTCUSDT": 40})


def test_a_lost_diff_is_a_gap_at_exactly_that_id_and_no_book_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*CLEAN, diff(5, 51, 60), diff(6, 61, 70, '["100.0","5"]')]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", lines))
    assert (summary["gaps"], summary["live_symbols"]) == (1, [])
    with connect(tmp_path / "x.duckdb") as con:
        events = con.execute("SELECT expected_id, got_id FROM book_events WHERE reason = 'gap'").fetchall()
    assert events == [(41, 51)]
    said = leadline(capsys, "book", "BTCUSDT", "--db", tmp_path / "x.duckdb")
    assert said.code == 1
    assert said.out == ""
    assert "no trusted book now; the last interval ended by gap" in said.err
    assert "after update 40" in said.err
    said = leadline(capsys, "book", "BTCUSDT", "--db", tmp_path / "x.duckdb", "--at-id", "65")
    assert said.code == 1
    assert "no trusted book at update 65" in said.err


def test_a_later_snapshot_heals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [*CLEAN, diff(5, 51, 60), seed(6, 55), diff(7, 61, 70, '["100.0","5"]')]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", lines))
    assert (summary["gaps"], summary["live_symbols"], summary["seeds"]) == (1, ["BTCUSDT"], 2)
    assert book(capsys, tmp_path, "BTCUSDT")[1] == ["bid", "100", "5"]


def test_the_same_recording_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a", CLEAN)
    replay(capsys, tmp_path, file)
    said = leadline(capsys, "replay", file, "--db", tmp_path / "x.duckdb", "--engine", "plain")
    assert said.code == 1
    assert "already holds 3 diffs of binance-spot BTCUSDT" in said.err
    assert said.err.count("\n") == 1
    with connect(tmp_path / "x.duckdb") as con:
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall() == [(3,)]


def test_bad_lines_are_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken_ticker = f'{T0 + 4} {{"stream":"btcusdt@bookTicker","data":{{"u":5,"s":"BTCUSDT","b":"x"}}}}\n'
    lines = [*CLEAN[:3], "what is this\n", broken_ticker, *CLEAN[3:]]
    file = write(tmp_path / "a", lines)
    summary = replay(capsys, tmp_path, file)
    assert (summary["unreadable"], summary["bad_frames"], summary["gaps"]) == (1, 1, 0)
    assert summary["live_symbols"] == ["BTCUSDT"]
    assert f"{file}:4: expected '<ns> <json>'" in summary["stderr"]
    assert f"{file}:5: BTCUSDT" in summary["stderr"]


def test_two_symbols_with_named_snapshots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = [
        diff(10, 5, 6, symbol="ETHUSDT"),
        seed(11, 6).replace('"bids"', '"symbol":"ETHUSDT","bids"'),
        f'{T0 + 12} {{"stream":"btcusdt@snapshot","data":{seed(0, 15).split(" ", 1)[1].strip()}}}\n',
    ]
    lines = [*CLEAN[:2], *other, *CLEAN[3:]]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", lines))
    assert sorted(summary["live_symbols"]) == ["BTCUSDT", "ETHUSDT"]
    assert summary["snapshots"] == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [([], "no frame of any symbol"), (["garbage\n"], "no frame of any symbol")],
)
def test_nothing_to_replay_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], said: str
) -> None:
    file = write(tmp_path / "a", lines)
    told = leadline(capsys, "replay", file, "--db", tmp_path / "x.duckdb")
    assert told.code == 1
    assert said in told.err
    assert not (tmp_path / "x.duckdb").exists()


def test_ctrl_c_keeps_what_was_read(tmp_path: Path) -> None:
    hour_ns = 3_600_000_000_000
    late = diff(hour_ns, 41, 50)
    argv = ["replay", write(tmp_path / "a", [*CLEAN, late]), "--engine", "plain", "--speed", "1"]
    process = start(tmp_path, *argv)
    db = tmp_path / "leadline.duckdb"
    try:
        until(db.with_name(db.name + ".quack.json").exists, "the replay serves its database")
        with connect(db) as con:
            query = "SELECT count(*) FROM depth_diffs"
            until(lambda: con.execute(query).fetchall()[0][0] >= 2, "rows can be read while it waits")
        process.send_signal(signal.SIGINT)
        said = finish(process)
    finally:
        process.kill()
    assert said.code == 1
    assert said.err == "leadline replay: stopped by Ctrl-C\n"
    with connect(db) as con:
        ended = con.execute("SELECT ended_by, last_id FROM coverage").fetchall()
    assert ended == [("stopped", 40)]


def test_a_pacer_keeps_time() -> None:
    calls: list[str] = []

    def wait(pacer: Pacer, ts_ns: int) -> list[str]:
        calls.clear()
        pacer.wait(ts_ns, lambda: calls.append("tick"), lambda: calls.append("flush"))
        return calls

    fast = Pacer(1_000.0)
    assert wait(fast, T0) == ["flush"]
    assert wait(fast, T0 + 20_000_000_000) == ["tick"]  # 20 ms at this speed
    assert wait(fast, T0 + 320_000_000_000)[-1] in ("flush", "tick")
    assert "flush" in calls
    assert wait(Pacer(None), T0) == []


# -- the real recordings ---------------------------------------------------------------------------


def plain_book(path: Path, skip: int | None = None) -> list[list[str]]:
    """Rebuild the last book of a recording the slow way, from nothing but its text."""
    sides: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}
    waiting, seed_id = [], None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            frame = json.loads(line.partition(" ")[2])
            data = frame.get("data", frame)
            if "lastUpdateId" in data:
                seed_id = data["lastUpdateId"]
                sides = {"b": _side(data["bids"]), "a": _side(data["asks"])}
            elif data.get("e") == "depthUpdate":
                waiting.append(data)
    for data in waiting:
        if seed_id is not None and data["u"] > seed_id:
            for name, levels in sides.items():
                levels.update(_side(data[name]))
    rows = [["side", "price", "qty"]]
    for name, side in (("b", "bid"), ("a", "ask")):
        held = sorted(((p, q) for p, q in sides[name].items() if q), reverse=name == "b")
        rows += [[side, f"{p.normalize():f}", f"{q.normalize():f}"] for p, q in held[:1000]]
    return rows


def _side(levels: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(qty) for price, qty in levels}


@pytest.mark.recordings
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "venue", "symbol"),
    [
        (SPOT_BTC, "binance-spot", "BTCUSDT"),
        (SPOT_ETH, "binance-spot", "ETHUSDT"),
        (USDM_BTC, "binance-usdm", "BTCUSDT"),
        (COINM_BTC, "binance-coinm", "BTCUSD_PERP"),
    ],
)
def test_real_recordings_end_in_the_right_book(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, venue: str, symbol: str
) -> None:
    path = recording(name)
    said = leadline(capsys, "replay", path, "--db", tmp_path / "x.duckdb", "--venue", venue, "--json")
    summary = json.loads(said.out)
    assert said.code == 0
    nothing = ("gaps", "crossed", "bad_frames", "unreadable", "unrecognised")
    assert {kind: summary[kind] for kind in nothing} == dict.fromkeys(nothing, 0)
    assert summary["live_symbols"] == [symbol]
    assert book(capsys, tmp_path, symbol, "--levels", "1000") == plain_book(path)


@pytest.mark.recordings
@pytest.mark.slow
def test_a_real_recording_with_one_line_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gzip.open(recording(SPOT_ETH), "rb") as file:
        lines = file.read().splitlines(keepends=True)
    depth = [n for n, line in enumerate(lines) if b"@depth" in line]
    gone = depth[len(depth) // 2]
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    missing = json.loads(lines[gone].partition(b" ")[2])["data"]
    said = leadline(capsys, "replay", cut, "--db", tmp_path / "x.duckdb", "--json")
    assert json.loads(said.out)["gaps"] == 1
    assert json.loads(said.out)["live_symbols"] == []
    with connect(tmp_path / "x.duckdb") as con:
        events = con.execute("SELECT expected_id, got_id FROM book_events WHERE reason = 'gap'").fetchall()
    assert events == [(missing["U"], missing["u"] + 1)]
    said = leadline(capsys, "book", "ETHUSDT", "--db", tmp_path / "x.duckdb", "--at-id", missing["u"] + 100)
    assert said.code == 1
