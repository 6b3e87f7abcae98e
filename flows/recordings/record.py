"""
Records a venue: the raw frames of a feed, in files that `storage.recordings.reader` reads.

The feed is the real one, with its reconnects, seeds and limits; its books exist only to notice when a
new seed is needed, and their rows are thrown away. Each file begins with the listing. What is on disk is
readable at any time: it is flushed every few seconds, and a file cut short gives what it has.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import Batch, Market
from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.storage.files.whole import write_whole
from leadline.storage.recordings.notes import left_line

MANIFEST = "manifest.json"
FLUSH_S = 2.0
LEVEL = 1  # zlib's fastest: 5 to 1 on these texts
QUEUE_LIMIT = 10_000  # reads of a socket; when the disk is that far behind, the feed waits


class RecordingFailed(LeadlineError):
    """The files cannot be written; the message says which and why."""


@dataclass(slots=True)
class RecordedFile:
    """One finished file, as the manifest lists it."""

    name: str
    lines: int = 0
    frames: int = 0
    snapshots: int = 0
    first_recv_ns: int = 0
    last_recv_ns: int = 0
    bytes: int = 0  # packed
    unpacked_bytes: int = 0
    sha256: str = ""


@dataclass(slots=True)
class Manifest:
    """What was recorded, from whom, into which files in which order."""

    venue: str
    symbols: list[str]
    files: list[RecordedFile] = field(default_factory=list)
    sessions: int = 0
    gaps: int = 0
    ended_by: str = ""


class Discard:
    """A sink that keeps nothing: the recording is what is kept."""

    queued, limit = 0, 1

    def __init__(self) -> None:
        self._markets: list[Market] = []

    def take(self) -> Batch:
        """Give an empty batch."""
        return Batch(self._markets)

    def submit(self, batch: Batch) -> None:
        """Forget a batch."""

    def status(self) -> Discard:
        """Tell that there is room."""
        return self


class Recorder:
    """
    A feed's tap that writes files from a thread of its own; a context manager.

    ``rotate_bytes`` is the size of a file before packing. Raises `RecordingFailed` from `check` and on
    leaving when the disk refused.
    """

    def __init__(self, folder: Path, settings: Settings, *, rotate_bytes: int) -> None:
        self.manifest = Manifest(settings.venue, list(settings.symbols))
        self.current = RecordedFile("")
        self._recorded = spec_of(settings.venue).recorded
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        self._info: bytes | None = None
        self._queue: queue.Queue[tuple[bytes, Sequence[bytes], int] | None] = queue.Queue(QUEUE_LIMIT)
        self._file: gzip.GzipFile | None = None
        self._raw: IO[bytes] | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="leadline-recorder", daemon=True)

    def __enter__(self) -> Recorder:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RecordingFailed(f"{self._folder}: {exc.strerror}; give another --out") from exc
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise what stopped the writing."""
        if self._error is not None:
            raise RecordingFailed(f"{self._folder}: {self._error.strerror or self._error}") from self._error

    # -- the tap, called in the feed's thread ----------------------------------------------------

    def frames(self, frames: Sequence[bytes], wall_ns: int) -> None:
        """Queue the frames of one read."""
        self._put((b"frames", frames, wall_ns))

    def listing(self, body: bytes, wall_ns: int) -> None:
        """Queue an answer that lists symbols."""
        self._put((b"info", (body,), wall_ns))

    def depth(self, symbol: str, body: bytes, wall_ns: int) -> None:
        """Queue a REST order book, as a line that says whose it is."""
        self._put((b"snapshot", (self._recorded.rest_line(symbol, body),), wall_ns))

    def left(self, symbols: Sequence[str], reason: str, wall_ns: int) -> None:
        """Queue a note that these books were dropped."""
        self._put((b"left", (left_line(symbols, reason),), wall_ns))

    def _put(self, item: tuple[bytes, Sequence[bytes], int]) -> None:
        if self._error is None:
            self._queue.put(item)

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        flushed = time.monotonic()
        try:
            while (item := self._next()) is not None:
                self._write(*item)
                if time.monotonic() - flushed > FLUSH_S:
                    self._flush()
                    flushed = time.monotonic()
            self._finish_file()
            self._save_manifest()
        except OSError as exc:
            self._error = exc
            while self._queue.get() is not None:
                pass  # so that the feed does not wait for ever

    def _next(self) -> tuple[bytes, Sequence[bytes], int] | None:
        return self._queue.get()

    def _write(self, kind: bytes, frames: Sequence[bytes], wall_ns: int) -> None:
        if kind == b"info":
            self._info = b"%d %s\n" % (wall_ns, _one_line(frames[0]))
        if self._file is None or self.current.unpacked_bytes >= self._rotate_bytes:
            self._finish_file()
            self._begin_file(wall_ns)
            if kind == b"info":
                return
        for frame in frames:
            self._line(b"%d %s\n" % (wall_ns, _one_line(frame)), wall_ns)
        self.current.frames += len(frames) if kind == b"frames" else 0
        self.current.snapshots += kind == b"snapshot"

    def _begin_file(self, wall_ns: int) -> None:
        at = datetime.fromtimestamp(wall_ns / 1e9, UTC)
        stem = f"{self.manifest.venue}_{at:%Y%m%dT%H%M%S}_{wall_ns % 1_000_000_000:09d}Z"
        self.current = RecordedFile(f"{stem}.gz")
        self._raw = (self._folder / self.current.name).open("xb")
        self._file = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=self._raw, mtime=0)
        if self._info is not None:
            self._line(self._info, wall_ns)

    def _line(self, line: bytes, wall_ns: int) -> None:
        assert self._file is not None
        self._file.write(line)
        current = self.current
        current.lines += 1
        current.unpacked_bytes += len(line)
        current.first_recv_ns = current.first_recv_ns or wall_ns
        current.last_recv_ns = wall_ns

    def _flush(self) -> None:
        if self._file is not None and self._raw is not None:
            self._file.flush()
            self._raw.flush()
            os.fsync(self._raw.fileno())

    def _finish_file(self) -> None:
        if self._file is None or self._raw is None:
            return
        self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._file = self._raw = None
        data = (self._folder / self.current.name).read_bytes()
        self.current.bytes, self.current.sha256 = len(data), hashlib.sha256(data).hexdigest()
        self.manifest.files.append(self.current)
        self._save_manifest()

    def _save_manifest(self) -> None:
        """Put the manifest in place at once, after the files it lists."""
        text = json.dumps(asdict(self.manifest), ensure_ascii=False, indent=1)
        write_whole(self._folder / MANIFEST, text, durable=True)


def _one_line(frame: bytes) -> bytes:
    return frame.replace(b"\n", b" ").replace(b"\r", b" ")
