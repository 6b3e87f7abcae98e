"""What every measurement here needs: rows for the table, processes at the other end, percentiles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
POLL_S = 0.02
STOP_WITHIN_S = 10.0

T = TypeVar("T")
Ints = NDArray[np.int64]


class BenchFailed(Exception):
    """Something was lost, or never came; the message says what, and the figures of the run are void."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``ratio`` compares with the naive way of the same job."""

    label: str
    figure: float | str
    unit: str = ""
    ratio: float | None = None

    def __str__(self) -> str:
        """Give the line as text."""
        figure = self.figure if isinstance(self.figure, str) else shown(self.figure)
        ratio = "" if self.ratio is None else f"{self.ratio:,.1f}x naive"
        return f"  {self.label:<58} {figure:>12} {self.unit:<18} {ratio}".rstrip()


class Child:
    """A module of this project as a process that answers JSON lines with JSON lines."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def tell(self, **order: Any) -> None:
        """Give an order; `answer` waits for what comes of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the next line; raises `BenchFailed` when the process ended or reports an error."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed(f"{self.module} ended with {self._process.wait()}")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise BenchFailed(f"{self.module}: {said['error']}")
        return said

    def stop(self) -> None:
        """Close its input, ask it to end, and see that it does."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def until(look: Callable[[], T | None], what: str, within_s: float) -> T:
    """Look again and again until there is something to see; raises `BenchFailed` after ``within_s``."""
    deadline = time.monotonic() + within_s
    while (seen := look()) is None:
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what}: not within {within_s:.0f} s")
        time.sleep(POLL_S)
    return seen


def percentiles(values: Ints, *, per: float) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum, divided by ``per``."""
    if not len(values):
        return 0.0, 0.0, 0.0
    p50, p99 = np.percentile(values, [50, 99])
    return float(p50) / per, float(p99) / per, float(values.max()) / per


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory a process has resident now, in MB of 10**6 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def shown(figure: float) -> str:
    """Write a figure with three significant digits, or as a whole number when it is large."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows under a title."""
    print(title)
    for row in rows:
        print(row)
