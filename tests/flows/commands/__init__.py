"""Run ``leadline`` in this process or as a program, and keep what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadline.flows.cli import main

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


def leadline(capsys: pytest.CaptureFixture[str], *argv: object) -> Said:
    """Run a command here: fast, and fit for all that does not end the process."""
    capsys.readouterr()
    code = main([str(arg) for arg in argv])
    told = capsys.readouterr()
    return Said(code, told.out, told.err)


def environ(**extra: str) -> dict[str, str]:
    """An environment without anybody's settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LEADLINE_", "PREFECT_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **extra}


def start(folder: Path, *argv: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command of ``leadline`` as a program in ``folder``."""
    return started(folder, sys.executable, "-m", "leadline", *argv, env=env)


def started(folder: Path, *command: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a program in ``folder``."""
    return subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env=dict(env or environ()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def finish(process: subprocess.Popen[str], *, timeout_s: float = 200.0) -> Said:
    """Wait for a program's end; one that does not end is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"did not end within {timeout_s:g} s; it said:\n{out}\n{err}")
    return Said(process.returncode, out, err)
