"""
Reading recordings: ``<receive time> <json>`` a line, plain or gzip; several files are one stream.

A line may be written as others write theirs (`storage.recordings.dialects`). What the frames mean is not
known here.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from leadline.book.errors import BadInput
from leadline.storage.recordings.dialects import LOOKED_AT, Dialect, NotALine, dialect_of

GZIP_MAGIC = b"\x1f\x8b"
READ_BYTES = 1 << 18
LINE_LIMIT = 1 << 26  # no frame of any venue is near 64 MiB; what is longer is no recording
FAULTS_KEPT = 20


class BadRecording(BadInput):
    """A recording cannot be used; the message names the file, the line and what was expected."""


class Line(NamedTuple):
    """One frame and where it stood."""

    ts_recv_ns: int
    frame: bytes
    file: Path
    number: int  # from 1


@dataclass(slots=True)
class Faults:
    """What could not be read, counted; the first few are kept as words."""

    count: int = 0
    words: list[str] = field(default_factory=list)

    def note(self, file: Path, number: int, what: str) -> None:
        """Count one fault."""
        self.count += 1
        if len(self.words) < FAULTS_KEPT:
            self.words.append(f"{file}:{number}: {what}")


class _NoFaults(Faults):
    """Takes no fault."""

    def note(self, file: Path, number: int, what: str) -> None:
        raise BadRecording(f"{file}:{number}: {what}")


class Recording:
    """Files in the order they were made; raises `BadRecording` where one cannot be opened."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = list(files)
        for file in self.files:
            with closing(self._open(file)):
                pass
        self.bytes = sum(file.stat().st_size for file in self.files)

    @staticmethod
    def _open(file: Path) -> io.BufferedReader:
        try:
            raw = file.open("rb")
            is_gzip = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        except OSError as exc:
            raise BadRecording(f"{file}: {exc.strerror}; expected a recording, plain or .gz") from exc
        # A GzipFile alone gives out each line by a call in Python.
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), READ_BYTES) if is_gzip else raw

    def lines(
        self, faults: Faults | None = None, *, at: Callable[[int], None] | None = None
    ) -> Iterator[Line]:
        """
        Yield what can be read, in order; the rest goes to ``faults``, or is raised where there are none.

        A truncated or damaged gzip file gives what comes before the damage, then its next file is
        read. ``at`` gets the number of lines read so far, every thousand. Raises `BadRecording`.
        """
        faults = faults if faults is not None else _NoFaults()
        total = 0
        for file in self.files:
            number = 0
            with closing(self._open(file)) as opened:
                try:
                    texts = _split(opened, file)
                    head = list(islice(texts, LOOKED_AT))
                    dialect = dialect_of(head)
                    for number, text in enumerate(chain(head, texts), 1):
                        total += 1
                        if at is not None and total % 1_000 == 0:
                            at(total)
                        try:
                            if (line := _line(text, dialect, file, number)) is not None:
                                yield line
                        except NotALine as exc:
                            faults.note(file, number, str(exc))
                except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as exc:
                    faults.note(file, number + 1, f"the file is damaged or cut short from here on: {exc}")


def _split(opened: io.BufferedReader, file: Path) -> Iterator[bytes]:
    while text := opened.readline(LINE_LIMIT):
        if len(text) == LINE_LIMIT:
            raise BadRecording(f"{file}: a line of {LINE_LIMIT} bytes or more; expected '<ns> <json>'")
        yield text


def _line(text: bytes, dialect: Dialect, file: Path, number: int) -> Line | None:
    """Read one line; None for one that holds no message. Raises `NotALine`."""
    text = text.strip()
    read = dialect.read(text) if text else None
    return Line(*read, file, number) if read is not None else None
