"""One session of the built-in Bybit, as streamed and as replayed, held against the venue's own books."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.book.rows.batch import Market
from leadline.book.venues.bybit.specs import LINEAR
from leadline.flows.config.settings import Settings
from leadline.flows.recordings.record import Recorder
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.exports.content import content
from leadline.storage.ingest.writer import Writer
from leadline.storage.queries import invariants
from leadline.storage.queries.rebuild import book_of_epoch
from leadline.storage.recordings.reader import Faults, Recording
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from tests.flows.commands import environ, finish, leadline, start
from tests.flows.waiting import until as wait_until
from tests.tasks.feeding import all_live, config_for, is_live, until

SYMBOLS = ("BTCUSDT", "币安人生USDT")
VENUE = "loopback-bybit-linear-50"
KIND = VENUE.removeprefix("loopback-")
ENDS = ("gap", "restarted", "crossed", "restarted")  # of the first symbol, by what was ordered
OURS = {"stopped", "end_of_recording"}
COVERAGE = "SELECT epoch, first_id, last_id, ended_by FROM coverage WHERE symbol = ? ORDER BY epoch"


def coverage(db: Path, symbol: str) -> list[tuple[Any, ...]]:
    with connect(db) as con:
        return con.execute(COVERAGE, [symbol]).fetchall()


def live(venue: ThreadedVenue, db: Path, out: Path) -> None:
    """Stream into ``db`` and record at once: a lost delta, a restart, a crossed book, a restart."""
    settings, markets = Settings(venue=VENUE, symbols=SYMBOLS), list[Market]()
    with Recorder(out, settings, rotate_bytes=300_000) as recorder, Owner(db) as owner:
        writer = Writer(owner, markets)
        writer.start()
        feed = Feed(config_for(venue, tap=recorder), writer, rng=Random(7))
        feed.start()
        try:
            all_live(feed)
            for kind in ("drop", "restart", "crossed", "restart"):
                standing, epoch = feed.status().frames, feed.status().symbol(SYMBOLS[0]).epoch
                until(lambda standing=standing: feed.status().frames > standing + 60, "some frames")
                venue.inject(Fault(kind, SYMBOLS[0]))
                until(lambda epoch=epoch: feed.status().symbol(SYMBOLS[0]).epoch not in (epoch, None), kind)
                until(is_live(feed, SYMBOLS[0]), "healed")
            standing = feed.status().frames
            until(lambda: feed.status().frames > standing + 60, "more frames")
        finally:
            feed.stop(30.0)
            writer.close()


def assert_true(venue: ThreadedVenue, db: Path) -> None:
    """At the ends of every interval, and between them, SQL rebuilds the venue's own book."""
    compared = 0
    with connect(db) as con:
        for symbol in SYMBOLS:
            *earlier, newest = coverage(db, symbol)
            for epoch, first_id, last_id, _ in (*earlier, newest):
                # It counted from 1 twice: of such a number the venue knows the later book.
                known = 0 if epoch == newest[0] else venue.truth(symbol).last_id + 1_000
                for u in sorted({first_id, (first_id + last_id) // 2, last_id}):
                    if u <= known:
                        continue
                    book = book_of_epoch(con, VENUE, symbol, epoch, until_id=u)
                    true = venue.truth(symbol, u)
                    for held, side in ((book.bids, true.bids), (book.asks, true.asks)):
                        really = [
                            (float(true.scale.price(p)), float(true.scale.quantity(q))) for p, q in side
                        ]
                        assert [(float(p), float(q)) for p, q in held] == really, (symbol, epoch, u)
                    compared += 1
    assert compared > 6


@pytest.mark.slow
def test_a_session_streamed_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = tmp_path / "live.duckdb", tmp_path / "replayed.duckdb"
    with run_in_thread(Options(kind=KIND, symbols=SYMBOLS, seed=11, speed=2, history_s=600)) as venue:
        live(venue, first, tmp_path / "recorded")
        crossing = next(each for each in venue.ledger()["faults"] if each["kind"] == "crossed")["hits"][0]
        files = sorted((tmp_path / "recorded").glob("*.gz"))
        said = leadline(capsys, "replay", *files, "--db", again, "--venue", VENUE, "--json")
        assert said.code == 0, said.err
        for db in (first, again):
            assert_true(venue, db)
    for symbol in SYMBOLS:
        streamed, replayed = coverage(first, symbol), coverage(again, symbol)
        assert [row[:3] for row in streamed] == [row[:3] for row in replayed]
        assert tuple(row[3] for row in streamed[:-1]) == (ENDS if symbol == SYMBOLS[0] else ())
        assert [row[3] for row in streamed[:-1]] == [row[3] for row in replayed[:-1]]
        assert {streamed[-1][3], replayed[-1][3]} == OURS
    assert coverage(first, SYMBOLS[0])[2][2] == crossing["last_id"] - 1, "covered up to the delta before"
    for db in (first, again):
        with connect(db) as con:
            for broken in (invariants.untiled, invariants.copies, invariants.wrong_ends):
                assert not broken(con).rows
    assert_exports_and_certificates_agree(first, again, tmp_path, capsys)


def assert_exports_and_certificates_agree(
    first: Path, again: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hashes = {}
    for db in (first, again):
        with connect(db) as con:
            window = con.execute(
                "SELECT min(ts_recv), max(ts_recv) + INTERVAL 1 SECOND FROM trades"
            ).fetchone()
            assert window is not None
            hashes[db] = [content(con, VENUE, symbol, *window).parts for symbol in SYMBOLS]
        for symbol in SYMBOLS:
            said = leadline(capsys, "certify", symbol, "--db", db, "--out", tmp_path / db.stem, "--json")
            assert said.code == 0, said.err
            (told,) = json.loads(said.out)
            assert told["caveat"] == LINEAR[50].caveat
            said = leadline(capsys, "certify", "--verify", told["files"]["json"], "--db", first)
            assert said.code == 0, said.out
    assert hashes[first] == hashes[again]
    third = tmp_path / "imported.duckdb"
    said = leadline(capsys, "export", SYMBOLS[0], "--db", first, "--out", tmp_path / "out", "--json")
    (told,) = json.loads(said.out)
    assert [interval["ended_by"] for interval in told["intervals"]][:4] == list(ENDS)
    assert "No recording of Bybit was met yet" in told["notes"]["caveat"]
    said = leadline(capsys, "import", tmp_path / "out", "--db", third)
    assert said.code == 0, said.err
    for style in ("hftbacktest", "tardis"):
        carried = []
        for db in (first, third):
            out = tmp_path / f"{style}-{db.stem}"
            said = leadline(
                capsys, "export", SYMBOLS[0], "--db", db, "--format", style, "--json", "--out", out
            )  # fmt: skip
            assert said.code == 0, said.err
            carried.append([one["carried"] for one in json.loads(said.out)])
        assert carried[0] == carried[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_leadline_record_and_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, db = tmp_path / "out", tmp_path / "x.duckdb"
    recorded = LINEAR[50].recorded
    with run_in_thread(Options(kind=KIND, symbols=SYMBOLS, seed=3)) as venue:
        where = ["--ws-url", venue.ws_url, "--rest-url", venue.rest_url, "--venue", VENUE]
        process = start(
            tmp_path, "record", "--out", out, "--json", "--symbols", *SYMBOLS, *where, env=environ()
        )
        try:

            def kinds() -> list[str]:
                lines = [line for file in out.glob("*.gz") for line in Recording([file]).lines(Faults())]
                return [recorded.kind(line.frame) for line in lines]

            wait_until(lambda: kinds().count("diff") > 60, "books are on the disk", timeout_s=90)
            process.send_signal(signal.SIGINT)
            said = finish(process)
        finally:
            process.kill()
        assert said.code == 0, said.err
        told = json.loads(said.out)
        assert (told["gaps"], told["ended_by"]) == (0, "signal")
        replayed = leadline(
            capsys, "replay", *sorted(out.glob("*.gz")), "--db", db, "--venue", VENUE, "--json"
        )
        summary = json.loads(replayed.out)
        assert sorted(summary["live_symbols"]) == sorted(SYMBOLS)
        assert (summary["gaps"], summary["unreadable"], summary["bad_frames"]) == (0, 0, 0)
        for symbol in SYMBOLS:
            ((epoch, _, last_id, ended_by),) = coverage(db, symbol)
            assert ended_by == "end_of_recording"
            with connect(db) as con:
                book = book_of_epoch(con, VENUE, symbol, epoch, until_id=last_id)
            true = venue.truth(symbol, last_id)
            assert [float(p) for p, _ in book.bids] == [float(true.scale.price(p)) for p, _ in true.bids]
