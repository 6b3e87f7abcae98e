"""A reader never sees half a file, a secret one has its mode at once, a failure leaves nothing behind."""

from __future__ import annotations

import stat
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadline.storage.files.whole import read_note, write_note, write_whole


@dataclass(frozen=True)
class Note:
    pid: int
    words: str = ""


def test_a_reader_sees_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    texts = ["a" * 200_000, "b" * 300_000]
    write_whole(path, texts[0])
    done = threading.Event()

    def write() -> None:
        for n in range(100):
            write_whole(path, texts[n % 2])
        done.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for thread in writers:
        thread.start()
    while not done.is_set():
        assert path.read_text() in texts
    for thread in writers:
        thread.join()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_there_is_replaced_and_its_mode_too(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "x"
    path.write_text("longer than what comes")
    write_whole(path, "né", mode=0o600, durable=durable)
    assert path.read_bytes() == "né".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_text_that_cannot_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", "text")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "x", "text")


def test_notes_come_back_as_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_note(path, Note) is None
    write_note(path, Note(7, "“quoted”"))
    assert read_note(path, Note) == Note(7, "“quoted”")


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"other": 1}', '{"pid": 1, "more": 2}', "\x00"])
def test_what_is_no_note_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert read_note(path, Note) is None
