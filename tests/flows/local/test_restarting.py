"""A child that dies is started again, later and later; real processes, a clock by hand."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from leadline.book.errors import LeadlineError
from leadline.flows.local.child import Child
from leadline.flows.local.restarting import HEALTHY_S, RestartingChild
from tests.flows.waiting import until

STAYS = "import signal; signal.pause()"
DIES = "import sys; sys.exit('no such pool')"


class Bench:
    """Starts what `program` says, and keeps what was told."""

    def __init__(self, folder: Path, program: str) -> None:
        self.program = program
        self.now = 0.0
        self.heard: list[str] = []
        self.children: list[Child] = []
        self._log = folder / "child.log"
        self.kept = RestartingChild(
            "the worker", self._start, self.heard.append, rng=random.Random(1), clock=self._clock
        )

    def _clock(self) -> float:
        return self.now

    def _start(self) -> Child:
        if not self.program:
            raise LeadlineError("the disk is full")
        child = Child([sys.executable, "-c", self.program], name="the worker", log=self._log)
        self.children.append(child)
        return child

    def dies(self) -> None:
        until(lambda: not self.children[-1].is_running(), "the child is gone")
        self.kept.look()


def test_one_that_dies_is_started_again_later_and_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path, DIES)
    bench.kept.start()
    bench.dies()
    assert "the worker ended by itself: no such pool" in bench.heard[0]
    assert "starting it again in 1 s" in bench.heard[0]
    bench.now += 0.5
    bench.kept.look()
    assert len(bench.children) == 1  # too soon
    waits = []
    for _ in range(4):
        began = bench.now
        while len(bench.children) == bench.kept.restarts + 1:
            bench.now += 0.5
            bench.kept.look()
            if bench.kept.is_running:
                break
        waits.append(bench.now - began)
        bench.dies()
    assert waits == sorted(waits)
    assert waits[-1] > 4 * max(waits[0], 0.5)


def test_one_that_ran_for_long_is_started_again_soon(tmp_path: Path) -> None:
    bench = Bench(tmp_path, STAYS)
    bench.kept.start()
    bench.kept.look()
    assert bench.heard == []
    for turn in range(5):
        bench.now += HEALTHY_S + 1
        bench.children[-1].stop()
        bench.kept.look()
        bench.now += 2
        bench.kept.look()
        assert bench.kept.restarts == turn + 1
        assert bench.heard[-1] == "the worker was started again"
    bench.kept.stop()
    assert not bench.children[-1].is_running()
    bench.now += 1_000
    bench.kept.look()
    assert len(bench.children) == 6  # stopped is stopped


def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, DIES)
    bench.kept.start()
    bench.program = ""
    bench.dies()
    bench.now += 2
    bench.kept.look()
    assert bench.heard[-1] == "the worker could not be started: the disk is full"
    bench.program = STAYS
    bench.now += 5
    bench.kept.look()
    assert bench.kept.is_running
    bench.kept.stop()
