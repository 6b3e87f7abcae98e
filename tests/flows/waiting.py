"""Wait for something to become true, and fail with a word when it does not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def until(get: Callable[[], T], what: str | Callable[[], str], *, timeout_s: float = 90.0) -> T:
    """Return the first truthy value of ``get``; where it does not come, ``what`` says what was missing."""
    deadline, pause_s = time.monotonic() + timeout_s, 0.02
    while not (value := get()):
        late = time.monotonic() >= deadline
        assert not late, f"not within {timeout_s:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.5)  # who asks a server must not keep it from answering
    return value


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that is dead but not yet collected does not)."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
