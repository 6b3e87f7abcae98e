"""Recordings: what is read, in which order, and what is said of the rest."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.storage.recordings.reader import BadRecording, Faults, Recording

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


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.0, 1.0), n=st.sampled_from([3, 60, 4_000]))
def test_wherever_a_file_is_cut_every_line_before_it_is_given(
    tmp_path_factory: pytest.TempPathFactory, share: float, n: int
) -> None:
    file = tmp_path_factory.mktemp("cut") / "a.gz"
    texts = [f"{T0 + i} {{}}\n" for i in range(n)]
    packed = gzip.compress("".join(texts).encode())
    packed = packed[: max(2, int(share * len(packed)))]
    file.write_bytes(packed)
    there = zlib.decompressobj(wbits=31).decompress(packed).decode()
    whole = there.count("\n")
    found = [line.number for line in Recording([file]).lines(Faults())]
    assert found == list(range(1, whole + 1))


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


def test_without_a_place_for_faults_the_first_one_is_raised(tmp_path: Path) -> None:
    lines = Recording([write(tmp_path / "a", DIFF, b"no time\n", DIFF)]).lines()
    assert next(lines).number == 1
    with pytest.raises(BadRecording, match=r"/a:2: expected '<ns> <json>', got b'no time'"):
        next(lines)
