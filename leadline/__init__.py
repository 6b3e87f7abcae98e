"""
Leadline: order books you can prove, and signals scored honestly.

The rooms stand at the top of the source tree and are linked here, so that everything is imported as
``leadline.…``: `leadline.book` knows the market, `leadline.storage` the database, `leadline.tasks` the
network, `leadline.flows` what runs and when.
"""

from __future__ import annotations

from pathlib import Path

for _room in ("book", "storage", "tasks", "flows"):
    if not (Path(__file__).parent / _room).is_dir():
        raise ImportError(
            f"{Path(__file__).parent / _room} is not a folder: this checkout lacks its symbolic links. "
            "Clone with `git clone -c core.symlinks=true`, or install the wheel"
        )
del _room
