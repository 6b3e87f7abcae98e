"""
The flow ``analyze-signals``: from trusted books to typed signals, by the models and the baselines.

`flows.signals.analysis` does the work; the flow makes it a run in Prefect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.flows.render.tables import table_lines
from leadline.flows.signals.models import open_models
from leadline.flows.signals.run import analyse, event_emitter, plan_of
from leadline.storage.signals.rows import Decision
from leadline.storage.symbols.watchlist import symbols_to_stream

AnalysisFlow: TypeAlias = Callable[..., Coroutine[Any, Any, State[Any]]]

NAME = "analyze-signals"
NAMED = 5  # symbols in a run's name
COLUMNS = ("symbol", "model", "outcome", "direction", "confidence", "why")
ROWS_SHOWN = 60  # of one run's log


def _run_name(prefix: str = "") -> str:
    symbols = flow_run.parameters.get("symbols") or []
    named = " ".join(symbols[:NAMED]) + (f" +{len(symbols) - NAMED}" if len(symbols) > NAMED else "")
    return f"{NAME} {prefix}{named}".strip()


@flow(name=NAME, flow_run_name=_run_name, persist_result=False)
async def analyze_signals(
    db: str | None = None, symbols: list[str] | None = None, models: list[str] | None = None
) -> State[Any]:
    """
    Decide on every symbol, once within ``analyze_every_s``; fails only if no model could be set up.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        symbols: Which symbols, such as ["BTCUSDT"]. Empty: those that are streamed.
        models: Which models, such as ["deepseek-v3.2>gpt-4.1"]. Empty: the setting llm_models.
    """
    settings = settings_of_run({"db": db, "symbols": symbols, "llm_models": models})
    if symbols is None:
        streamed = symbols_to_stream(settings.db, settings.venue, settings.symbols)
        settings = replace(settings, symbols=streamed)
    return await _analyse(settings, [])


def analysis_flow(settings: Settings, decided: list[Decision]) -> AnalysisFlow:
    """Return the flow as a program runs it in its own process; it adds its decisions to ``decided``."""

    @flow(name=NAME, flow_run_name=_run_name, persist_result=False)
    async def analyze_here(db: str, symbols: list[str]) -> State[Any]:  # noqa: ARG001 - shown by Prefect
        return await _analyse(replace(settings, symbols=tuple(symbols)), decided)

    return analyze_here


def report_flow(analysis: Awaitable[list[Decision]]) -> AnalysisFlow:
    """Return the flow that reports an analysis of shocks which is under way already."""

    @flow(name=NAME, flow_run_name=partial(_run_name, "shock "), persist_result=False)
    async def report_analysis(db: str, symbols: list[str]) -> State[Any]:  # noqa: ARG001 - shown by Prefect
        return _reported(await analysis)

    return report_analysis


async def _analyse(settings: Settings, decided: list[Decision]) -> State[Any]:
    async with open_models(settings) as models:
        plan = plan_of(settings, models, "schedule")
        made = await analyse(settings, models, plan, emit=event_emitter(settings.venue))
    decided += made
    state = _reported(made, models.label)
    if models.problem is not None and models.chains:
        return Failed(message=f"no model could be asked: {models.problem}")
    return state


def _reported(decisions: Sequence[Decision], label: str | None = None) -> State[Any]:
    log = get_run_logger()
    log.info("%s%s", summary(decisions), f"; {label}" if label else "")
    log.info("\n%s", "\n".join(table_lines(COLUMNS, shown(decisions))))
    return Completed(message=summary(decisions))


def summary(decisions: Sequence[Decision]) -> str:
    """Return in one line how the models' part came out."""
    by_outcome = Counter(one.outcome for one in decisions if one.kind == "llm")
    outcomes = ", ".join(f"{n} {outcome}" for outcome, n in sorted(by_outcome.items()))
    baselines = sum(one.kind == "baseline" for one in decisions)
    if not decisions:
        return "nothing to decide: every question was asked within this time already"
    return f"{outcomes or 'no model asked'}; {baselines} of the baselines"


def shown(decisions: Sequence[Decision]) -> list[list[Any]]:
    """Return the rows of a report, models first."""
    ordered = sorted(decisions, key=lambda one: (one.symbol, one.kind != "llm", one.model_requested))
    return [
        [one.symbol, one.lineage, one.outcome, one.direction, one.confidence, one.reason or one.reasoning]
        for one in ordered[:ROWS_SHOWN]
    ]
