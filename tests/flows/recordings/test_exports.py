"""One day three ways: as streamed, as replayed from what was recorded meanwhile, as taken back."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from leadline.book.rows.batch import Market
from leadline.flows.config.settings import Settings
from leadline.flows.recordings.record import Recorder
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.exports.content import Content, content
from leadline.storage.ingest.writer import Writer
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Options, run_in_thread
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from tests.flows.commands import leadline
from tests.tasks.feeding import all_live, config_for, is_live, until

SYMBOLS = ("BTCUSDT", "币安人生USDT")
VENUE = "loopback-spot"


def live(db: Path, out: Path) -> None:
    """Stream into ``db`` and record at once, through two lost diffs."""
    settings = Settings(venue=VENUE, symbols=SYMBOLS)
    markets: list[Market] = []
    with (
        run_in_thread(Options(symbols=SYMBOLS, seed=11)) as venue,
        Recorder(out, settings, rotate_bytes=300_000) as recorder,
        Owner(db) as owner,
    ):
        writer = Writer(owner, markets)
        writer.start()
        feed = Feed(config_for(venue, tap=recorder), writer, rng=Random(7))
        feed.start()
        try:
            all_live(feed)
            for symbol in SYMBOLS:
                venue.inject(Fault(FaultKind.DROP, symbol=symbol))
                until(lambda symbol=symbol: feed.status().symbol(symbol).gaps, "a gap")  # type: ignore[misc]
                until(is_live(feed, symbol), "healed")
            venue.inject(Fault(FaultKind.CUT))
            until(lambda: feed.status().sessions == 2, "another session")
            all_live(feed)
            standing = feed.status().frames
            until(lambda: feed.status().frames > standing + 200, "more frames")
        finally:
            feed.stop(30.0)
            writer.close()


def hashes(db: Path) -> dict[str, Content]:
    with connect(db) as con:
        window = con.execute("SELECT min(ts_recv), max(ts_recv) + INTERVAL 1 SECOND FROM trades").fetchone()
        assert window is not None
        return {symbol: content(con, VENUE, symbol, *window) for symbol in SYMBOLS}


@pytest.mark.slow
def test_live_replayed_and_imported_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again, third = (tmp_path / f"{name}.duckdb" for name in ("live", "replayed", "imported"))
    live(first, tmp_path / "recorded")
    files = sorted((tmp_path / "recorded").glob("*.gz"))
    for engine in ("plain", "auto"):
        said = leadline(capsys, "replay", *files, "--db", again, "--venue", "loopback", "--engine", engine)
        assert said.code == 0, said.err
        wanted = hashes(first)
        assert all(min(one.rows.values()) > 0 for one in wanted.values())
        assert {symbol: one.parts for symbol, one in hashes(again).items()} == {
            symbol: one.parts for symbol, one in wanted.items()
        }
        again = tmp_path / "auto.duckdb"
    again, exported = tmp_path / "replayed.duckdb", {}
    for symbol in SYMBOLS:
        said = leadline(capsys, "export", symbol, "--db", first, "--out", tmp_path / "out", "--json")
        assert said.code == 0, said.err
        (told,) = json.loads(said.out)
        exported[symbol] = told["content"]["sha256"]
        assert told["gaps"]
        assert "gap" in {interval["ended_by"] for interval in told["intervals"]} or symbol != "BTCUSDT"
    said = leadline(capsys, "import", tmp_path / "out", "--db", third)
    assert said.code == 0, said.err
    assert hashes(third) == wanted
    certified = {}
    for db in (first, again, third):
        for symbol in SYMBOLS:
            said = leadline(capsys, "certify", symbol, "--db", db, "--out", tmp_path / db.stem, "--json")
            assert said.code == 0, said.err
            (told,) = json.loads(said.out)
            certified[db, symbol] = told["content"]["sha256"]
            said = leadline(capsys, "certify", "--verify", told["files"]["json"], "--db", first)
            assert said.code == 0, said.out
    for symbol in SYMBOLS:
        assert certified[first, symbol] == certified[again, symbol] == certified[third, symbol]
        assert certified[first, symbol] == exported[symbol]
    carried = {}
    for style in ("hftbacktest", "tardis"):
        for db in (first, third):
            said = leadline(
                capsys, "export", "BTCUSDT", "--db", db, "--format", style, "--json",
                "--out", tmp_path / f"{style}-{db.stem}",
            )  # fmt: skip
            assert said.code == 0, said.err
            carried[style, db] = [one["carried"] for one in json.loads(said.out)]
        assert carried[style, first] == carried[style, third]


def test_what_went_out_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.storage.exports.days import ODD, make_day

    db = tmp_path / "x.duckdb"
    make_day(1).store(db)
    said = leadline(
        capsys, "export", ODD.symbol, "--db", db, "--out", tmp_path / "out", "--format", "tardis"
    )
    assert said.code == 0
    assert "% covered" in said.out
    assert "s: gap" in said.out
    assert "certificates in" in said.err
    said = leadline(capsys, "export", ODD.symbol, "--db", db, "--out", tmp_path / "out", "--from", "noon")
    assert (said.code, said.out) == (2, "")
    assert "--from 'noon': expected a time such as" in said.err
    said = leadline(capsys, "import", tmp_path / "out", "--db", db)
    assert said.code == 1
    assert "holds no export as Parquet" in said.err
