"""Build sdist and wheel as pip's isolated build would, without a network, and install into a clean venv."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BUILD = (
    "import sys, hatchling.build as backend; print(getattr(backend, 'build_' + sys.argv[1])(sys.argv[2]))"
)


class BuildFailed(Exception):
    """The backend refused; the message is what it said."""


def build(kind: str, source: Path, into: Path) -> Path:
    """Build ``kind`` (sdist, wheel, editable) from ``source`` in a process of its own, as pip does."""
    into.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", BUILD, kind, str(into)],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise BuildFailed(ran.stdout + ran.stderr)
    return into / ran.stdout.splitlines()[-1]


def unpacked(sdist: Path, into: Path) -> Path:
    """Unpack an sdist and return the folder of its project."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder


def names(wheel: Path) -> list[str]:
    """Name the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def clean_venv(folder: Path, wheel: Path) -> Path:
    """
    Install the wheel into a new venv and return the venv's ``bin``.

    Beside it are, as links, exactly the distributions that the wheel requires without an extra, with what
    those require. So nothing of a developer's is in sight: no compiler of books, no model, no source tree.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = (folder / "lib").glob("python3.*/site-packages")
    for name, file in sorted(files_of(required(wheel)).items()):
        (packages / name).symlink_to(file)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-P", "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
         "--no-index", "--no-compile", "--disable-pip-version-check", str(wheel)],
        check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    return folder / "bin"


def required(wheel: Path) -> set[str]:
    """Name every distribution that the wheel requires, and those that these require."""
    (folder,) = {name.partition("/")[0] for name in names(wheel) if ".dist-info/" in name}
    with zipfile.ZipFile(wheel) as archive:
        parsed = email.message_from_bytes(archive.read(f"{folder}/METADATA"))
    waiting = _wanted(parsed.get_all("Requires-Dist") or [], frozenset())
    found: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting |= _wanted(metadata.requires(one[0]) or [], one[1])
    return {name for name, _ in found}


def _wanted(lines: Iterable[str], extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    wanted = [Requirement(line) for line in lines]
    return {
        (str(canonicalize_name(each.name)), frozenset(each.extras))
        for each in wanted
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {"", *extras})
    }


def files_of(distributions: Iterable[str]) -> dict[str, Path]:
    """Return the top-level files and folders of distributions by name."""
    found = {}
    for name in distributions:
        one = metadata.distribution(name)
        for file in one.files or ():
            if file.parts[0] not in {"..", "__pycache__"}:
                found[file.parts[0]] = Path(str(one.locate_file(file.parts[0])))
    return found
