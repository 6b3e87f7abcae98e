"""Shocks: transcripts of looks, and a script of markets held against a plain statement of the rules."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from leadline.book.analytics.shock import CALM, LEAST_LOOKS, TO_SD, Past, Shock, ShockDetector, ShockRules
from leadline.book.errors import BadInput

RULES = ShockRules(window_s=20, warmup_s=10, cooldown_s=15)
LOOK_S = 0.5
Look = tuple[float, float]  # imbalance, spread in bps


def shocks(
    looks: Iterable[Look], rules: ShockRules = RULES, *, epochs: Iterable[int] | None = None
) -> list[tuple[int, Shock]]:
    """Return the shocks and at which look each was told."""
    detector, found = ShockDetector(rules), []
    of = iter(epochs) if epochs is not None else None
    for n, (imbalance, spread_bps) in enumerate(looks):
        epoch = 1 if of is None else next(of)
        shock = detector.look(
            n * LOOK_S, epoch=epoch, last_id=n, ts_ns=n * 10**9, imbalance=imbalance, spread_bps=spread_bps
        )
        if shock is not None:
            found.append((n, shock))
    return found


def calm(n: int) -> list[Look]:
    """Looks at a market that moves a little: the median of the imbalance is 0, its deviation 0.1."""
    return [((-0.1, 0.0, 0.1)[k % 3], 1.0 + 0.1 * (k % 2)) for k in range(n)]


ODD = (0.95, 1.0)
WIDE = (0.0, 12.0)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param(calm(200), [], id="calm"),
        pytest.param([*calm(30), ODD], [(30, "imbalance")], id="imbalance"),
        pytest.param([*calm(30), (-0.95, 1.0)], [(30, "imbalance")], id="asks-outweigh"),
        pytest.param([*calm(30), WIDE], [(30, "spread")], id="spread"),
        pytest.param([*calm(30), (0.0, 0.01)], [], id="a-narrow-spread-is-none"),
        pytest.param([*calm(30), (0.95, 40.0)], [(30, "spread")], id="both-at-once-are-one"),
        pytest.param([*calm(20), ODD], [], id="too-early: 20 looks span 9.5 s"),
        pytest.param([*calm(21), ODD], [(21, "imbalance")], id="early-enough"),
        pytest.param([*calm(30), *[ODD] * 40], [(30, "imbalance")], id="one-that-lasts-is-one"),
        pytest.param([*calm(30), ODD, *calm(3), ODD], [(30, "imbalance")], id="cool-down"),
        pytest.param(
            [*calm(30), ODD, *calm(3), *[WIDE] * 30], [(30, "imbalance")], id="cool-down-of-either-kind"
        ),
        pytest.param(
            [*calm(30), ODD, *calm(29), ODD], [(30, "imbalance"), (60, "imbalance")], id="the-next"
        ),
    ],
)
def test_transcript(looks: list[Look], told: list[tuple[int, str]]) -> None:
    assert [(n, shock.kind) for n, shock in shocks(looks)] == told


@pytest.mark.parametrize(
    ("out", "between", "told"),
    [
        pytest.param(WIDE, (0.0, 4.0), [30], id="spread: 4 bps is over half way"),
        pytest.param(WIDE, (0.0, 3.0), [30, 32], id="spread: 3 bps is calm"),
        pytest.param(ODD, (0.55, 1.0), [30], id="imbalance: over half way"),
        pytest.param(ODD, (0.40, 1.0), [30, 32], id="imbalance: calm"),
    ],
)
def test_a_shock_is_over_at_half_of_the_threshold(out: Look, between: Look, told: list[int]) -> None:
    """Without a cool-down, which would hide it."""
    rules = replace(RULES, cooldown_s=0)
    assert [n for n, _ in shocks([*calm(30), out, between, out], rules)] == told


def test_a_shock_says_what_it_was() -> None:
    [(_, shock)] = shocks([*calm(30), ODD])
    assert (shock.value, shock.typical, shock.epoch, shock.last_id, shock.ts_ns) == (
        0.95,
        0.0,
        1,
        30,
        30 * 10**9,
    )
    assert shock.threshold == pytest.approx(6 * TO_SD * 0.1)
    assert shock.times == pytest.approx(0.95 / shock.threshold)
    [(_, shock)] = shocks([*calm(30), WIDE])
    assert (shock.value, shock.typical) == (12.0, 1.05)
    assert shock.threshold == pytest.approx(4 * 1.05)


def test_a_market_that_always_swings_has_no_shock_of_imbalance() -> None:
    swings = [((-0.6, 0.0, 0.6)[k % 3], 1.0) for k in range(60)]
    assert shocks([*swings, (1.0, 1.0)]) == []


def test_a_spread_of_a_tick_is_no_shock_at_five() -> None:
    assert shocks([*[(0.0, 0.01)] * 40, (0.0, 0.05)]) == []
    assert [n for n, _ in shocks([*[(0.0, 0.01)] * 40, (0.0, 2.02)])] == [40]


def test_another_epoch_begins_anew() -> None:
    looks = [*calm(60), ODD]
    assert shocks(looks, epochs=[*[1] * 45, *[2] * 16]) == []
    assert [n for n, _ in shocks(looks, epochs=[*[1] * 30, *[2] * 31])] == [60]


def test_what_left_live_is_warmed_again() -> None:
    detector = ShockDetector(RULES)

    def looked(n: int, look: Look) -> Any:
        return detector.look(n * LOOK_S, epoch=1, last_id=n, ts_ns=0, imbalance=look[0], spread_bps=look[1])

    assert [looked(n, look) for n, look in enumerate(calm(30))] == [None] * 30
    detector.leave()
    assert looked(31, ODD) is None


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"window_s": 0}, "window_s: expected more than 0, got 0"),
        ({"imbalance_sds": -1}, "imbalance_sds: expected more than 0, got -1"),
        ({"imbalance_least": float("nan")}, "imbalance_least: expected more than 0, got nan"),
        ({"spread_least_bps": 0}, "spread_least_bps: expected more than 0, got 0"),
        ({"warmup_s": 61}, "warmup_s: expected 0 … 60, got 61"),
        ({"spread_ratio": 1}, "spread_ratio: expected more than 1, got 1"),
        ({"cooldown_s": -1}, "cooldown_s: expected 0 or more, got -1"),
    ],
)
def test_rules_that_cannot_be(given_: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ShockRules(**given_)


# -- a script of markets -------------------------------------------------------------------------------

# c: calm, o: bids outweigh, w: wide, h: half way, e: another epoch. Repeated letters weigh more.
SCRIPT = st.text("cccccccccccccccccccccoowwhhe", min_size=30, max_size=160)


@given(SCRIPT, st.sampled_from([0.0, 4.0, 15.0]))
def test_rules_hold_in_every_market(script: str, cooldown_s: float) -> None:
    """The rules as a plain program says them, with nothing kept sorted and nothing saved."""
    rules = ShockRules(window_s=20, warmup_s=10, cooldown_s=cooldown_s)
    ordinary = calm(len(script))
    values = {"o": ODD, "w": WIDE, "h": (0.55, 3.6)}
    looks = [values.get(letter, ordinary[n]) for n, letter in enumerate(script)]
    epochs = [1 + script[: n + 1].count("e") for n in range(len(script))]
    found = shocks(looks, rules, epochs=epochs)
    event(f"shocks: {len(found)}")

    expected, in_shock, quiet_until = [], set[str](), -1.0
    for n, look in enumerate(looks):
        if n and epochs[n] != epochs[n - 1]:
            in_shock.clear()
        begun = []
        for at, kind in enumerate(("imbalance", "spread")):
            past = [looks[k][at] for k in range(n) if epochs[k] == epochs[n] and (n - 1 - k) * LOOK_S <= 20]
            if len(past) < LEAST_LOOKS or (len(past) - 1) * LOOK_S < 10:
                continue
            typical = statistics.median(past)
            sd = TO_SD * statistics.median(abs(x - typical) for x in past)
            threshold = max(6 * sd, 0.5) if kind == "imbalance" else max(4 * typical, 2.0)
            away = abs(look[at] - typical) if kind == "imbalance" else look[at] - typical
            if away >= threshold and kind not in in_shock:
                in_shock.add(kind)
                begun.append((away / threshold, kind))
            elif away < CALM * threshold:
                in_shock.discard(kind)
        if begun and n * LOOK_S >= quiet_until:
            expected.append((n, max(begun)[1]))
            quiet_until = n * LOOK_S + cooldown_s
    assert [(n, shock.kind) for n, shock in found] == expected
    assert all(shock.times >= 1 for _, shock in found)
    assert all(b - a >= cooldown_s / LOOK_S for (a, _), (b, _) in pairwise(found))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=80), st.sampled_from([1.0, 5.0, 100.0]))
def test_the_past_is_what_a_list_would_be(values: list[float], window_s: float) -> None:
    past = Past(window_s)
    for n, value in enumerate(values):
        past.add(n * LOOK_S, value)
        kept = [values[k] for k in range(n + 1) if (n - k) * LOOK_S <= window_s]
        assert (len(past), past.span_s) == (len(kept), (len(kept) - 1) * LOOK_S)
        centre = statistics.median(kept)
        assert past.median() == centre
        assert past.deviation() == pytest.approx(TO_SD * statistics.median(abs(v - centre) for v in kept))
