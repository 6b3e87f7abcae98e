"""
Child processes that never outlive their parent, even one that is killed.

``python -m leadline.flows.local.child COMMAND…`` runs the command and stops it when its own standard input
ends, which the kernel sees to however the parent dies. `Child` is the parent's side of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from leadline.book.errors import LeadlineError
from leadline.tasks.programs import import_path, python

STOP_S = 10.0  # from SIGTERM to SIGKILL


class ChildDied(LeadlineError):
    """A child process ended before it was ready; the message carries its last words."""


class Child(AbstractContextManager["Child"]):
    """A program of ours in a session of its own: the terminal's Ctrl-C does not reach it, `stop` does."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        log: Path,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stdout_to_log: bool = False,
    ) -> None:
        """
        Start it, to work in ``folder`` or where we do.

        With ``stdout_to_log`` what it prints goes to the log, else somebody must read it.
        """
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stderr:
            self._start_of_log = stderr.tell()
            self._process = subprocess.Popen(
                python("-m", "leadline.flows.local.child", *command),
                stdin=subprocess.PIPE,
                stdout=stderr if stdout_to_log else subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {}), **import_path()},
                start_new_session=True,
            )

    @property
    def stdout(self) -> IO[bytes]:
        """What the child prints."""
        assert self._process.stdout is not None
        return self._process.stdout

    def is_running(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """Return the last line the child wrote to its log since it started."""
        with self.log.open("rb") as file:
            file.seek(self._start_of_log)
            said = file.read().decode(errors="replace").strip().splitlines()
        return said[-1].strip() if said else "it said nothing"

    def died(self) -> ChildDied:
        """Return the error that says how the child ended."""
        return ChildDied(f"{self.name} ended by itself: {self.last_words()} (see {self.log})")

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Ask the child to end, and kill it and whatever it started if it has not after ``timeout_s``."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout_s + 1)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main(command: Sequence[str]) -> int:
    """Run ``command`` until it ends or our standard input does; return its exit code."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()

    def watch() -> None:
        while os.read(0, 1024):
            pass
        end()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(os.getpgid(0), signal.SIGKILL)  # the session is ours: this is us and ours alone

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
