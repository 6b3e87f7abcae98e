"""Tardis' CSV and hftbacktest's npz as files: what is read, what is refused, what is counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leadline.storage.exports import hftbacktest as hbt
from leadline.storage.recordings.reader import BadRecording, Faults, Recording
from leadline.storage.recordings.tardis_csv import COLUMNS

T_US = 1_700_000_000_000_000
DEPTH = ",".join(COLUMNS["incremental_book_L2"])
TRADES = ",".join(COLUMNS["trades"])
QUOTES = ",".join(COLUMNS["book_ticker"])


def csv_file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def level(n: int, side: str = "bid", px: str = "1", qty: str = "1", *, whole: str = "false") -> str:
    return f"deribit,BTC-PERPETUAL,{T_US + n},{T_US + n + 7},{whole},{side},{px},{qty}"


def streams(recording: Recording, faults: Faults | None = None) -> list[str]:
    return [json.loads(line.frame)["stream"] for line in recording.lines(faults)]


def test_tables_are_merged_by_receive_time(tmp_path: Path) -> None:
    depth = csv_file(tmp_path / "d.csv", DEPTH, level(0, whole="true"), level(2), level(6))
    trades = tmp_path / "t.csv.gz"
    trades.write_bytes(
        gzip.compress(f"{TRADES}\nderibit,BTC-PERPETUAL,{T_US + 4},{T_US + 9},x-1,buy,1,2\n".encode())
    )
    quotes = csv_file(tmp_path / "q.csv", QUOTES, f"deribit,BTC-PERPETUAL,{T_US},{T_US + 20},1,2,1,1")
    recording = Recording([depth, trades, quotes])
    assert recording.exchange == "deribit"
    lines = list(recording.lines())
    assert [line.ts_recv_ns for line in lines] == sorted(line.ts_recv_ns for line in lines)
    assert streams(recording) == [
        f"btc-perpetual@{kind}" for kind in ("snapshot", "depth", "trade", "depth", "bookTicker")
    ]


def test_columns_in_another_order_and_others_beside_them(tmp_path: Path) -> None:
    names = [*reversed(COLUMNS["incremental_book_L2"]), "remark"]
    values = dict(zip(COLUMNS["incremental_book_L2"], level(0).split(","), strict=True)) | {"remark": "x"}
    file = csv_file(tmp_path / "a.csv", ",".join(names), ",".join(values[name] for name in names))
    assert streams(Recording([file])) == ["btc-perpetual@depth"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_files_that_a_spreadsheet_wrote(quote: str, end: str, mark: str, tmp_path: Path) -> None:
    lines = [DEPTH, level(0, whole="TRUE"), level(2)]
    quoted = [",".join(f"{quote}{part}{quote}" for part in line.split(",")) for line in lines]
    (tmp_path / "a.csv").write_bytes((mark + end.join(quoted) + end).encode())
    recording = Recording([tmp_path / "a.csv"])
    assert (recording.exchange, streams(recording)) == (
        "deribit", ["btc-perpetual@snapshot", "btc-perpetual@depth"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (level(1, side="left"), "side 'left': expected bid or ask"),
        (level(1, px="x"), "price 'x': expected a number"),
        (level(1, px="-1"), "price '-1': expected a number above 0"),
        (level(1, qty="nan"), "amount 'nan': expected a number above 0 or 0"),
        (level(1, whole="perhaps"), "is_snapshot 'perhaps': expected true or false"),
        (level(1).replace("deribit", "kraken"), "exchange 'kraken': expected deribit"),
        (level(1).rsplit(",", 2)[0], "expected 8 columns"),
        (f"deribit,BTC-PERPETUAL,yesterday,{T_US},false,bid,1,1", "time 'yesterday'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_ends_the_book(
    line: str, words: str, tmp_path: Path
) -> None:
    file = csv_file(tmp_path / "a.csv", DEPTH, level(0, whole="true"), line, level(2))
    faults = Faults()
    assert streams(Recording([file]), faults) == ["btc-perpetual@snapshot", "!left", "btc-perpetual@depth"]
    assert faults.count == 1
    assert "a.csv:3: " in faults.words[0]
    assert words in faults.words[0]


def two_exchanges(folder: Path) -> list[Path]:
    other = level(0).replace("deribit", "kraken")
    return [csv_file(folder / "a.csv", DEPTH, level(0)), csv_file(folder / "b.csv", DEPTH, other)]


def a_table_and_lines(folder: Path) -> list[Path]:
    return [csv_file(folder / "a.csv", DEPTH, level(0)), csv_file(folder / "b", f"{T_US} {{}}")]


def another_data_set(folder: Path) -> list[Path]:
    return [
        csv_file(folder / "a.csv", "exchange,symbol,timestamp,local_timestamp,funding_rate", "x,y,1,1,0")
    ]


def npz(path: Path, *events: tuple[int, int, float, float], ival: int = 0) -> Path:
    """Events of ``(flags, n, price, quantity)``, n in ns since the start; None for no time."""
    data = np.zeros(len(events), hbt.EVENT)
    for row, (flags, n, px, qty) in zip(data, events, strict=True):
        at = T_US * 1_000 + n if n >= 0 else 0
        row["ev"], row["exch_ts"], row["local_ts"] = flags | hbt.LOCAL_EVENT | hbt.EXCH_EVENT, at, at
        row["px"], row["qty"], row["ival"] = px, qty, ival
    np.savez_compressed(path, data=data)
    return path


def no_symbol(folder: Path) -> list[Path]:
    return [npz(folder / "a.npz", (hbt.DEPTH_EVENT | hbt.BUY_EVENT, 0, 1.0, 1.0))]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (two_exchanges, "exchange deribit.*exchange kraken.*expected one exchange"),
        (a_table_and_lines, "tables and lines; expected one kind"),
        (another_data_set, "funding_rate: expected those of one of incremental_book_L2"),
        (no_symbol, "names no symbol; give it with --symbol"),
    ],
)
def test_refused_at_the_door(files: Callable[[Path], list[Path]], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match=words):
        Recording(files(tmp_path))


def test_a_file_cut_short_gives_what_comes_before(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join([DEPTH, *(level(n) for n in range(5_000))]).encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    faults = Faults()
    assert len(streams(Recording([tmp_path / "a.csv.gz"]), faults)) > 10
    assert "the file is damaged or cut short from here on" in faults.words[-1]


BID, ASK = hbt.BUY_EVENT, hbt.SELL_EVENT
SNAP, CLEAR, CHANGE = hbt.DEPTH_SNAPSHOT_EVENT, hbt.DEPTH_CLEAR_EVENT, hbt.DEPTH_EVENT


def test_events_of_hftbacktest(tmp_path: Path) -> None:
    end_of_day = npz(tmp_path / "eod.npz", (SNAP | BID, -1, 1.0, 2.0), (SNAP | ASK, -1, 3.0, 0.00001))
    day = npz(
        tmp_path / "day.npz",
        (CHANGE | BID, 5, 1.0, 0.0),
        (hbt.TRADE_EVENT | ASK, 6, 1.0, 2.0),
        (CLEAR | BID, 7, np.nan, 0.0),
        (CLEAR | ASK, 7, np.nan, 0.0),
        (SNAP | BID, 7, 1.0, 2.0),
        (CHANGE | ASK, 8, 3.0, 1.0),
    )
    recording = Recording([end_of_day, day], exchange="x", symbol="BTCUSDT")
    lines = list(recording.lines())
    assert [json.loads(line.frame)["stream"].split("@")[-1] for line in lines] == [
        "snapshot", "depth", "trade", "!left", "snapshot", "depth",
    ]  # fmt: skip
    assert lines[0].ts_recv_ns == T_US * 1_000 + 5  # it had no time of its own
    assert b'["3.","0.00001"]' not in lines[0].frame
    assert b'["3","0.00001"]' in lines[0].frame
    trade = json.loads(lines[2].frame)["data"]
    assert (trade["t"], trade["m"]) == (1, True)  # numbered by us; the taker sold


def test_events_that_say_nothing_are_counted_and_those_of_the_exchange_side_left_out(
    tmp_path: Path,
) -> None:
    file = npz(
        tmp_path / "a.npz",
        (CHANGE, 0, 1.0, 1.0),
        (CHANGE | BID | ASK, 0, 1.0, 1.0),
        (CHANGE | BID, 0, np.nan, 1.0),
        (hbt.TRADE_EVENT | BID, 0, 1.0, 0.0),
        (99 | BID, 0, 1.0, 1.0),
        (CHANGE | BID, 0, 1.0, 1.0),
    )
    data = np.load(file)["data"]
    data["ev"][-1] &= ~np.uint64(hbt.LOCAL_EVENT)
    np.savez_compressed(file, data=data)
    faults = Faults()
    assert streams(Recording([file], exchange="x", symbol="S"), faults) == []
    assert faults.count == 5


@pytest.mark.parametrize("array", [{"other": np.zeros(3)}, {"data": np.zeros((3, 6))}])
def test_another_npz_is_a_named_fault(array: dict[str, np.ndarray], tmp_path: Path) -> None:  # type: ignore[type-arg]
    np.savez_compressed(tmp_path / "a.npz", **array)  # type: ignore[arg-type]
    faults = Faults()
    assert streams(Recording([tmp_path / "a.npz"], exchange="x", symbol="S"), faults) == []
    assert "damaged or cut short" in faults.words[0]
