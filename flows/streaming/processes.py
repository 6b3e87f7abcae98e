"""Unique names of processes: machine, process id, and start time."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def process_name(pid: int | None = None) -> str:
    """Name a process of this machine (None: this one); no later process gets the same name."""
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def may_live(name: str) -> bool:
    """
    Whether the process of that name still runs on this machine.

    A process on another machine counts as gone: a file lock does not reach across machines.
    """
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    return host == socket.gethostname() and rest.isdigit() and process_name(int(rest)) == name


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; "gone" if there is none, or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else _answers(pid)
    fields = stat.rpartition(")")[2].split()
    return "gone" if fields[0] in "ZX" else fields[19]


def _answers(pid: int) -> str:
    """Without /proc: only whether it is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        pass
    return "here"
