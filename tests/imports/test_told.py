"""A module that a process holds twice is found; commands of ours hold each once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.commands import ROOT, environ
from tests.imports.told import copies, telling, told

BY_PATH = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
import leadline.book.scale as sound
spec = spec_from_file_location("scale", sound.__file__)
sys.modules["scale"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["scale"])
"""
ONCE = "import leadline.book.scale\nfrom leadline.book import scale\n"


def run(folder: Path, *arguments: str, code: int = 0) -> set[tuple[str, ...]]:
    env = environ(**telling(folder, python_path=str(ROOT)))
    ran = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, check=False)
    assert ran.returncode == code, ran.stderr.decode()
    assert {each.name for each in told(folder)} >= {"leadline"}
    return copies(told(folder))


@pytest.mark.parametrize(
    ("program", "found"),
    [
        pytest.param(
            "import leadline.book.scale, book.scale", ("book.scale", "leadline.book.scale"), id="roots"
        ),
        pytest.param(BY_PATH, ("leadline.book.scale", "scale"), id="by-path"),
        pytest.param(
            f"{BY_PATH}\nimport os; os._exit(0)", ("leadline.book.scale", "scale"), id="hard-exit"
        ),
    ],
)
def test_two_copies_are_found(tmp_path: Path, program: str, found: tuple[str, ...]) -> None:
    assert found in run(tmp_path, "-c", program)


def test_one_copy_is_none(tmp_path: Path) -> None:
    assert not run(tmp_path, "-c", ONCE)


def test_a_child_tells_too(tmp_path: Path) -> None:
    program = (
        f"import subprocess, sys, leadline; subprocess.run([sys.executable, '-c', {BY_PATH!r}], check=True)"
    )
    assert run(tmp_path, "-c", program) == {("leadline.book.scale", "scale")}
    assert len({each.pid for each in told(tmp_path)}) == 2


@pytest.mark.parametrize("module", ["leadline", "flows"])
@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("no-such-command", 2)])
def test_a_command_holds_each_module_once(tmp_path: Path, module: str, argument: str, code: int) -> None:
    assert not run(tmp_path, "-m", module, argument, code=code)
    assert "leadline.flows.cli" in {each.name for each in told(tmp_path)}
    assert len({each.pid for each in told(tmp_path)}) == 1
