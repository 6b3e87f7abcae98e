"""Stop requests: left beside the file, taken once, waited for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreError
from leadline.storage.handover.requests import (
    ask_to_stop,
    holder_pid,
    request_path,
    stop_stream,
    take_request,
)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "x.duckdb"


def test_a_request_is_taken_once(db: Path) -> None:
    asked = ask_to_stop(db, who="ops", why="new disk")
    assert asked.said() == "stopped at the request of ops: new disk"
    assert take_request(db) == asked
    assert take_request(db) is None
    assert list(db.parent.iterdir()) == []


def test_the_newest_request_counts(db: Path) -> None:
    ask_to_stop(db, who="ops", why="first")
    ask_to_stop(db, who="process 7", why="it is warm", kind="handover")
    taken = take_request(db)
    assert taken is not None
    assert (taken.kind, taken.said()) == ("handover", "handed over to process 7: it is warm")


@pytest.mark.parametrize(
    "text", ["", "stop", "{}", '{"who": 1, "what": 2}', '{"who": "x", "why": "y", "kind": "?"}']
)
def test_a_note_that_cannot_be_read_stops(db: Path, text: str) -> None:
    request_path(db).write_text(text)
    taken = take_request(db)
    assert taken is not None
    assert taken.kind == "stop"


def test_where_a_note_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="send the stream SIGTERM"):
        ask_to_stop(tmp_path / "missing" / "x.duckdb", who="ops", why="x")


def test_the_holder_is_known_by_its_lock(db: Path) -> None:
    assert holder_pid(db) is None
    with Owner(db):
        assert holder_pid(db) == os.getpid()
    assert holder_pid(db) is None  # though the lock file with the pid is still there


def test_stopping_waits_until_the_file_is_free(db: Path) -> None:
    owner = Owner(db)
    heard = threading.Event()

    def stream() -> None:
        while take_request(db) is None:
            pass
        heard.set()
        owner.close()

    thread = threading.Thread(target=stream)
    thread.start()
    assert stop_stream(db, who="ops", why="x") == os.getpid()
    thread.join()
    assert heard.is_set()
    assert stop_stream(db, who="ops", why="x") is None  # nobody is left, and no note either
    assert not request_path(db).exists()


def test_a_request_nobody_hears_is_taken_back(db: Path) -> None:
    ticks = []
    with Owner(db), pytest.raises(StoreError, match=r"did not hear"):
        stop_stream(db, who="ops", why="x", timeout_s=0.2, tick=lambda: ticks.append(1))
    assert ticks
    assert not request_path(db).exists()
