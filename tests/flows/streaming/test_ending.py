"""Who may end a stream, and what is heard of it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from leadline.flows.streaming.ending import EndReason, EndRequests
from leadline.storage.handover.requests import ask_to_stop


@pytest.fixture
def requests(tmp_path: Path) -> EndRequests:
    return EndRequests(tmp_path / "x.duckdb", threading.Event())


def test_the_first_wish_counts(requests: EndRequests) -> None:
    assert requests.reason() is None
    requests.request(EndReason("cancelled", "cancelled in the UI"))
    requests.request(EndReason("stopped", "stopped"))
    assert requests.reason() == EndReason("cancelled", "cancelled in the UI")


@pytest.mark.parametrize("kind", ["stop", "handover"])
def test_a_request_beside_the_file_ends_it(requests: EndRequests, tmp_path: Path, kind: str) -> None:
    ask_to_stop(tmp_path / "x.duckdb", who="ops", why="x", kind=kind)  # type: ignore[arg-type]
    assert requests.reason() is None  # it is meant for whoever holds the file
    requests.is_holder = True
    end = requests.reason()
    assert end is not None
    assert end.kind == {"stop": "stopped", "handover": "handover"}[kind]
    assert "ops: x" in end.why
    assert requests.reason() == end  # though the note is gone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_wish_and_interrupts_nothing(requests: EndRequests, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with requests.catch_signals():
        os.kill(os.getpid(), number)
        end = requests.reason()
    assert end == EndReason("stopped", f"stopped by {number.name}")
    assert requests.is_by_signal
    assert signal.getsignal(number) is before


def test_beside_the_main_thread_signals_are_left_alone(requests: EndRequests) -> None:
    seen = []

    def run() -> None:
        with requests.catch_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
