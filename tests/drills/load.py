"""
A busy machine: processes that compute, processes that write to the disk, and other Prefect servers at work.

    hogs     compute without end
    writers  write a file in small pieces and wait for the disk after each
    servers  real Prefect servers; one caller each keeps them at work
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from leadline.flows.local.prefect_server import PrefectServer

_HOG = "while True: pass"
_WRITER = """
import os, sys
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.seek(0)
        for _ in range(1024):
            file.write(os.urandom(65536))
            os.fsync(file.fileno())
"""
PRESSURES = ("cpu", "io", "memory")
SERVER_START_S = 600.0  # three of them start beside all the rest
CALL_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Load:
    """How much of each."""

    hogs: int = 24
    writers: int = 2
    servers: int = 3


@contextlib.contextmanager
def loaded(folder: Path, load: Load, *, say: Callable[[str], None]) -> Iterator[None]:
    """Keep the machine busy for the block; everything is ended with it."""
    with contextlib.ExitStack() as stack:
        for n in range(load.servers):
            say(f"starting Prefect server {n + 1} of {load.servers}")
            home = folder / f"server-{n}"
            server = PrefectServer(home)
            stack.callback(server.stop)
            server.start(timeout_s=SERVER_START_S)
            stack.enter_context(_called(server))
        programs = [(_HOG, "")] * load.hogs
        programs += [(_WRITER, str(folder / f"disk-{n}")) for n in range(load.writers)]
        for program, argument in programs:
            child = subprocess.Popen([sys.executable, "-c", program, argument])
            stack.callback(child.wait)
            stack.callback(child.kill)
        yield


@contextlib.contextmanager
def _called(server: PrefectServer) -> Iterator[None]:
    """Ask a server for its runs again and again."""
    over = threading.Event()
    user, _, password = server.environ["PREFECT_API_AUTH_STRING"].partition(":")

    def call() -> None:
        with httpx.Client(base_url=server.api_url, auth=(user, password), timeout=60.0) as client:
            while not over.wait(CALL_EVERY_S):
                with contextlib.suppress(httpx.HTTPError):
                    client.post(f"{server.api_url}/flow_runs/filter", json={"limit": 200})

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(90.0)


def pressure_us(text: str) -> int | None:
    """Read from ``/proc/pressure/*`` for how long in all some process had to wait, µs; None if not told."""
    for line in text.splitlines():
        kind, *facts = line.split()
        if kind == "some":
            return next(
                (int(fact.removeprefix("total=")) for fact in facts if fact.startswith("total=")), None
            )
    return None


def pressures_us() -> dict[str, int]:
    """Read all pressures that this machine tells of, µs."""
    found: dict[str, int] = {}
    for name in PRESSURES:
        with contextlib.suppress(OSError):
            waited_us = pressure_us(Path(f"/proc/pressure/{name}").read_text())
            if waited_us is not None:
                found[name] = waited_us
    return found
