"""
A connection that several jobs of one run share, one at a time, from worker threads.

Where this process is the only one that holds the database it is given back between two jobs, so that a
stream may begin meanwhile; a job whose owner went away is done again at the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from leadline.storage.access.connect import Connection, connect
from leadline.storage.errors import StoreLost

T = TypeVar("T")

PATIENCE_S = 10.0
PAUSE_S = 0.05


class Desk(AbstractContextManager["Desk"]):
    """Runs jobs on a database; safe for threads. ``write`` as for `storage.access.connect.connect`."""

    def __init__(self, db: Path, *, write: bool = True, patience_s: float = PATIENCE_S) -> None:
        self._db = db
        self._write = write
        self._patience_s = patience_s
        self._turn = threading.Lock()
        self._con: Connection | None = None

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, job: Callable[[Connection], T]) -> T:
        """Do ``job``, which must bear being done twice; raises what it raises, and `StoreError`s."""
        deadline = time.monotonic() + self._patience_s
        with self._turn:
            while True:
                try:
                    if self._con is None:
                        self._con = connect(self._db, write=self._write, patience_s=self._patience_s)
                    return job(self._con)
                except StoreLost:
                    self._drop()
                    if time.monotonic() > deadline:
                        raise
                finally:
                    if self._con is not None and self._con.keeps_others_out:
                        self._drop()
                time.sleep(PAUSE_S)

    def close(self) -> None:
        """Give the connection back."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        con, self._con = self._con, None
        if con is not None:
            con.close()
