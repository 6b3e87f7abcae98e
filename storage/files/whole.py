"""Small texts that others read meanwhile: a reader finds the old one or the new one, never half of it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def write_whole(path: Path, text: str, *, mode: int = 0o644, durable: bool = False) -> None:
    """
    Put ``text`` in the place of ``path`` in one step; raises `OSError`.

    ``mode`` holds from the first byte on. ``durable``: it survives a power cut once this returns.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}")
    draft.unlink(missing_ok=True)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(fd)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_note(path: Path, note: DataclassInstance, *, mode: int = 0o644) -> None:
    """Leave a dataclass as JSON for another process; raises `OSError`."""
    write_whole(path, json.dumps(asdict(note)), mode=mode)


def read_note(path: Path, kind: type[T]) -> T | None:
    """Read such a note; None when there is none, or what is there is no ``kind``."""
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
