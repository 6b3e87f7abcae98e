"""Who may end a stream, and what is heard of it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from leadline.flows.streaming.ending import End, Ending
from leadline.storage.handover.requests import ask_to_stop


@pytest.fixture
def ending(tmp_path: Path) -> Ending:
    return Ending(tmp_path / "x.duckdb", threading.Event())


def test_the_first_wish_counts(ending: Ending) -> None:
    assert ending.look() is None
    ending.wish(End("cancelled", "cancelled in the UI"))
    ending.wish(End("stopped", "stopped"))
    assert ending.look() == End("cancelled", "cancelled in the UI")


@pytest.mark.parametrize("kind", ["stop", "handover"])
def test_a_request_beside_the_file_ends_it(ending: Ending, tmp_path: Path, kind: str) -> None:
    ask_to_stop(tmp_path / "x.duckdb", who="ops", why="x", kind=kind)  # type: ignore[arg-type]
    assert ending.look() is None  # it is meant for whoever holds the file
    ending.is_holder = True
    end = ending.look()
    assert end is not None
    assert end.kind == {"stop": "stopped", "handover": "handover"}[kind]
    assert "ops: x" in end.why
    assert ending.look() == end  # though the note is gone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_wish_and_interrupts_nothing(ending: Ending, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ending.hear_signals():
        os.kill(os.getpid(), number)
        end = ending.look()
    assert end == End("stopped", f"stopped by {number.name}")
    assert ending.is_by_signal
    assert signal.getsignal(number) is before


def test_beside_the_main_thread_signals_are_left_alone(ending: Ending) -> None:
    seen = []

    def run() -> None:
        with ending.hear_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
