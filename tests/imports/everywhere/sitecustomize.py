"""
Run by every Python that has this folder in its ``PYTHONPATH``: writes down the modules it executes.

A line of JSON for each module of the package or of the folder one works in, at once, so that it is there
however the process ends. Libraries are left out.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

FOLDER = os.environ.get("MODULES_TOLD_INTO", "")
OURS = {"leadline", "book", "storage", "tasks", "flows"}
STANDARD = os.path.realpath(os.path.dirname(os.__file__)) + os.sep  # noqa: PTH120


def tell(name: str, file: str) -> None:
    below = file.partition(f"site-packages{os.sep}")[2]
    is_library = file.startswith(STANDARD) or (below and not below.startswith(f"leadline{os.sep}"))
    if is_library and name.partition(".")[0] not in OURS:
        return
    folder = os.path.realpath(Path.cwd())
    line = {
        "pid": os.getpid(),
        "command": sys.orig_argv,
        "name": name,
        "file": os.path.realpath(file),
        "folder": folder,
        "folder_on_path": any(os.path.realpath(each or ".") == folder for each in sys.path),
    }
    with Path(FOLDER, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


class Telling(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        tell(module.__name__, self.path)
        loading(self, module)


if FOLDER:
    loading = SourceFileLoader.exec_module
    SourceFileLoader.exec_module = Telling.exec_module  # type: ignore[method-assign, assignment]
