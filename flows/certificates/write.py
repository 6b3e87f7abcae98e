"""Certificates of days as files: ``<folder>/<venue>/<symbol>/<day>.json`` and the page beside it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.flows.certificates.page import certificate_page
from leadline.flows.config.settings import Settings
from leadline.storage.certificates.day import certify_day
from leadline.storage.files.whole import write_whole

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

OF_THE_MAKING = ("made_at", "made_by")  # differs between two makings of the same


@dataclass(frozen=True, slots=True)
class Written:
    """
    A certificate and its files.

    ``outcome``: written, unchanged (the files say the same already) or kept (the file speaks of more rows
    than the store still holds).
    """

    told: dict[str, Any]
    json_path: Path
    html_path: Path
    outcome: str


def folder_of(settings: Settings) -> Path:
    """Return where certificates go: beside exported days where those are kept, else in the home folder."""
    return (settings.export_to or settings.home) / "certificates"


def paths(folder: Path, venue: str, symbol: str, day: dt.date) -> tuple[Path, Path]:
    """Name the files of a certificate; what a file system could misread becomes an underscore."""
    place = folder / _safe(venue) / _safe(symbol)
    return place / f"{day}.json", place / f"{day}.html"


def certify_to_files(
    con: Connection, venue: str, symbol: str, day: dt.date, *, folder: Path, now: dt.datetime
) -> Written:
    """Certify one day and write it; raises `NoStore` for a day that has not begun."""
    made_by = f"leadline {metadata.version('leadline')}"
    told, course = certify_day(con, venue, symbol, day, now=now, made_by=made_by)
    json_path, html_path = paths(folder, venue, symbol, day)
    before = _earlier(json_path)
    if before is not None and sum(before["rows"].values()) > sum(told["rows"].values()):
        return Written(before, json_path, html_path, "kept")
    if before is not None and html_path.exists() and _same(before, told):
        return Written(before, json_path, html_path, "unchanged")
    json_path.parent.mkdir(parents=True, exist_ok=True)
    # The page first: where there is a certificate, there is its page.
    write_whole(html_path, certificate_page(told, course))
    write_whole(json_path, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return Written(told, json_path, html_path, "written")


def settled(folder: Path, venue: str, symbol: str, day: dt.date, *, diffs: int) -> dict[str, Any] | None:
    """Return the certificate of a day that is over and holds so many diffs, if there is one."""
    json_path, html_path = paths(folder, venue, symbol, day)
    told = _earlier(json_path)
    if told is None or told.get("is_provisional") is not False or not html_path.exists():
        return None
    return told if told["rows"].get("depth_diffs") == diffs else None


def _earlier(path: Path) -> dict[str, Any] | None:
    """Return the certificate that is there; None for none, or for what is no certificate any more."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        sum(told["rows"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(told)


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    now = json.loads(json.dumps(b))
    return all(a.get(key) == now.get(key) for key in a.keys() | now.keys() if key not in OF_THE_MAKING)


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)
