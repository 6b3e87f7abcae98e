"""Signals are ours within the block, and whoever had them before has them after it."""

from __future__ import annotations

import contextlib
import os
import signal

from leadline.flows.terminal.interrupts import taken

NUMBERS = (signal.SIGUSR1, signal.SIGUSR2)


def test_signals_come_to_the_handler_until_the_block_ends_also_by_an_error() -> None:
    heard: list[int] = []
    before = [signal.getsignal(number) for number in NUMBERS]
    with contextlib.suppress(LookupError), taken(NUMBERS, lambda number, _: heard.append(number)):
        for number in NUMBERS:
            os.kill(os.getpid(), number)
        raise LookupError
    assert heard == list(NUMBERS)
    assert [signal.getsignal(number) for number in NUMBERS] == before
