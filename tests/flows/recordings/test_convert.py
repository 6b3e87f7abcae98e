"""Tables that others keep end in the same books as the recording they came from, and say what they lack."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadline.storage.access.connect import connect
from leadline.storage.recordings.reader import Recording
from tests.flows.commands import leadline
from tests.flows.recordings.test_replay import CLEAN, book, diff, replay, seed, write

BEST = diff(5, 41, 50, '["99.5","4"]', '["101.5","1"]')
TRADE = (
    '1700000000000000006 {"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000000,"s":"BTCUSDT",'
    '"t":77,"p":"100.0","q":"0.5","T":1700000000000,"m":true}}\n'
)
LINES = [*CLEAN, BEST, TRADE]
STYLES = ("tardis", "hftbacktest")
MS = 1_000_000


def exported(capsys: pytest.CaptureFixture[str], folder: Path, lines: list[str], style: str) -> list[Path]:
    """Replay lines, and export what is stored; returns the files."""
    replay(capsys, folder, write(folder / "a", lines))
    out = folder / style
    said = leadline(
        capsys, "export", "BTCUSDT", "--db", folder / "x.duckdb", "--format", style, "--out", out
    )
    assert said.code == 0, said.err
    return sorted(path for path in out.iterdir() if path.suffix != ".json")


def levels(capsys: pytest.CaptureFixture[str], folder: Path) -> list[list[str]]:
    """The newest book that was trusted, with whatever ended it."""
    with connect(folder / "x.duckdb") as con:
        (last,) = con.execute("SELECT max(last_id) FROM coverage").fetchall()[0]
    return book(capsys, folder, "BTCUSDT", "--at-id", last)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("first", ["replay", "convert"])
def test_the_way_out_and_back_ends_in_the_same_book(
    first: str, style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    files: list[object] = [*exported(capsys, ours, LINES, style), "--symbol", "BTCUSDT"]
    if first == "convert":
        said = leadline(capsys, "convert", *files, "--out", theirs / "c.gz")
        assert said.code == 0, said.err
        files = [theirs / "c.gz"]
    said = leadline(capsys, "replay", *files, "--db", theirs / "x.duckdb", "--json")
    assert said.code == 0, said.err
    summary = json.loads(said.out)
    assert (summary["venue"], summary["gaps"], summary["trades"]) == ("converted-binance-spot", 0, 1)
    assert "cannot be seen as a gap" in said.err
    assert levels(capsys, theirs) == levels(capsys, ours) != []
    with connect(theirs / "x.duckdb") as con:
        trades = con.execute("SELECT trade_id, px, qty, buyer_is_maker FROM trades").fetchall()
    assert [(n, float(px), float(qty), maker) for n, px, qty, maker in trades] == [(77, 100.0, 0.5, True)]


def test_the_certificate_says_what_the_data_cannot_prove(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    files = exported(capsys, ours, LINES, "tardis")
    leadline(capsys, "replay", *files, "--db", theirs / "x.duckdb")
    for folder in (ours, theirs):
        leadline(capsys, "export", "BTCUSDT", "--db", folder / "x.duckdb", "--out", folder / "out")
    told = [json.loads(path.read_text()) for path in tmp_path.glob("*/out/*.certificate.json")]
    assert sorted("numbered by the conversion" in json.dumps(one) for one in told) == [False, True]


levels_of = st.lists(
    st.tuples(st.sampled_from("ba"), st.integers(1, 5), st.integers(0, 3)),
    max_size=4,
    unique_by=lambda x: x[:2],
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(levels_of, min_size=1, max_size=12), cut=st.integers(0, 11))
def test_any_market_ends_in_the_same_book(
    days: list[list[tuple[str, int, int]]],
    cut: int,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a gap and a new seed somewhere: the table has a new snapshot there, no word of the gap."""
    lines, at = [diff(0, 1, 1), seed(MS, 1)], 1
    for n, changes in enumerate(days):
        if n == cut:
            at += 5
        bids = ",".join(f'["{99 - px * 0.5}","{qty}"]' for side, px, qty in changes if side == "b")
        asks = ",".join(f'["{101 + px * 0.5}","{qty}"]' for side, px, qty in changes if side == "a")
        lines.append(diff(10 * (n + 1) * MS, at + 1, at + 1, bids, asks))
        at += 1
        if n == cut:
            lines.append(seed(10 * (n + 1) * MS + 1, at))
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    lines.append(diff(1_000 * MS, at + 1, at + 1, '["99.0","1.5"]', '["101.0","2.0"]'))
    files = exported(capsys, ours, lines, "tardis")
    said = leadline(capsys, "replay", *files, "--db", theirs / "x.duckdb", "--engine", "plain")
    assert said.code == 0, said.err
    assert levels(capsys, theirs) == levels(capsys, ours)


def test_lines_of_others_are_converted_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spaced = [line.replace(",", ", ") for line in CLEAN]
    said = leadline(capsys, "convert", write(tmp_path / "a", spaced), "--out", tmp_path / "b.gz", "--json")
    told: dict[str, Any] = json.loads(said.out)
    assert (told["venue"], told["lines"], told["caveat"]) == ("binance-spot", len(CLEAN), None)
    assert gzip.decompress((tmp_path / "b.gz").read_bytes()).decode() == "".join(CLEAN)


def test_what_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = write(tmp_path / "a", ["what is this\n"])
    said = leadline(capsys, "convert", nothing, "--out", tmp_path / "b.gz")
    assert (said.code, [path.name for path in tmp_path.iterdir()]) == (1, ["a"])
    assert "nothing in it could be read; first," in said.err
    good = write(tmp_path / "c", CLEAN)
    (tmp_path / "b.gz").write_text("mine")
    said = leadline(capsys, "convert", good, "--out", tmp_path / "b.gz")
    assert (said.code, (tmp_path / "b.gz").read_text()) == (1, "mine")
    assert "is there already; give another --out" in said.err


def test_a_converted_recording_says_whose_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "d.csv"
    table.write_text(
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
        "deribit,X,1700000000000000,1700000000000001,true,bid,1,1\n"
    )
    leadline(capsys, "convert", table, "--out", tmp_path / "b.gz")
    assert Recording([tmp_path / "b.gz"]).exchange == "deribit"
    assert len(list(Recording([tmp_path / "b.gz"]).lines())) == 1
