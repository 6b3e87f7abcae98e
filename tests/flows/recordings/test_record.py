"""Recordings made by us: complete, rotated, listed, and read back by replay."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
from pathlib import Path

import pytest

from leadline.book.venues.binance.specs import RECORDED
from leadline.flows.config.settings import Settings
from leadline.flows.recordings.record import Recorder, RecordingFailed
from leadline.storage.recordings.reader import Faults, Recording
from leadline.tasks.loopback.threaded import ThreadedVenue
from tests.flows.commands import environ, finish, start
from tests.flows.waiting import until

T0 = 1_700_000_000_000_000_000
SETTINGS = Settings(venue="loopback-spot", symbols=("BTCUSDT", "币USDT"))


def test_files_rotate_and_the_manifest_lists_them(tmp_path: Path) -> None:
    with Recorder(tmp_path / "out", SETTINGS, rotate_bytes=200) as recorder:
        recorder.listing(b'{"symbols":[\n]}', T0 + 1_000)
        for n in range(10):
            recorder.frames([b'{"stream":"btcusdt@trade","data":{}}'] * 2, T0 + 2_000 + n)
        recorder.depth("币USDT", b'{"lastUpdateId":7}', T0 + 3_000)
    told = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    files = [tmp_path / "out" / file["name"] for file in told["files"]]
    assert len(files) > 1
    assert files == sorted(files)
    assert [file["sha256"] for file in told["files"]] == [
        hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    ]
    assert sum(file["frames"] for file in told["files"]) == 20
    faults = Faults()
    lines = list(Recording(files).lines(faults))
    assert faults.count == 0
    assert sum(file["lines"] for file in told["files"]) == len(lines)
    for file in files:
        assert gzip.decompress(file.read_bytes()).startswith(b'1700000000000001000 {"symbols":[ ]}\n')
    assert lines[-1].frame.decode() == '{"stream":"币usdt@snapshot","data":{"lastUpdateId":7}}'
    assert lines[-1].ts_recv_ns == T0 + 3_000


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingFailed, match=r"file/out: .*; give another --out"):
        Recorder(tmp_path / "file" / "out", SETTINGS, rotate_bytes=1_000).__enter__()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_recorded_live_replays_to_live_books(venue: ThreadedVenue, tmp_path: Path) -> None:
    out = tmp_path / "out"
    where = ["--ws-url", venue.ws_url, "--rest-url", venue.rest_url, "--venue", "loopback"]
    process = start(tmp_path, "record", "--out", out, "--json", *where, env=environ())
    try:

        def snapshots() -> bool:
            lines = [line for file in out.glob("*.gz") for line in Recording([file]).lines(Faults())]
            seeds = [line.frame for line in lines if RECORDED.kind(line.frame) == "snapshot"]
            # One may need two: a diff that comes while a seed is asked for without any may be newer.
            return len({frame[: frame.index(b"@")] for frame in seeds}) == 2 and len(lines) > 200

        until(snapshots, "both books are seeded and frames are on the disk", timeout_s=90)
        process.send_signal(signal.SIGINT)
        said = finish(process)
    finally:
        process.kill()
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["gaps"], told["ended_by"]) == (0, "signal")
    replayed = finish(start(tmp_path, "replay", *sorted(out.glob("*.gz")), "--venue", "loopback", "--json"))
    summary = json.loads(replayed.out)
    assert sorted(summary["live_symbols"]) == ["BTCUSDT", "ETHUSDT"]
    assert (summary["gaps"], summary["unreadable"], summary["bad_frames"]) == (0, 0, 0)
