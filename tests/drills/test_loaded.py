"""By what demos on a busy machine are judged, and the load itself."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.drills.load import Load, loaded, pressure_us
from tests.drills.loaded import Ran, done, judged
from tests.flows.waiting import until

RAN = Ran("abc", asdict(Load()), 0, 11, [], 60.0, 30.0, {"cpu": 0.9})


def test_a_demo_that_proved_nothing_does_not_hold() -> None:
    assert RAN.holds
    for changed in ({"exit_code": 1}, {"proofs": 0}, {"failed": ["gaps: 1 of 5 wrong"]}):
        assert not replace(RAN, **changed).holds


def test_what_a_demo_says_of_its_proofs() -> None:
    told = [
        {"claim": "a", "holds": True, "figures": "3"},
        {"claim": "b", "holds": False, "figures": "1 wrong"},
    ]
    assert judged(json.dumps({"proofs": told})) == (2, ["b: 1 wrong"])
    for nothing in ("", "Traceback", "{}"):
        assert judged(nothing) == (0, [])


def test_results_of_this_code_and_this_load_count(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [RAN, replace(RAN, code="other"), replace(RAN, load={"hogs": 1}), replace(RAN, exit_code=1)]
    path.write_text("\n".join([*(json.dumps(asdict(one)) for one in lines), '{"code": "abc", "lo']))
    assert done(path, "abc", Load()) == [RAN, replace(RAN, exit_code=1)]
    assert done(tmp_path / "none", "abc", Load()) == []


@pytest.mark.parametrize(
    ("text", "waited_us"),
    [
        ("some avg10=1.00 avg60=2.00 avg300=3.00 total=123456\nfull avg10=0.00 total=7\n", 123456),
        ("full avg10=0.00 total=7\n", None),
        ("", None),
    ],
)
def test_pressure_is_the_time_in_which_some_process_waited(text: str, waited_us: int | None) -> None:
    assert pressure_us(text) == waited_us


def test_the_load_begins_and_ends_with_its_block(tmp_path: Path) -> None:
    with loaded(tmp_path, Load(hogs=1, writers=1, servers=0), say=lambda _: None):
        busy = until(lambda: found if len(found := _children()) == 2 else None, "both are at work")
    assert not busy & _children()


def _children() -> set[int]:
    """Processes begun by this one for the load."""
    here = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    of_load = ("while True: pass", "fsync")
    return {
        int(pid)
        for pid in here
        if any(word in Path(f"/proc/{pid}/cmdline").read_text() for word in of_load)
    }
