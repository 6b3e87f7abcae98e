"""
How soon a shock at the venue is an analysis: ten shocks, one after the other, over the symbols.

The stream runs under a worker, as it always does, and a model server here answers. Clocks are compared of
processes on one machine. Whether an analysis that comes late is refused is another matter, so none is.
"""

from __future__ import annotations

import itertools
import statistics
import time
from decimal import Decimal
from random import Random
from typing import Any

from tests.drills.counting_server import CountingServer
from tests.drills.scorecard import Card
from tests.drills.stage import DrillFailed, Stage, until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")  # their ticks are small: the venue's width is far beyond
TIMES = 10
BEGUN_S = 2.0  # from the venue's first wide message to the decision
LASTS_S = 3.0
APART_S = 8.0  # a symbol's turn comes again after its cool-down
WARM_S = 30.0  # the detector's warming and more than any decision looks back
CHOSEN = {
    "LEADLINE_LLM_PROVIDER": "holysheep",
    "LEADLINE_LLM_MODELS": "gpt-4.1",
    "HOLYSHEEP_API_KEY": "sk-not-a-real-key",
    "LEADLINE_SHOCK_WINDOW_S": "20",
    "LEADLINE_SHOCK_COOLDOWN_S": "20",
    # Only a spread can shock: the ordinary market never holds one this wide.
    "LEADLINE_SHOCK_IMBALANCE_SDS": "100",
    "LEADLINE_SHOCK_SPREAD_LEAST_BPS": "15",
    "LEADLINE_SHOCK_WITHIN_S": "60",
}
WARM = "SELECT count(DISTINCT symbol) FROM coverage WHERE ts_to > ts_from + to_seconds(CAST($s AS DOUBLE))"
ANSWERS = """
SELECT outcome, CAST(shock->>'ts_ns' AS BIGINT) AS seen_ns, epoch_ns(ts) AS begun_ns,
       epoch_ns(ts_arrival) AS answered_ns
FROM signals WHERE "trigger" = 'shock' AND kind = 'llm' AND symbol = $symbol
  AND CAST(shock->>'ts_ns' AS BIGINT) > $since_ns
"""
STEPS = ("venue to seen", "seen to begun", "begun to answered")
SUBFLOW = "analyze-signals shock"


def shocks(stage: Stage, card: Card) -> None:
    """Shock the symbols in turn; time each shock's way by the venue's ledger and the row."""
    ways: list[tuple[float, float, float]] = []
    with CountingServer(Decimal("0.000001"), Random(1), slow_s=0, odds={"ok": 1}) as server:
        stage.more_env = {**CHOSEN, "LEADLINE_LLM_BASE_URL": server.base_url}
        stage.deploy(every_s=None)
        stage.start_worker()
        run = stage.run_now()
        stage.wait_live()
        until(
            lambda: stage.sql(WARM, {"s": WARM_S})[0][0] == len(stage.settings.symbols),
            "the books are warm",
        )
        for symbol in itertools.islice(itertools.cycle(SYMBOLS), TIMES):
            began = time.monotonic()
            ways.append(_one(stage, symbol))
            seen_s, begun_s, answered_s = ways[-1]
            card.note(f"{symbol}: seen, begun, answered, s", f"{seen_s:.3f} {begun_s:.3f} {answered_s:.3f}")
            time.sleep(max(0.0, began + APART_S - time.monotonic()))
        until(lambda: len(_shown(stage)) >= TIMES, "every shock's sub-flow is COMPLETED")
        completed = _shown(stage)
        stage.leadline("stop")
    stage.final(run)
    for name, each in zip(STEPS, zip(*ways, strict=True), strict=True):
        card.note(f"{name}, s (median, most)", f"{statistics.median(each):.3f} {max(each):.3f}")
    card.most("venue to begun, s (most)", max(seen + begun for seen, begun, _ in ways), BEGUN_S)
    card.same("shocks answered", len(ways), TIMES)
    card.same("sub-flows of them completed", sum(_of(run["name"]) in SYMBOLS for run in completed), TIMES)


def _one(stage: Stage, symbol: str) -> tuple[float, float, float]:
    """Shock one symbol; return the seconds to seen, from there to begun, to answered."""
    since_ns = time.time_ns()
    stage.venue.inject({"kind": "shock", "symbol": symbol, "seconds": LASTS_S, "text": "spread"})

    def answered() -> tuple[Any, ...] | None:
        rows = stage.sql(ANSWERS, {"symbol": symbol, "since_ns": since_ns})
        return rows[0] if rows and rows[0][-1] is not None else None

    outcome, *seen_on = until(answered, f"{symbol}: a signal")
    if outcome != "ok":
        raise DrillFailed(f"{symbol}: expected an answer, the row says {outcome}")
    faults = [each for each in stage.venue.get("ledger")["faults"] if each.get("symbol") == symbol]
    first, second, third = (
        (b - a) / 1e9 for a, b in itertools.pairwise((faults[-1]["hits"][0]["at_ns"], *seen_on))
    )
    return first, second, third


def _of(name: str) -> str:
    return name.removeprefix(SUBFLOW).strip()


def _shown(stage: Stage) -> list[dict[str, Any]]:
    wanted = {"flow_runs": {"name": {"like_": SUBFLOW}, "state": {"type": {"any_": ["COMPLETED"]}}}}
    return stage.ask("/flow_runs/filter", wanted)
