"""Others' recordings and tables into one recording of ours; it appears whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leadline.book.venues.registry import converted_venue, spec_of
from leadline.storage.recordings.notes import converted_line
from leadline.storage.recordings.reader import BadRecording, Faults, Recording


@dataclass(slots=True)
class Converted:
    """What was written."""

    venue: str  # the --venue to replay it with, or the name its rows will have
    file: str
    lines: int = 0
    first_ns: int = 0
    last_ns: int = 0
    unreadable: int = 0
    faults: list[str] = field(default_factory=list)
    caveat: str | None = None  # what the data cannot prove


def convert(
    files: Sequence[Path],
    out: Path,
    *,
    venue: str,
    symbol: str | None = None,
    tick: Callable[[int], None] | None = None,
) -> Converted:
    """
    Write what ``files`` hold to ``out``; ``tick`` gets the number of lines, every thousand.

    Raises `BadRecording` where a file is of no known kind, where nothing can be read, and where ``out`` is
    there already.
    """
    if out.exists():
        raise BadRecording(f"{out} is there already; give another --out")
    recording = Recording(files, exchange=venue, symbol=symbol)
    if recording.exchange is not None:
        venue = converted_venue(recording.exchange)
    done, faults = Converted(venue, str(out), caveat=spec_of(venue).caveat), Faults()
    part = out.with_name(f".{out.name}.part")
    try:
        with gzip.open(part, "wb", compresslevel=6) as packed:
            for line in recording.lines(faults, at=tick):
                if not done.lines and recording.exchange is not None:
                    packed.write(b"%d %s\n" % (line.ts_recv_ns, converted_line(recording.exchange)))
                done.first_ns = done.first_ns or line.ts_recv_ns
                done.last_ns = line.ts_recv_ns
                done.lines += 1
                packed.write(b"%d %s\n" % (line.ts_recv_ns, line.frame))
        if not done.lines:
            first = f"; first, {faults.words[0]}" if faults.words else ""
            raise BadRecording(f"{', '.join(map(str, files))}: nothing in it could be read{first}")
        part.rename(out)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    done.unreadable, done.faults = faults.count, faults.words
    return done
