"""One life from plan to result: lived in a folder of its own, judged, and counted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.grammar import Plan, draw_plan
from tests.simulation.life import live
from tests.simulation.promises import PROMISES, judge
from tests.simulation.report import Result

MEMORY = Path("/dev/shm")


def live_one(
    plan: Plan, code: str, *, is_short: bool, every: bool, keep: Path | None = None
) -> tuple[Result, list[str]]:
    """Live a plan and judge it; return the result and the life's log."""
    began_s = time.process_time()
    folder = keep or Path(tempfile.mkdtemp(prefix="simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        seen = live(plan, folder)
        broken = judge(seen, every=every)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    not_asked = [name for name, one in PROMISES.items() if not every and one.off and one.meets(seen)]
    result = Result(
        seed=plan.seed,
        is_short=is_short,
        code=code,
        symbol_hours=round(len(plan.markets) * plan.life_s / 3600, 3),
        diffs=sum(len(said.diffs) for said in seen.venue.source.said.values()),
        live_ids=len(seen.held),
        rows=len(seen.acks),
        looks=len(seen.looks),
        cpu_s=round(time.process_time() - began_s, 2),
        fingerprint=seen.fingerprint(),
        faults=dict(Counter(seen.faults)),
        broken=broken,
        not_asked=not_asked,
    )
    return result, seen.log


def live_seed(seed: int, code: str, *, is_short: bool, every: bool) -> Result:
    try:
        return live_one(draw_plan(seed, is_short=is_short), code, is_short=is_short, every=every)[0]
    except Exception as exc:  # noqa: BLE001 - a life that cannot be lived is a finding too
        broken = {"no-traceback": [f"the life ended with {type(exc).__name__}: {exc}"]}
        return Result(seed, is_short, code, 0.0, 0, 0, 0, 0, 0.0, "", {}, broken)
