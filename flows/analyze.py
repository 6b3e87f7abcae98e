"""
The flow ``analyze-signals``: from trusted books to typed signals, by the models and the baselines.

What it does is `flows.signals.analysis`; here it gets a run that people see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.render.tables import table_lines
from leadline.flows.signals.models import open_models
from leadline.flows.signals.run import analysed, hosted, teller
from leadline.storage.signals.rows import Decision

COLUMNS = ("symbol", "model", "outcome", "direction", "confidence", "why")
ROWS_SHOWN = 60  # of one run's log


def _run_name() -> str:
    symbols = flow_run.parameters.get("symbols") or []
    named = " ".join(symbols[:5]) + (f" +{len(symbols) - 5}" if len(symbols) > 5 else "")  # noqa: PLR2004
    host = hosted.get()
    shock = "shock " if host is not None and host.analysis is not None else ""
    return f"analyze-signals {shock}{named}".strip()


@flow(name="analyze-signals", flow_run_name=_run_name, persist_result=False)
async def analyze_signals(
    db: str | None = None, symbols: list[str] | None = None, models: list[str] | None = None
) -> State[Any]:
    """
    Decide on every symbol, once within ``analyze_every_s``; fails only where no model could be set up.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        symbols: Which symbols, such as ["BTCUSDT"]. Empty: the setting symbols.
        models: Which models, such as ["deepseek-v3.2>gpt-4.1"]. Empty: the setting llm_models.
    """
    host = hosted.get()
    if host is None:
        settings = settings_of_run({"db": db, "symbols": symbols, "llm_models": models})
    else:
        settings = replace(host.settings, symbols=tuple(symbols or host.settings.symbols))
    if host is not None and host.analysis is not None:
        return _reported(await host.analysis)
    async with open_models(settings) as asked:
        decisions = await analysed(settings, asked, "schedule", tell=teller(settings.venue))
    if host is not None:
        host.decided.extend(decisions)
    state = _reported(decisions, asked.label)
    if asked.problem is not None and asked.chains:
        return Failed(message=f"no model could be asked: {asked.problem}")
    return state


def _reported(decisions: Sequence[Decision], label: str | None = None) -> State[Any]:
    log = get_run_logger()
    log.info("%s%s", said(decisions), f"; {label}" if label else "")
    log.info("\n%s", "\n".join(table_lines(COLUMNS, shown(decisions))))
    return Completed(message=said(decisions))


def said(decisions: Sequence[Decision]) -> str:
    """Say in one line what came of the models' part."""
    by_outcome = Counter(one.outcome for one in decisions if one.kind == "llm")
    outcomes = ", ".join(f"{n} {outcome}" for outcome, n in sorted(by_outcome.items()))
    baselines = sum(one.kind == "baseline" for one in decisions)
    if not decisions:
        return "nothing to decide: asked within this time already"
    return f"{outcomes or 'no model asked'}; {baselines} of the baselines"


def shown(decisions: Sequence[Decision]) -> list[list[Any]]:
    """Return the rows of a report, models first."""
    ordered = sorted(decisions, key=lambda one: (one.symbol, one.kind != "llm", one.model_requested))
    return [
        [one.symbol, one.lineage, one.outcome, one.direction, one.confidence, one.reason or one.reasoning]
        for one in ordered[:ROWS_SHOWN]
    ]
