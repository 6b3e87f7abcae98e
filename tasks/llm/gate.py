"""
The limits of a provider, shared by all processes of this machine: ``<home>/llm/<provider>.gate``, JSON.

Every access holds a file lock for a moment; the kernel frees it when a process dies. It needs neither
Prefect nor the database. A file that cannot be read is replaced: the limits then start empty.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from leadline.book.errors import LeadlineError
from leadline.storage.files.lockfile import LockFile
from leadline.tasks.llm import limits
from leadline.tasks.llm.limits import NS, ProviderState
from leadline.tasks.llm.protocol.answer import Capability
from leadline.tasks.llm.protocol.request import CircuitChange
from leadline.tasks.net.clock import Clock

T = TypeVar("T")

LOCK_S = 2.0
LOCK_STEP_S = 0.001
MOST_BYTES = 1_000_000

_decoder = msgspec.json.Decoder(ProviderState)


class GateStuck(LeadlineError):
    """Another process holds the file far longer than any access takes; it may be suspended."""

    transient = True


class Gate:
    """Turns, circuits and learnt capabilities of one provider; every method blocks for a moment."""

    def __init__(self, home: Path, provider: str, *, limit: int, clock: Clock) -> None:
        folder = home / "llm"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{provider}.gate"
        self.provider = provider
        self._limit = limit
        self._clock = clock

    def admit(
        self, model: str, *, patience_s: float
    ) -> limits.Turn | limits.RetryLater | limits.TurnRefused:
        """Take the next turn of ``model`` that comes within ``patience_s``."""
        return self._change(
            lambda state, now_ns: limits.admit(
                state, model, now_ns, limit=self._limit, patience_ns=int(patience_s * NS)
            )
        )

    def report(
        self, model: str, result: limits.TurnResult, *, retry_after_s: float | None = None
    ) -> Literal["open", "closed"] | None:
        """Note the result of a turn; return the circuit's new state if it changed."""
        return self._change(
            lambda state, now_ns: limits.report(state, model, now_ns, result, retry_after_s=retry_after_s)
        )

    def capability(self, model: str) -> Capability | None:
        """Return the format that ``model`` was last found to accept."""
        return self._change(lambda state, now_ns: limits.known_capability(state, model, now_ns))

    def learn(self, model: str, capability: Capability) -> None:
        """Remember the strictest format that ``model`` accepts."""
        self._change(lambda state, now_ns: limits.learn_capability(state, model, now_ns, capability))

    def circuits(self) -> list[CircuitChange]:
        """Return every circuit of this provider that is not closed."""
        return self._change(lambda state, now_ns: limits.circuits(state, self.provider, now_ns))

    def _change(self, act: Callable[[ProviderState, int], T]) -> T:
        with self._locked() as fd:
            raw = os.pread(fd, MOST_BYTES, 0)
            state = _decoded(raw)
            result = act(state, self._clock.mono_ns())
            if (changed := msgspec.json.encode(state)) != raw:
                os.pwrite(fd, changed, 0)
                os.ftruncate(fd, len(changed))
            return result

    @contextmanager
    def _locked(self) -> Iterator[int]:
        lock = LockFile(self.path, mode=0o600, names_holder=False)
        deadline_s = time.monotonic() + LOCK_S
        while not lock.take():
            if time.monotonic() > deadline_s:
                raise GateStuck(f"{self.path} has been locked for {LOCK_S:g} s; is a process suspended?")
            time.sleep(LOCK_STEP_S)
        try:
            yield lock.fd
        finally:
            lock.release()


def _decoded(raw: bytes) -> ProviderState:
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return ProviderState()
