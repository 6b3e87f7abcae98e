"""Read what ``everywhere/sitecustomize.py`` wrote down, and find a module that a process holds twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EVERYWHERE = Path(__file__).parent / "everywhere"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One module that one process executed."""

    pid: int
    command: tuple[str, ...]
    name: str
    file: str
    folder: str
    folder_on_path: bool


def telling(folder: Path, python_path: str = "") -> dict[str, str]:
    """Return the environment in which every Python tells its modules into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(EVERYWHERE), *filter(None, python_path.split(os.pathsep))]
    return {"MODULES_TOLD_INTO": str(folder), "PYTHONPATH": os.pathsep.join(paths)}


def told(folder: Path) -> list[Loaded]:
    """Read what was told so far; a line that is being written is left out."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                fields = json.loads(line)
                found.append(Loaded(**{**fields, "command": tuple(fields["command"])}))
    return found


def copies(loaded: Iterable[Loaded]) -> set[tuple[str, ...]]:
    """Return the names of each file that one process executed under more than one name."""
    names: dict[tuple[int, tuple[str, ...], str], set[str]] = {}
    for each in loaded:
        names.setdefault((each.pid, each.command, each.file), set()).add(each.name)
    return {tuple(sorted(several)) for several in names.values() if len(several) > 1}
