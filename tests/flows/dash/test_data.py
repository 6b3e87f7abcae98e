"""Which light a market gets, and why."""

from __future__ import annotations

from typing import Any

import pytest

from leadline.flows.dash.data import Light, judged
from leadline.storage.queries.dashboard import Hole, MarketTrust
from tests.storage.signals.market import at

GAP = Hole("gap", 2, 1.5, 1.0)


def market(**rest: Any) -> MarketTrust:
    """A market that is covered without a hole and equal to the venue's word."""
    filled = {
        "venue": "loopback-spot", "symbol": "BTCUSDT", "watched_s": 60.0, "covered_s": 60.0,
        "covered_to": at(0), "ended_by": "", "state": "LIVE", "suspects": 0, "refuted": 0, "stales": 0,
        "checked": 1_000, "equal_id": 900, "mismatches": 0, "audited": 0, "audit_mismatches": 0,
    }  # fmt: skip
    return MarketTrust(**{**filled, **rest})


@pytest.mark.parametrize(
    ("given", "light", "reason"),
    [
        ({}, Light.GREEN, "1,000 checks against the venue's word, all equal"),
        ({"checked": 0}, Light.GREEN, "not held against the venue's word yet"),
        ({"ended_by": "stopped"}, Light.GREEN, "no hole"),
        ({"holes": (GAP,)}, Light.YELLOW, "updates missing: 2 times, 1.50 s, longest 1.00 s"),
        ({"mismatches": 3}, Light.YELLOW, "top of book unlike the venue's: 3 of 1,000 checks"),
        ({"audit_mismatches": 1, "audited": 40}, Light.YELLOW, "unlike the venue's snapshot: 1 of 40"),
        ({"ended_by": "gap"}, Light.RED, "not since 12:00:00: updates missing"),
        ({"ended_by": "crash"}, Light.RED, "its writer died"),
        ({"ended_by": "a new word"}, Light.RED, "a new word"),
        ({"covered_to": None, "state": "BUFFERING"}, Light.RED, "never trusted yet; its book is BUFFERING"),
        ({"silent_s": 16.0}, Light.RED, "no word from its stream since 12:00:00"),
        ({"silent_s": 14.0}, Light.GREEN, "no hole"),
    ],
)
def test_each_light_says_why(given: dict[str, Any], light: Light, reason: str) -> None:
    lit = judged(market(**given))
    assert lit.light is light
    assert reason in lit.reasons[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "trusted"),
        ({"holes": (GAP,)}, "trusted, with holes"),
        ({"ended_by": "stopped"}, "trusted, until 2026-05-28 12:00:00 UTC"),
        ({"ended_by": "stopped", "holes": (GAP,)}, "trusted, with holes, until 2026-05-28 12:00:00 UTC"),
        ({"ended_by": "gap"}, "not trusted"),
    ],
)
def test_a_market_that_is_watched_no_more_is_trusted_until_its_end(
    given: dict[str, Any], says: str
) -> None:
    assert judged(market(**given)).says == says


def test_a_red_one_tells_its_holes_besides() -> None:
    lit = judged(market(ended_by="silent", holes=(GAP,)))
    assert [lit.light, *lit.reasons] == [
        Light.RED, "not since 12:00:00: stream fell silent",
        "updates missing: 2 times, 1.50 s, longest 1.00 s",
    ]  # fmt: skip
