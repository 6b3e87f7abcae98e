"""Children end with their parent, asked or not; real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.flows.local.child import Child
from tests.flows.waiting import is_alive, until

SHOW_PID_AND_WAIT = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
IGNORE_TERM = "import os, signal; signal.signal(15, signal.SIG_IGN); " + SHOW_PID_AND_WAIT


def test_stop_ends_the_child(tmp_path: Path) -> None:
    with Child([sys.executable, "-c", SHOW_PID_AND_WAIT], name="x", log=tmp_path / "x.log") as child:
        pid = int(child.stdout.readline())
        assert is_alive(pid)
        assert child.is_running()
    assert not is_alive(pid)
    assert not child.is_running()


def test_stop_kills_a_child_that_will_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child([sys.executable, "-c", IGNORE_TERM], name="x", log=tmp_path / "x.log")
    pid = int(child.stdout.readline())
    child.stop(timeout_s=0.2)
    until(lambda: not is_alive(pid), "the stubborn child is gone")


def test_a_child_that_ends_leaves_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("of an earlier run\n")
    command = [sys.executable, "-c", "import sys; sys.exit('port 1 is taken')"]
    with Child(command, name="the venue", log=log) as child:
        until(lambda: not child.is_running(), "the child ended")
        assert str(child.died()) == f"the venue ended by itself: port 1 is taken (see {log})"


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    parent = f"""
import sys
from pathlib import Path
from leadline.flows.local.child import Child
child = Child([sys.executable, "-c", {SHOW_PID_AND_WAIT!r}], name="x", log=Path({str(log)!r}))
print(int(child.stdout.readline()), flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert is_alive(pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not is_alive(pid), "the grandchild is gone")
