"""Where the time went between the venue and a durable row, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadline.storage.queries.latency import STAGES

MEANING = {
    "network": "made by the venue to received, the clocks' offset taken off",
    "queue": "received to taken up by the decoder",
    "decode": "bytes to numbers",
    "apply": "numbers to the book, checked, and a row made",
    "durable": "row made to transaction committed",
}


def is_measured(row: Mapping[str, Any]) -> bool:
    """Tell whether any stage was measured; ``row`` has ``<stage>_p50_us`` and ``<stage>_p99_us``."""
    return any(row[f"{stage}_p50_us"] is not None for stage in STAGES)


def stage_words(row: Mapping[str, Any]) -> str:
    """Say what each stage took, median and worst 99th percentile."""
    if not is_measured(row):
        return "not measured"
    return ", ".join(f"{stage} {_pair(row, stage)}" for stage in STAGES)


def stage_rows(row: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return stage, median, worst 99th percentile and meaning of each stage, for a table."""
    figures = ((stage, row[f"{stage}_p50_us"], row[f"{stage}_p99_us"]) for stage in STAGES)
    return [(stage, duration(p50), duration(p99), MEANING[stage]) for stage, p50, p99 in figures]


def duration(microseconds: float | None) -> str:
    """Write a time in the unit that suits it; a dash for None."""
    if microseconds is None:
        return "-"
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:,.3g} {unit}"
    return f"{microseconds:.3g} µs"


def _pair(row: Mapping[str, Any], stage: str) -> str:
    return f"{duration(row[f'{stage}_p50_us'])} / {duration(row[f'{stage}_p99_us'])}"
