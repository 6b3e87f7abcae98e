"""The demo as people run it; and that its proofs can fail."""

from __future__ import annotations

import json
import signal
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.demo.proofs import Comparison, proof_of
from leadline.flows.demo.run import demo_venue
from leadline.storage.queries.invariants import SeedRange
from tests.demo import DemoRun
from tests.flows.commands import environ, finish, start
from tests.flows.waiting import until

PROOFS = 11


def children_of(folder: Path) -> str:
    """Name the processes that work in ``folder``."""
    ran = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    pids = [line.split()[0] for line in ran.stdout.splitlines()[1:]]
    here = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/cwd").readlink() == folder:
                here.append(pid)
        except OSError:
            continue
    return " ".join(here)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_proves_what_it_claims(demo: DemoRun) -> None:
    said = demo.said
    assert said.code == 0, said.out + said.err
    told = json.loads(said.out)
    assert told["holds"] is True
    assert len(told["proofs"]) == PROOFS
    assert {proof["holds"] for proof in told["proofs"]} == {True}
    assert told["rows"]["depth_diffs"] > 300
    assert told["rows"]["signals"] > 0
    assert (told["rows"]["llm_calls"] > 1) == (" plumbing model" in said.err)
    assert "in a second shell, while it runs:" in said.err
    assert "Traceback" not in said.err
    until(lambda: not children_of(demo.folder), "all children are gone")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_demo_stopped_early_proves_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "demo", "--seconds", "300", env=environ())
    try:
        until((tmp_path / "demo.duckdb.quack.json").exists, "the demo streams", timeout_s=150)
        process.send_signal(signal.SIGINT)
        said = finish(process)
    finally:
        process.kill()
    assert said.code == 1
    assert "stopped early" in said.err
    assert "nothing was proved" in said.err
    until(lambda: not children_of(tmp_path), "all children are gone")


def test_nothing_compared_proves_nothing() -> None:
    assert not proof_of("c", [], 0, "fine").holds
    assert proof_of("c", [], 3, "fine").holds
    assert not proof_of("c", ["x"], 3, "fine").holds


class Known:
    """The truth of one book."""

    def __init__(self, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
        self.book = _book(bids), _book(asks)

    def at(self, symbol: str, update_id: int) -> Any:
        return self.book


def _book(levels: list[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(qty)) for price, qty in levels]


@pytest.mark.parametrize(
    ("seed", "ours", "equal"),
    [
        pytest.param(SeedRange(1, 9, 2, 1), ["3", "2", "1"], True, id="all-levels"),
        pytest.param(SeedRange(1, 9, 2, 1), ["3", "2"], False, id="a-level-is-missing"),
        pytest.param(SeedRange(2, 9, 100, 1), ["3", "2"], True, id="beyond-the-cut-nobody-knows"),
        pytest.param(SeedRange(2, 9, 100, 1), ["3"], False, id="missing-inside-the-cut"),
    ],
)
def test_books_are_compared_where_their_seed_can_vouch(
    monkeypatch: pytest.MonkeyPatch, seed: SeedRange, ours: list[str], equal: bool
) -> None:
    from leadline.flows.demo import proofs

    monkeypatch.setattr(proofs.audit, "seed_ranges", lambda con: {("v", "S", 1): seed})
    truth = Known([("3", "1"), ("2", "1"), ("1", "1")], [("9", "1")])
    comparison = Comparison(truth, proofs.Certified(None, "loopback-spot"))  # type: ignore[arg-type]
    comparison.compare("v", "S", 1, 5, (_book([(price, "1") for price in ours]), _book([("9", "1")])))
    assert (not comparison.wrong) == equal


@pytest.mark.parametrize(
    ("venue", "asked", "shown"),
    [
        ("loopback-bybit-linear", True, "loopback-bybit-linear"),
        ("loopback-usdm", False, "loopback-usdm"),
        ("binance-spot", False, "loopback-spot"),
    ],
)
def test_the_demo_runs_on_the_built_in_venue_asked_for(venue: str, asked: bool, shown: str) -> None:
    assert demo_venue(Settings(venue=venue), asked=asked) == shown


def test_the_demo_refuses_a_real_venue_by_name() -> None:
    with pytest.raises(BadSetting, match="runs on a built-in one, loopback-…, got bybit-spot"):
        demo_venue(Settings(venue="bybit-spot"), asked=True)


@pytest.mark.parametrize(
    ("equal", "misses", "holds"),
    [(15, 0, True), (15, 1, False), (0, 0, False)],
    ids=["all-agree", "one-differs", "nothing-was-compared"],
)
def test_tops_with_ids_of_their_own_are_proved_by_what_was_attested(
    monkeypatch: pytest.MonkeyPatch, equal: int, misses: int, holds: bool
) -> None:
    from leadline.flows.demo import proofs

    monkeypatch.setattr(proofs.audit, "attested", lambda con: (equal, misses))
    assert proofs.attested(None).holds is holds  # type: ignore[arg-type]
