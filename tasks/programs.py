"""
A Python of ours as a child process: the command, and where the child finds this package.

A child never has the working folder on its import path. A person's folder may well hold a ``tasks.py`` or
a ``flows/`` of its own, and none of it is ours to run.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

import leadline


def python(*arguments: str) -> list[str]:
    """Return the command of this Python with ``arguments``, such as ``-m`` and a module of ours."""
    return [sys.executable, "-P", *arguments]


def import_path() -> dict[str, str]:
    """
    Return the ``PYTHONPATH`` with which a child finds this package; nothing where it does anyway.

    An installed package is found as it is. Another one (a clone, a folder a person named) comes first, and
    what the person has in ``PYTHONPATH`` stays behind it.
    """
    root = Path(leadline.__file__).resolve().parents[1]
    if root in _installed():
        return {}
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _installed() -> set[Path]:
    """Return the folders where packages are installed and every Python of ours looks."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return {Path(folder).resolve() for folder in folders}
