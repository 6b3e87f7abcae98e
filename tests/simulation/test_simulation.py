"""Short lives under virtual time keep the promises; one seed is one life; planted faults are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.grammar import GRAMMAR, Plan, draw_plan
from tests.simulation.life import live
from tests.simulation.lives import live_one
from tests.simulation.planted import PLANTED, planted
from tests.simulation.promises import PROMISES
from tests.simulation.report import Result, append, read, totals
from tests.simulation.shrink import shrink

LIVES = 11


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, LIVES + 1))
def test_every_promise_is_kept_in_a_short_life(seed: int, tmp_path: Path) -> None:
    plan = draw_plan(seed, is_short=True)
    result, _ = live_one(plan, "", is_short=True, every=False, keep=tmp_path)
    again = f"python -m tests.simulation --seed {seed} --short --shrink"
    assert not result.broken, f"{result.broken}\n{plan.words()}\n{again}"
    assert result.live_ids > 0


@pytest.mark.slow
def test_one_seed_is_one_life(tmp_path: Path) -> None:
    for seed in (3, 9):
        plan = draw_plan(seed, is_short=True)
        logs = [live(plan, tmp_path / str(n)).log for n in range(2)]
        assert logs[0] == logs[1]
        assert len(logs[0]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, fault in PLANTED.items() if fault.seed])
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    fault = PLANTED[name]
    plan = draw_plan(fault.seed, is_short=True)
    with planted(name):
        result, _ = live_one(plan, "", is_short=True, every=False, keep=tmp_path)
    assert set(result.broken) & fault.breaks, result.broken


def test_a_plan_is_data_and_a_seed_draws_it_again() -> None:
    for seed in range(200):
        plan = draw_plan(seed, is_short=bool(seed % 2))
        assert plan == draw_plan(seed, is_short=bool(seed % 2))
        assert Plan.from_json(plan.as_json()) == plan
        assert list(plan.moves) == sorted(plan.moves, key=lambda move: move.at_s)


def test_the_grammar_composes_every_kind_with_every_other() -> None:
    plans = [draw_plan(seed) for seed in range(2000)]
    pairs = {(a.kind, b.kind) for plan in plans for a in plan.moves for b in plan.moves if a is not b}
    assert {(a, b) for a in GRAMMAR for b in GRAMMAR} <= pairs


def test_shrinking_keeps_what_breaks_and_little_else() -> None:
    plan = draw_plan(11)
    needed = plan.moves[3:20:8]

    def breaks(smaller: Plan) -> bool:
        return all(move in smaller.moves for move in needed)

    small = shrink(plan, breaks, most_tries=500)
    assert small.moves == needed
    assert len(small.markets) <= len(plan.markets)


def test_results_are_kept_by_seed_and_code_and_sum_up(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    fine = Result(1, True, "now", 2.5, 10_000, 9_000, 40, 7, 6.5, "f", {"cut": 2, "restart": 1})
    bad = Result(
        2,
        True,
        "now",
        2.5,
        10_000,
        9_000,
        40,
        7,
        6.5,
        "f",
        {"cut": 1},
        {"rebuild": ["X at 7"]},
        ["quiet-pair"],
    )
    for result in (Result(1, True, "then", 0, 0, 0, 0, 0, 0, "", {}), fine, bad):
        append(file, result)
    with file.open("a") as half:
        half.write('{"seed": 3, "is_')
    kept = read(file, "now")
    assert kept == {(1, True): fine, (2, True): bad}
    said = totals(kept.values(), {"quiet-pair": "WAITING"})
    assert "2 lives, 5.0 symbol-hours, 20,000 diffs" in said
    assert "cut 3, restart 1" in said
    assert "not asked of 1 lives: quiet-pair (known: WAITING)" in said
    assert "BROKEN in 1 lives: rebuild" in said
    assert "seed 2: BROKEN rebuild" in bad.words()


def test_each_promise_that_is_off_says_why() -> None:
    assert all(promise.says for promise in PROMISES.values())
    assert any(not promise.off for promise in PROMISES.values())
