"""Recordings in which trades are missing and repeated: told in SQL by their ids, not trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from tests.flows.recordings.test_replay import T0, diff, replay, seed, write

MS = 1_000_000
FIRST, MISSING = 500, 50


def trade(n: int, trade_id: int) -> str:
    ms = (T0 + n) // MS
    data = {"e": "trade", "E": ms, "s": "BTCUSDT", "t": trade_id, "p": "99.5", "q": "1.0", "T": ms}
    message = {"stream": "btcusdt@trade", "data": data | {"m": False, "M": True}}
    return f"{T0 + n} {json.dumps(message, separators=(',', ':'))}\n"


def recording(ids: list[int]) -> list[str]:
    """A diff and a trade every 100 ms; the diffs are whole."""
    lines = [diff(0, 1, 1), seed(1, 1)]
    for n, trade_id in enumerate(ids, 2):
        at_ns = n * 100 * MS
        lines += [diff(at_ns, n, n, f'["98.5","{n}.0"]'), trade(at_ns + 50 * MS, trade_id)]
    return lines


def test_a_gap_and_a_repeat_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(range(FIRST, FIRST + 5))
    after = list(range(before[-1] + MISSING + 1, before[-1] + MISSING + 6))
    ids = [*before, *after, after[-1]]
    summary = replay(capsys, tmp_path, write(tmp_path / "a", recording(ids)))
    assert summary["live_symbols"] == ["BTCUSDT"]
    with connect(tmp_path / "x.duckdb") as con:
        holes = con.execute("SELECT first_missing_id, next_id, missing FROM trade_holes").fetchall()
        repeats = con.execute("SELECT trade_id FROM trade_repeats").fetchall()
        stored = con.execute("SELECT trade_id FROM trades ORDER BY 1").fetchall()
        between = f"make_timestamp_ns({T0} + {(2 + 5) * 100 * MS})"  # the trades around it are 50 ms away
        trusted = {
            stream: con.execute(
                f"SELECT trusted('binance-spot', 'BTCUSDT', {between}, '{stream}')"
            ).fetchall()
            for stream in ("depth", "trades")
        }
    assert holes == [(before[-1] + 1, after[0], MISSING)]
    assert repeats == [(after[-1],)]
    assert stored == [(n,) for n in (*before, *after)]
    assert trusted["trades"] == [(False,)]
    assert trusted["depth"] == [(True,)], "the book was covered meanwhile"
