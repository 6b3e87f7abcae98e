"""
One house per home folder: a lock whoever runs it holds, and a note that says where it is.

    <home>/up.lock   locked while it runs; the kernel frees it, however it ends
    <home>/up.json   who runs it, and the addresses of its parts
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """Where a running house is; ``is_ready`` once everything has been started."""

    pid: int
    ui_url: str
    api_url: str
    db: str
    venue: str
    symbols: list[str]
    pool: str
    is_ready: bool = False


def _lock(home: Path) -> Path:
    return home / "up.lock"


def _note(home: Path) -> Path:
    return home / "up.json"


@contextlib.contextmanager
def hold(home: Path) -> Iterator[bool]:
    """Hold the home's lock for the block; False: somebody else does."""
    home.mkdir(parents=True, exist_ok=True)
    fd = os.open(_lock(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        try:
            yield True
        finally:
            _note(home).unlink(missing_ok=True)
    finally:
        os.close(fd)


def holder(home: Path) -> int | None:
    """Return the process that runs a house in ``home``; None: nobody does."""
    try:
        fd = os.open(_lock(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(fd, 32, 0)
        return int(text) if text.isdigit() else 0
    finally:
        os.close(fd)
    return None


def write(home: Path, note: Note) -> None:
    """Put the note in place at once."""
    draft = _note(home).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(note)), encoding="utf-8")
    draft.replace(_note(home))


def read(home: Path) -> Note | None:
    """Read the note of a house that runs; None when none does, or it has not said yet where it is."""
    if holder(home) is None:
        return None
    try:
        return Note(**json.loads(_note(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
