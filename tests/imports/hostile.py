"""A folder of somebody who has files of our floors' names; none of it is ours to run."""

from __future__ import annotations

from pathlib import Path

FILES = ("tasks.py", "book.py", "flows/__init__.py", "storage/__init__.py")


def make_hostile(folder: Path) -> Path:
    """Put files there that raise when they are imported."""
    for name in FILES:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"raise RuntimeError('{name} of the working folder was imported')\n")
    return folder
