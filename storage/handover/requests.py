"""
A word to the stream that holds a database: a note beside the file that asks it to end.

    <db>.stop.json   who asks, why, and of which kind: ``stop``, or ``handover`` to a warm successor

Works without Prefect and across processes. The stream looks for the note a few times a second, takes it
away and ends as it does after Ctrl-C. A note nobody took is void once another stream holds the file.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from leadline.storage.access.address import beside
from leadline.storage.errors import StoreError
from leadline.storage.files.lockfile import lock_holder
from leadline.storage.files.whole import write_note

Kind: TypeAlias = Literal["stop", "handover"]

LONGEST_WORDS = 500  # of who and of why
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class StopRequest:
    """``who`` asks the stream to end and ``why``; ``ts`` is UTC in ISO 8601."""

    who: str
    why: str
    kind: Kind = "stop"
    ts: str = ""

    def said(self) -> str:
        """Say it in one line, for a log and for the run's last word."""
        what = "handed over to" if self.kind == "handover" else "stopped at the request of"
        return f"{what} {self.who}: {self.why}"


def request_path(db: Path) -> Path:
    """Name the note of a database."""
    return beside(db, ".stop.json")


def ask_to_stop(db: Path, *, who: str, why: str, kind: Kind = "stop") -> StopRequest:
    """Leave the note, in place at once; an older one is replaced. Raises `StoreError`."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    request = StopRequest(who[:LONGEST_WORDS], why[:LONGEST_WORDS], kind, now)
    path = request_path(db)
    try:
        write_note(path, request)
    except OSError as exc:
        raise StoreError(f"{path} could not be written: {exc.strerror}; send the stream SIGTERM") from exc
    return request


def take_request(db: Path) -> StopRequest | None:
    """Take the note away and return it; None when there is none. One that cannot be read is a stop."""
    path = request_path(db)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    try:
        found = StopRequest(**json.loads(text))
    except (ValueError, TypeError):
        return StopRequest("somebody", f"{path.name} was there")
    return found if found.kind in get_args(Kind) else StopRequest(found.who, found.why)


def holder_pid(db: Path) -> int | None:
    """Return the process that holds a database, 0 if it cannot be told which, None if nobody does."""
    return lock_holder(beside(db, ".lock"))


def stop_stream(
    db: Path,
    *,
    who: str,
    why: str,
    timeout_s: float = 60.0,
    tick: Callable[[], None] | None = None,
) -> int | None:
    """
    Ask whoever streams into ``db`` to end and wait until the file is closed; return its pid.

    None when nobody held the file. Raises `StoreError` when it is still held after ``timeout_s``
    seconds; the note is taken back then, if it still lies there.
    """
    db = db.resolve()
    pid = holder_pid(db)
    if pid is None:
        return None
    ask_to_stop(db, who=who, why=why)
    deadline = time.monotonic() + timeout_s
    while holder_pid(db) == pid:
        if time.monotonic() > deadline:
            heard = "it is still ending" if take_request(db) is None else "it did not hear the request"
            raise StoreError(f"process {pid} still holds {db} after {timeout_s:g} s: {heard}")
        if tick is not None:
            tick()
        time.sleep(PAUSE_S)
    return pid
