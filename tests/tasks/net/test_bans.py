"""What the venue told us to wait for outlives a restart; no step of a clock makes it longer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.tasks.net.bans import Ban, Bans
from leadline.tasks.net.clock import Clock

S = 10**9
WHO = "binance-spot rest https://api.example"


@dataclass
class Machine:
    """A machine whose clocks the test moves."""

    wall_s: float = 1_700_000_000.0
    mono_s: float = 1_000.0
    boot: str = "first"

    def process(self, folder: Path) -> Bans:
        clock = Clock(lambda: int(self.wall_s * S), lambda: int(self.mono_s * S))
        return Bans(folder / "home" / "bans.json", clock, boot=self.boot)

    def wait(self, seconds: float) -> None:
        self.wall_s += seconds
        self.mono_s += seconds


def test_the_next_process_knows_of_a_ban_until_it_is_over(tmp_path: Path) -> None:
    machine = Machine()
    machine.process(tmp_path).note(WHO, 120.0, is_ban=True)
    machine.wait(50)
    assert machine.process(tmp_path).left(WHO) == (70.0, True)
    assert machine.process(tmp_path).left("another venue") == (0.0, False)
    machine.wait(70)
    assert machine.process(tmp_path).left(WHO)[0] == 0.0


def test_a_longer_ban_is_kept_and_those_that_are_over_leave_the_file(tmp_path: Path) -> None:
    machine = Machine()
    bans = machine.process(tmp_path)
    bans.note(WHO, 120.0, is_ban=True)
    bans.note(WHO, 5.0, is_ban=False)
    assert bans.left(WHO) == (120.0, True)
    machine.wait(200)
    bans.note("other", 30.0, is_ban=False)
    text = (tmp_path / "home" / "bans.json").read_text()
    assert "other" in text
    assert WHO not in text


@pytest.mark.parametrize("step_s", [-86_400.0, -5.0, 60.0, 86_400.0])
def test_a_step_of_the_wall_clock_changes_nothing_on_the_same_boot(tmp_path: Path, step_s: float) -> None:
    machine = Machine()
    machine.process(tmp_path).note(WHO, 120.0, is_ban=True)
    machine.wait(20)
    machine.wall_s += step_s
    assert machine.process(tmp_path).left(WHO)[0] == 100.0


@given(
    seconds=st.floats(1, 3 * 86_400),
    passed_s=st.floats(-(10**6), 10**6),
    wall_step_s=st.floats(-(10**6), 10**6),
    same_boot=st.booleans(),
)
def test_no_clock_makes_a_ban_longer_than_it_was(
    seconds: float, passed_s: float, wall_step_s: float, same_boot: bool
) -> None:
    ban = Ban(seconds, 10**18, 10**15, "a", is_ban=True)
    mono_ns = 10**15 + int(passed_s * S)
    left_s = ban.left_s(10**18 + int((passed_s + wall_step_s) * S), mono_ns, "a" if same_boot else "b")
    assert 0 <= left_s <= seconds
    if same_boot and passed_s >= 0:
        assert left_s == pytest.approx(max(0.0, seconds - passed_s), abs=1e-3)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a": 1}', '{"a": {}}', '{"a": {"seconds": "x"}}', "\x00\xff"]
)
def test_a_file_that_says_nothing_is_no_ban_and_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "home" / "bans.json"
    file.parent.mkdir()
    file.write_text(text)
    bans = Machine().process(tmp_path)
    assert bans.left("a") == (0.0, False)
    bans.note("a", 9.0, is_ban=False)
    assert bans.left("a") == (9.0, False)


def test_a_home_that_cannot_be_written_costs_the_memory_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    bans = Machine().process(tmp_path)
    bans.note(WHO, 60.0, is_ban=True)
    assert bans.left(WHO) == (0.0, False)
