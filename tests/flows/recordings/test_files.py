"""Recordings: what is read, what is told about the rest, and how scales are found."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from leadline.book.scale import Scale
from leadline.flows.recordings.files import BadRecording, Faults, Recording, kind_of, survey, symbol_of
from tests.recordings import COINM_BTC, SPOT_BTC, USDM_BTC, recording

T0 = 1_700_000_000_000_000_000
DIFF = (
    b'1700000000000001000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,'
    b'"s":"BTCUSDT","U":5,"u":6,"b":[["61737.60000000","0.00000000"]],'
    b'"a":[["61837.64000000","1.50000000"]]}}\n'
)
TICKER = (
    b'1700000000000002000 {"stream":"btcusdt@bookTicker","data":{"u":6,"s":"BTCUSDT",'
    b'"b":"1.00","B":"3.123","a":"2.00","A":"1.54698000"}}\n'
)
SNAPSHOT = b'1700000000000003000 {"lastUpdateId":5,"bids":[["61737.60000000","0.10000000"]],"asks":[]}\n'
OTHER = DIFF.replace(b"btcusdt", b"ethusdt").replace(b"BTCUSDT", b"ETHUSDT")


def write(path: Path, *lines: bytes, pack: bool = False) -> Path:
    data = b"".join(lines)
    path.write_bytes(gzip.compress(data) if pack else data)
    return path


@pytest.mark.parametrize("pack", [False, True])
def test_lines_come_in_order_with_their_place(tmp_path: Path, pack: bool) -> None:
    files = [write(tmp_path / "a", DIFF, TICKER, pack=pack), write(tmp_path / "b", SNAPSHOT, pack=pack)]
    got = list(Recording(files).lines())
    assert [(line.ts_recv_ns, line.file.name, line.number) for line in got] == [
        (T0 + 1000, "a", 1),
        (T0 + 2000, "a", 2),
        (T0 + 3000, "b", 1),
    ]
    assert got[0].frame == DIFF[20:-1]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a", DIFF, b"no time\n", b"\n", b"1700000000000000012 [1]\n", b"12 {}\n")
    faults = Faults()
    assert len(list(Recording([file]).lines(faults))) == 1
    assert faults.count == 3
    assert faults.words[0].endswith("a:2: expected '<ns> <json>', got b'no time'")
    assert faults.words[1].endswith("a:4: expected '<time> <json>', got b'1700000000000000012 [1]'")
    assert "a:5: receive time 12: expected s, ms, us or ns since 1970" in faults.words[2]


def test_a_file_cut_short_gives_what_there_is_and_the_next_one_follows(tmp_path: Path) -> None:
    cut = write(tmp_path / "a.gz", *[DIFF] * 5_000, pack=True)
    cut.write_bytes(cut.read_bytes()[:-20])
    faults = Faults()
    lines = list(Recording([cut, write(tmp_path / "b", SNAPSHOT)]).lines(faults))
    assert len(lines) > 100
    assert lines[-1].file.name == "b"
    assert faults.count == 1
    assert "a.gz:" in faults.words[0]
    assert "cut short" in faults.words[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match=r"gone\.gz: No such file"):
        Recording([tmp_path / "gone.gz"])


def test_the_scale_is_as_fine_as_the_finest_number_and_no_finer(tmp_path: Path) -> None:
    found = survey(Recording([write(tmp_path / "a", DIFF, SNAPSHOT, TICKER)]))
    assert found.scales == {"BTCUSDT": Scale(2, 5)}
    assert found.times == {"BTCUSDT": (T0 + 1000, T0 + 3000)}
    assert found.lines == 3


def test_exchange_info_sets_the_scale_unless_a_number_is_finer(tmp_path: Path) -> None:
    info = (
        b'1700000000000000001 {"timezone":"UTC","symbols":['
        b'{"symbol":"BTCUSDT","status":"TRADING","filters":['
        b'{"filterType":"PRICE_FILTER","tickSize":"0.00010000"},'
        b'{"filterType":"LOT_SIZE","stepSize":"0.10000000"}]}]}\n'
    )
    found = survey(Recording([write(tmp_path / "a", info, DIFF, TICKER)]))
    assert found.scales == {"BTCUSDT": Scale(4, 5)}


def test_a_nameless_snapshot_needs_a_single_symbol(tmp_path: Path) -> None:
    file = write(tmp_path / "a", DIFF, OTHER, SNAPSHOT)
    with pytest.raises(BadRecording) as caught:
        survey(Recording([file]))
    assert str(caught.value).startswith(f"{file}:3: a snapshot that does not name its symbol")
    assert "BTCUSDT, ETHUSDT" in str(caught.value)
    named = SNAPSHOT.replace(b'"bids"', b'"symbol":"ETHUSDT","bids"')
    assert list(survey(Recording([write(file, DIFF, OTHER, named)])).scales) == ["BTCUSDT", "ETHUSDT"]


def test_a_recording_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="no frame of any symbol"):
        survey(Recording([write(tmp_path / "a", b"x\n")]))


@pytest.mark.parametrize(
    ("frame", "kind", "symbol"),
    [
        (DIFF[20:-1], "diff", "BTCUSDT"),
        (b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5}', "diff", "BTCUSDT"),
        (TICKER[20:-1], "other", "BTCUSDT"),
        (SNAPSHOT[20:-1], "snapshot", None),
        (b'{"stream":"btcusdt@snapshot","data":{"lastUpdateId":5}}', "snapshot", "BTCUSDT"),
        ('{"stream":"币安人生usdt@depth","data":{'.encode(), "diff", "币安人生USDT"),
        (rb'{"stream":"\u5e01usdt@depth","data":{', "diff", "币USDT"),
        (b'{"timezone":"UTC","symbols":[{"symbol":"BTCUSDT"}]}', "exchange_info", None),
        (b'{"result":null,"id":1}', "other", None),
    ],
)
def test_what_a_frame_is(frame: bytes, kind: str, symbol: str | None) -> None:
    assert kind_of(frame) == kind
    assert symbol_of(frame) == symbol


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "symbol", "scale"),
    [
        (SPOT_BTC, "BTCUSDT", Scale(2, 6)),
        (USDM_BTC, "BTCUSDT", Scale(1, 3)),
        (COINM_BTC, "BTCUSD_PERP", Scale(1, 0)),
    ],
)
def test_real_recordings(name: str, symbol: str, scale: Scale) -> None:
    assert survey(Recording([recording(name)])).scales == {symbol: scale}
