"""One holder at a time, known by its process; a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from leadline.storage.files.lockfile import LockFile, lock_holder
from tests.flows.commands import ROOT

PROGRAM = """
import sys, time
from pathlib import Path
from leadline.storage.files.lockfile import LockFile
lock = LockFile(Path(sys.argv[1]), names_holder=sys.argv[2] == "named")
print(lock.take(), flush=True)
sys.stdin.read()
"""


def start(path: Path, *, named: bool = True) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(path), "named" if named else ""]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_one_holds_it_and_the_others_see_which(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert lock_holder(path) is None  # there is no file
    one, other = LockFile(path), LockFile(path)
    assert one.take()
    assert not other.take()
    assert lock_holder(path) == os.getpid()
    other.release()  # it had nothing to give back
    assert lock_holder(path) == os.getpid()
    one.release()
    one.release()
    assert lock_holder(path) is None  # though its name still stands in the file
    assert other.take()
    other.release()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with start(path) as process:
        assert (lock_holder(path), LockFile(path).take()) == (process.pid, False)
        process.kill()
    assert path.read_text() == str(process.pid)
    assert lock_holder(path) is None


def test_a_lock_without_a_name_leaves_the_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.gate"
    path.write_text("state")
    with start(path, named=False) as process:
        assert lock_holder(path) == 0
        process.kill()
    lock = LockFile(path, mode=0o600, names_holder=False)
    assert lock.take()
    assert os.pread(lock.fd, 100, 0) == b"state"
    lock.release()
