"""
Reading recordings: ``<receive time> <json>`` a line, plain or gzip; several files are one stream.

A line may be written as others write theirs (`storage.recordings.dialects`), and a table of theirs becomes
lines (`storage.recordings.tables`). What the frames mean is not known here.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from leadline.book.errors import BadInput
from leadline.storage.recordings import hftbacktest_npz, tardis_csv
from leadline.storage.recordings.dialects import LOOKED_AT, OURS, Dialect, NotALine, dialect_of
from leadline.storage.recordings.notes import read_converted
from leadline.storage.recordings.tables import BadRow, Converter, Row

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

GZIP_MAGIC = b"\x1f\x8b"
READ_BYTES = 1 << 18
LINE_LIMIT = 1 << 26  # no frame of any venue is near 64 MiB; what is longer is no recording
FAULTS_KEPT = 20
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, OSError)


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
    """
    Files in the order they were made; raises `BadRecording` where one cannot be opened.

    ``exchange`` is None unless the files are tables, or were converted from them: then it is theirs, and
    all update ids were numbered by us. A file that does not say so is of ``exchange`` and ``symbol``.
    """

    def __init__(
        self, files: Sequence[Path], *, exchange: str | None = None, symbol: str | None = None
    ) -> None:
        self.files = list(files)
        self._shapes = [_shape(file) for file in self.files]
        self._symbol = symbol
        self.exchange = self._one_exchange(exchange)
        self.bytes = sum(file.stat().st_size for file in self.files)

    def lines(
        self, faults: Faults | None = None, *, at: Callable[[int], None] | None = None
    ) -> Iterator[Line]:
        """
        Yield what can be read, in order; the rest goes to ``faults``, or is raised where there are none.

        A truncated or damaged file gives what comes before the damage, then its next file is read. Tables
        are merged by their receive times. ``at`` gets the number of lines read so far, every thousand.
        Raises `BadRecording`.
        """
        faults = faults if faults is not None else _NoFaults()
        found = self._of_tables(faults) if self._is_tables else self._of_lines(faults)
        for total, line in enumerate(found, 1):
            if at is not None and total % 1_000 == 0:
                at(total)
            if line is not None:
                yield line

    @property
    def _is_tables(self) -> bool:
        return Shape.LINES not in self._shapes

    def _one_exchange(self, given: str | None) -> str | None:
        """Find whose data the tables hold; raises `BadRecording` for several, or for lines beside them."""
        if len(kinds := {shape is Shape.LINES for shape in self._shapes}) > 1:
            raise BadRecording(
                f"{', '.join(map(str, self.files))}: tables and lines; expected one kind, or each after "
                "leadline convert"
            )
        if kinds == {True}:
            return _noted_exchange(self.files[0])
        named: dict[str, Path] = {}
        for file, shape in zip(self.files, self._shapes, strict=True):
            if shape is Shape.CSV and (exchange := _csv_exchange(file)) is not None:
                named.setdefault(exchange, file)
        if len(named) > 1:
            raise BadRecording(
                "; ".join(f"{file}: exchange {exchange}" for exchange, file in named.items())
                + "; expected one exchange"
            )
        if Shape.NPZ in self._shapes and self._symbol is None:
            raise BadRecording(f"{self.files[0]}: names no symbol; give it with --symbol")
        return next(iter(named), given)

    def _of_lines(self, faults: Faults) -> Iterator[Line | None]:
        for file in self.files:
            with closing(_open(file)) as opened:
                texts = _before_damage(file, _split(opened, file), faults)
                head = list(islice(texts, LOOKED_AT))
                dialect = dialect_of(head)
                for number, text in enumerate(chain(head, texts), 1):
                    try:
                        yield _line(text, dialect, file, number)
                    except NotALine as exc:
                        faults.note(file, number, str(exc))

    def _of_tables(self, faults: Faults) -> Iterator[Line]:
        csv_rows = [
            _before_damage(file, _csv_rows(file, self.exchange or "", faults), faults)
            for file, shape in zip(self.files, self._shapes, strict=True)
            if shape is Shape.CSV
        ]
        npz_rows = hftbacktest_npz.with_times(
            row
            for file, shape in zip(self.files, self._shapes, strict=True)
            if shape is Shape.NPZ
            for row in _before_damage(file, _npz_rows(file, self._symbol or "", faults), faults)
        )
        rows = heapq.merge(*csv_rows, npz_rows, key=lambda row: row.recv_ns)
        for number, (ts_recv_ns, frame) in enumerate(Converter().take(rows), 1):
            yield Line(ts_recv_ns, frame, self.files[0], number)


class Shape(Enum):
    """What a file is, by its first bytes."""

    LINES = "lines"
    CSV = "Tardis CSV"
    NPZ = "hftbacktest npz"


def _open(file: Path) -> io.BufferedReader:
    try:
        raw = file.open("rb")
        is_gzip = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    except OSError as exc:
        raise BadRecording(f"{file}: {exc.strerror}; expected a recording, plain or .gz") from exc
    # A GzipFile alone gives out each line by a call in Python.
    return io.BufferedReader(_Unpacked(raw), READ_BYTES) if is_gzip else raw


class _Unpacked(io.RawIOBase):
    """Unpacks as far as it can at each read: what comes before a damage is given out first."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._packed, self._unpacked = packed, gzip.GzipFile(fileobj=packed)

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        view = memoryview(into).cast("B")
        data = self._unpacked.read1(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._unpacked.close()
        self._packed.close()
        super().close()


def _shape(file: Path) -> Shape:
    with closing(_open(file)) as opened:
        try:
            head = opened.readline(LINE_LIMIT)
        except DAMAGE:
            return Shape.LINES  # reading says what is wrong with it
    if head.startswith(hftbacktest_npz.ZIP_MAGIC):
        return Shape.NPZ
    return Shape.CSV if tardis_csv.is_csv(head) else Shape.LINES


def _noted_exchange(file: Path) -> str | None:
    with closing(_open(file)) as opened:
        try:
            line = OURS.read(opened.readline(LINE_LIMIT).strip())
        except (NotALine, *DAMAGE):
            return None
    return read_converted(line[1]) if line is not None else None


def _csv_exchange(file: Path) -> str | None:
    with closing(_open(file)) as opened:
        try:
            return tardis_csv.exchange_of(_text(opened))
        except BadRow as exc:
            raise BadRecording(f"{file}: {exc}") from exc
        except DAMAGE:
            return None


def _csv_rows(file: Path, exchange: str, faults: Faults) -> Iterator[Row]:
    with closing(_open(file)) as opened:
        yield from tardis_csv.rows(_text(opened), exchange, partial(faults.note, file))


def _npz_rows(file: Path, symbol: str, faults: Faults) -> Iterator[Row]:
    yield from hftbacktest_npz.rows(file, symbol, partial(faults.note, file))


def _before_damage(file: Path, parts: Iterator[T], faults: Faults) -> Iterator[T]:
    """Give the lines or rows before a damage, which is noted."""
    number = 0
    while True:
        try:
            part = next(parts)
        except StopIteration:
            return
        except BadRecording:
            raise
        except (*DAMAGE, zipfile.BadZipFile, csv.Error, ValueError, KeyError) as exc:
            faults.note(file, number + 1, f"the file is damaged or cut short from here on: {exc}")
            return
        number += 1
        yield part


def _text(opened: io.BufferedReader) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened, encoding="utf-8-sig", errors="replace", newline="")


def _split(opened: io.BufferedReader, file: Path) -> Iterator[bytes]:
    while text := opened.readline(LINE_LIMIT):
        if len(text) == LINE_LIMIT:
            raise BadRecording(f"{file}: a line of {LINE_LIMIT} bytes or more; expected '<ns> <json>'")
        yield text


def _line(text: bytes, dialect: Dialect, file: Path, number: int) -> Line | None:
    """Read one line; None for one that holds no message. Raises `NotALine`."""
    text = text.strip()
    read = dialect.read(text) if text else None
    if read is None or read_converted(read[1]) is not None:
        return None
    return Line(*read, file, number)
