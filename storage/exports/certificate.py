"""
What an export says about itself: a small JSON file beside the data.

It names the market and the window, what was and what was not trusted in it and why, how many rows, the
content hash of the store's rows (`storage.exports.content`), the hash of what the format carries
(`storage.exports.rows`), and each file with its size and SHA-256.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from leadline.book.venues.registry import find_spec
from leadline.storage.errors import BadExport
from leadline.storage.exports.content import ALGORITHM, Content
from leadline.storage.exports.covered import Gap
from leadline.storage.files.whole import write_whole
from leadline.storage.queries.coverage import TrustedInterval

VERSION = 1
SUFFIX = ".certificate.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One written file; ``path`` is relative to the folder of the certificate."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CarriedRows:
    """What a format holds of one kind, and the hash over it."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """One market, one day or a part of it, in one format; times are ISO 8601 in UTC, end excluded."""

    format: str
    venue: str
    symbol: str
    ts_from: str
    ts_to: str
    made_at: str
    made_by: str
    schema_version: str
    rows: dict[str, int]
    content: dict[str, Any]
    carried: dict[str, CarriedRows]
    covered_s: float
    covered_pct: float
    intervals: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    files: list[FileEntry]
    notes: dict[str, Any] = field(default_factory=dict)
    certificate_version: int = VERSION

    @property
    def name(self) -> str:
        """Return the file's name."""
        return certificate_name(self.venue, self.symbol, self.ts_from[:10], self.format)

    def write(self, folder: Path) -> Path:
        """Write it into ``folder``, at once or not at all; return its path."""
        path = folder / self.name
        write_whole(path, json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")
        return path


def certificate_name(venue: str, symbol: str, day: str, style: str) -> str:
    """Return the name of the certificate of one market, day and format."""
    return f"{venue}_{symbol}_{day}.{style}{SUFFIX}"


def read_certificate(path: Path) -> dict[str, Any]:
    """Read a certificate; raises `BadExport` for a file that is none or of a later version."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        version = told["certificate_version"]
    except (ValueError, KeyError, TypeError) as exc:
        raise BadExport(f"{path} is not a certificate of an export") from exc
    if version != VERSION:
        raise BadExport(f"{path} has version {version}, this program reads {VERSION}: upgrade Leadline")
    return dict(told)


def entry(path: Path, folder: Path, rows: int) -> FileEntry:
    """Describe a written file."""
    return FileEntry(path.relative_to(folder).as_posix(), rows, path.stat().st_size, sha256_of(path))


def sha256_of(path: Path) -> str:
    """Hash a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def told_content(found: Content) -> dict[str, Any]:
    """Write a content hash as a certificate has it, hour by hour."""
    return {
        "algorithm": ALGORITHM,
        "sha256": found.digest,
        "parts": [
            {"hour": f"{p.hour:%Y-%m-%dT%H}", "table": p.table, "rows": p.rows, "sha256": p.digest}
            for p in found.parts
        ],
    }


def told_coverage(
    window: tuple[dt.datetime, dt.datetime],
    total: float,
    covered: Sequence[TrustedInterval],
    missing: Sequence[Gap],
) -> Mapping[str, Any]:
    """Write coverage as a certificate has it: ``total`` seconds, in intervals cut to the window."""
    since, until = window
    return {
        "covered_s": round(total, 6),
        "covered_pct": round(100 * total / (until - since).total_seconds(), 4),
        "intervals": [
            {
                "epoch": interval.epoch,
                "ts_from": iso(interval.ts_from),
                "ts_to": iso(interval.ts_to),
                "first_id": interval.first_id,
                "last_id": interval.last_id,
                "ended_by": interval.ended_by,
            }
            for interval in covered
        ],
        "gaps": [
            {
                "ts_from": iso(gap.ts_from),
                "ts_to": iso(gap.ts_to),
                "seconds": gap.seconds,
                "cause": gap.cause,
                "after_id": gap.after_id,
                "before_id": gap.before_id,
            }
            for gap in missing
        ],
    }


def told_caveat(venue: str) -> dict[str, str]:
    """Write what is yet to be proved of a venue; nothing where there is nothing, or where none knows it."""
    spec = find_spec(venue)
    return {} if spec is None or spec.caveat is None else {"caveat": spec.caveat}


def iso(moment: dt.datetime) -> str:
    """Write a time as UTC."""
    return moment.replace(tzinfo=None).isoformat() + "Z"
