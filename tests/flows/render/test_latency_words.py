"""Stages of the latency in words."""

from __future__ import annotations

import pytest

from leadline.flows.render.latency_words import duration, is_measured, stage_rows, stage_words
from leadline.storage.queries.latency import STAGES

NOTHING = {f"{stage}_{figure}_us": None for stage in STAGES for figure in ("p50", "p99")}
SOME = {**NOTHING, "queue_p50_us": 12.345, "queue_p99_us": 2_345.6, "durable_p50_us": 1_234_567.0}


@pytest.mark.parametrize(
    ("microseconds", "said"),
    [(None, "-"), (0.066, "0.066 µs"), (12.345, "12.3 µs"), (2_345.6, "2.35 ms"), (1_234_567.0, "1.23 s")],
)
def test_a_time_is_said_in_the_unit_that_suits_it(microseconds: float | None, said: str) -> None:
    assert duration(microseconds) == said


def test_what_was_measured_is_said_and_what_was_not() -> None:
    assert not is_measured(NOTHING)
    assert stage_words(NOTHING) == "not measured"
    assert is_measured(SOME)
    assert stage_words(SOME) == (
        "network - / -, queue 12.3 µs / 2.35 ms, decode - / -, apply - / -, durable 1.23 s / -"
    )
    assert [row[:3] for row in stage_rows(SOME)][1] == ("queue", "12.3 µs", "2.35 ms")
