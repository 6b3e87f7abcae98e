"""``python -m flows`` in the source tree becomes ``python -m leadline``, in a process without ``flows``."""

from __future__ import annotations

import os
import sys

from leadline.tasks.programs import import_path, python

if __name__ == "__main__":
    command = python("-m", "leadline", *sys.argv[1:])
    os.execve(command[0], command, {**os.environ, **import_path()})  # noqa: S606 - our own program
