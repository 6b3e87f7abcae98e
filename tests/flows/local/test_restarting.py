"""A child that dies is started again, later and later; real processes, a clock by hand."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from leadline.book.errors import LeadlineError
from leadline.flows.local.child import Child
from leadline.flows.local.restarting import HEALTHY_S, Kept
from tests.flows.waiting import until

STAYS = "import signal; signal.pause()"
DIES = "import sys; sys.exit('no such pool')"


class House:
    """Starts what `program` says, and keeps what was told."""

    def __init__(self, folder: Path, program: str) -> None:
        self.program = program
        self.now = 0.0
        self.heard: list[str] = []
        self.children: list[Child] = []
        self._log = folder / "child.log"
        self.kept = Kept(
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
    house = House(tmp_path, DIES)
    house.kept.start()
    house.dies()
    assert "the worker ended by itself: no such pool" in house.heard[0]
    assert "starting it again in 1 s" in house.heard[0]
    house.now += 0.5
    house.kept.look()
    assert len(house.children) == 1  # too soon
    waits = []
    for _ in range(4):
        began = house.now
        while len(house.children) == house.kept.restarts + 1:
            house.now += 0.5
            house.kept.look()
            if house.kept.is_running:
                break
        waits.append(house.now - began)
        house.dies()
    assert waits == sorted(waits)
    assert waits[-1] > 4 * max(waits[0], 0.5)


def test_one_that_ran_for_long_is_started_again_soon(tmp_path: Path) -> None:
    house = House(tmp_path, STAYS)
    house.kept.start()
    house.kept.look()
    assert house.heard == []
    for turn in range(5):
        house.now += HEALTHY_S + 1
        house.children[-1].stop()
        house.kept.look()
        house.now += 2
        house.kept.look()
        assert house.kept.restarts == turn + 1
        assert house.heard[-1] == "the worker was started again"
    house.kept.stop()
    assert not house.children[-1].is_running()
    house.now += 1_000
    house.kept.look()
    assert len(house.children) == 6  # stopped is stopped


def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    house = House(tmp_path, DIES)
    house.kept.start()
    house.program = ""
    house.dies()
    house.now += 2
    house.kept.look()
    assert house.heard[-1] == "the worker could not be started: the disk is full"
    house.program = STAYS
    house.now += 5
    house.kept.look()
    assert house.kept.is_running
    house.kept.stop()
