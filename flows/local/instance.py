"""
One ``leadline up`` per home folder: a lock that it holds, and a note with its addresses.

    <home>/up.lock   locked while it runs; the kernel frees it, however it ends
    <home>/up.json   its process, and the addresses of its parts
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leadline.storage.files.lockfile import LockFile, lock_holder
from leadline.storage.files.whole import read_note, write_note


@dataclass(frozen=True, slots=True)
class Instance:
    """A running ``leadline up``; ``is_ready`` once everything has been started."""

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
    """Hold the home's lock for the block; yield False if another process holds it."""
    home.mkdir(parents=True, exist_ok=True)
    lock = LockFile(_lock(home))
    if not lock.take():
        yield False
        return
    try:
        yield True
    finally:
        _note(home).unlink(missing_ok=True)
        lock.release()


def holder(home: Path) -> int | None:
    """Return the process that runs in ``home``; None if none does."""
    return lock_holder(_lock(home))


def write(home: Path, instance: Instance) -> None:
    """Write the note."""
    write_note(_note(home), instance)


def read(home: Path) -> Instance | None:
    """Read the note of a running instance; None if none runs, or it has no addresses yet."""
    return None if holder(home) is None else read_note(_note(home), Instance)
