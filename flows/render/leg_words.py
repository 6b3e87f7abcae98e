"""How a feed's clock and its two connections do, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def clock_words(offset_us: float, error_us: float) -> str:
    """Say how far the venue's clock is from ours, with the bound on the error."""
    return f"{offset_us / 1000:+,.1f} ± {error_us / 1000:,.1f} ms"


def leg_line(row: Mapping[str, Any]) -> str:
    """Say how one of two connections does: a row of `storage.queries.everyday.leg_figures`."""
    place = "in use" if row["in_use"] else "beside"
    return (
        f"leg {row['leg']}     {row['line']}, {place}: {row['frames'] or 0:,} frames in a minute, "
        f"{row['firsts'] or 0:,} first; in a day {row['holes_day']:,} holes of {row['lost_ids_day']:,} "
        f"ids, {row['ends_day']:,} ends; lead {lead_words(row)}"
    )


def lead_words(row: Mapping[str, Any]) -> str:
    """Say by how much a leg is ahead where it is first, median and 99th percentile."""
    if row["lead_p50_ms"] is None:
        return "not measured"
    return f"{row['lead_p50_ms']:,.1f} / {row['lead_p99_ms']:,.1f} ms"
