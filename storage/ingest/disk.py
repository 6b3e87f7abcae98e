"""How much room the disk under a database has left."""

from __future__ import annotations

import shutil
from pathlib import Path

from leadline.storage.errors import StoreFull

# A checkpoint that meets a full disk costs DuckDB its instance; stop writing one checkpoint's worth before.
MIN_FREE_BYTES = 128 * 1024 * 1024


def free_bytes(db: Path) -> int:
    """Return the bytes an unprivileged writer may still use where ``db`` lies."""
    return shutil.disk_usage(db.parent).free


def check_room(db: Path, min_free_bytes: int) -> None:
    """Raise `StoreFull` when less than ``min_free_bytes`` is left."""
    free = free_bytes(db)
    if free < min_free_bytes:
        raise StoreFull(
            f"{free / 2**20:.0f} MiB left where {db} lies, {min_free_bytes / 2**20:.0f} MiB are kept free; "
            "rows wait until some is freed"
        )
