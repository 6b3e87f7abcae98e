"""The shared door: many processes at one limit, a killed holder, a broken file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from leadline.tasks.llm import gate as gates
from leadline.tasks.llm.gate import Gate, GateStuck
from leadline.tasks.llm.limits import FAILURES, NS, WINDOW_NS, Turn, TurnRefused
from leadline.tasks.net.clock import SYSTEM_CLOCK, Clock

SPAWN = multiprocessing.get_context("fork")


def a_gate(home: Path, limit: int = 10) -> Gate:
    return Gate(home, "p", limit=limit, clock=SYSTEM_CLOCK)


def take_turns(home: Path, count: int, out: multiprocessing.Queue[list[int]]) -> None:
    """Take turns without going, and report the instants that were given, ns."""
    looks: list[int] = []

    def now_ns() -> int:
        looks.append(time.monotonic_ns())
        return looks[-1]

    gate, given = Gate(home, "p", limit=10, clock=Clock(time.time_ns, now_ns)), []
    for _ in range(count):
        turn = gate.admit("m", patience_s=600)
        assert isinstance(turn, Turn)
        given.append(looks[-1] + round(turn.wait_s * NS))
    out.put(given)


def test_processes_share_one_limit(tmp_path: Path) -> None:
    out: multiprocessing.Queue[list[int]] = SPAWN.Queue()
    workers = [SPAWN.Process(target=take_turns, args=(tmp_path, 50, out)) for _ in range(4)]
    for worker in workers:
        worker.start()
    given = sorted(instant for _ in workers for instant in out.get(timeout=60))
    for worker in workers:
        worker.join()
    assert len(given) == 200
    gaps = [later - first for first, later in zip(given, given[10:], strict=False)]
    assert min(gaps) >= WINDOW_NS - 2  # nanoseconds lost in a float of seconds
    assert given[-1] - given[0] >= 19 * WINDOW_NS - 2


def test_state_is_shared_by_gates(tmp_path: Path) -> None:
    one, other = a_gate(tmp_path), a_gate(tmp_path)
    one.learn("m", "plain")
    assert other.capability("m") == "plain"
    assert [one.report("m", "failure") for _ in range(FAILURES)][-1] == "open"
    assert isinstance(other.admit("m", patience_s=1), TurnRefused)
    assert [told.model for told in other.circuits()] == ["m"]


def test_file_is_for_its_user_only(tmp_path: Path) -> None:
    gate = a_gate(tmp_path)
    gate.admit("m", patience_s=1)
    assert gate.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", [b"", b"{", b'{"slots": "x"}', b"\xff" * 100])
def test_broken_file_is_begun_anew(tmp_path: Path, left: bytes) -> None:
    gate = a_gate(tmp_path)
    gate.path.write_bytes(left)
    assert gate.admit("m", patience_s=1) == Turn(0.0)
    assert a_gate(tmp_path).capability("m") is None


def test_shorter_state_leaves_nothing_of_the_longer_behind(tmp_path: Path) -> None:
    gate = a_gate(tmp_path)
    for name in ("a", "b", "c"):
        gate.learn(name, "json_object")
    gate.path.write_bytes(b" " * 5_000)
    gate.learn("m", "plain")
    assert gate.capability("m") == "plain"
    assert gate.capability("a") is None


def hold(path: Path) -> None:
    with a_gate(path)._locked():
        (path / "held").touch()
        time.sleep(600)


def test_a_killed_holder_frees_it_a_stopped_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "LOCK_S", 0.05)
    holder = SPAWN.Process(target=hold, args=(tmp_path,))
    holder.start()
    deadline_s = time.monotonic() + 30
    while not (tmp_path / "held").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    with pytest.raises(GateStuck, match="has been locked for"):
        a_gate(tmp_path).admit("m", patience_s=1)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert a_gate(tmp_path).admit("m", patience_s=1) == Turn(0.0)
