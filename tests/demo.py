"""One run of the demo for all tests that want a database such as people have (fixture ``demo``)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.flows.commands import ROOT, Said, environ, finish, started

SECONDS = 15
# The make target, and the venv it would set up: both as they are in the checkout.
LINKED = ("Makefile", "examples", "pyproject.toml", "requirements.lock")


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A folder in which ``make demo`` ran, as after a clone, and what it said (``--json``)."""

    folder: Path
    said: Said

    @property
    def db(self) -> Path:
        """The database; whoever writes to it takes a copy."""
        return self.folder / "demo.duckdb"


def activated() -> dict[str, str]:
    """An environment in which ``leadline`` and ``python`` are those that run the tests."""
    return environ(PATH=f"{Path(sys.prefix) / 'bin'}:{environ()['PATH']}")


def make_demo(folder: Path) -> DemoRun:
    """Run ``make demo`` for `SECONDS` in ``folder``, made to look like a clone that is set up."""
    folder.mkdir()
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    # -o: what is set up already stays as it is, also where it was not set up by make.
    command = ("make", "-s", "-o", ".venv/.ready", "demo", f"SECONDS_OF_DEMO={SECONDS} --json")
    return DemoRun(folder, finish(started(folder, *command, env=environ()), timeout_s=500))
