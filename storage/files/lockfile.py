"""
A lock file: one process holds it, and the others can see which.

The kernel frees the lock when its process ends, however it ends, so a stale file locks nobody out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

PID_BYTES = 32


class LockFile:
    """
    An exclusive lock on ``path``, from `take` until `release`; one object is one holder.

    ``names_holder``: the file says which process holds it; else its content is the caller's, by ``fd``.
    """

    def __init__(self, path: Path, *, mode: int = 0o644, names_holder: bool = True) -> None:
        self.path = path
        self.fd = -1
        self._mode = mode
        self._names_holder = names_holder

    def take(self) -> bool:
        """Take the lock; False if somebody else has it. Raises `OSError` where no file can be opened."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, self._mode)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        if self._names_holder:
            with contextlib.suppress(OSError):  # a full disk: the lock holds without the name
                os.ftruncate(fd, 0)
                os.pwrite(fd, str(os.getpid()).encode(), 0)
        self.fd = fd
        return True

    def release(self) -> None:
        """Let others have it; twice is once."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def lock_holder(path: Path) -> int | None:
    """Return the process that holds a lock file; 0 if it does not say which, None if nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        content = os.pread(fd, PID_BYTES, 0)
        return int(content) if content.isdigit() else 0
    finally:
        os.close(fd)
    return None
