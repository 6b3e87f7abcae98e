"""
Shocks of a stream's books: detected continuously, sent as events, answered by an analysis at once.

    every shock_look_s    feed ── samples ──> detectors (book/analytics/shock.py)
                                                 │ a shock
                                                 ├──> event leadline.shock
                                                 └──> analysis, here and now ──> rows of signals
                                                         └ shown as a sub-flow analyze-signals

The analysis does not wait for Prefect. The sub-flow only waits for the analysis and reports it, so that
with the API away the rows are the same and only the run is missing. Everything runs on a loop of its own,
and takes only the best levels from the feed: some 60 µs a book, so 300 books twice a second cost 4 % of a
core (and the detectors 1 %). The limits of every analysis apply (rate, budgets, asked once); in addition:
one analysis at a time per book, one within its cool-down, none that would begin too late.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import duckdb

from leadline.book.analytics.shock import Shock, ShockDetector, ShockRules
from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import DepthSample
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.changes import BookChange
from leadline.flows.signals.models import open_models, shared_model, why_not_ready
from leadline.flows.signals.run import analyse, event_emitter, plan_of
from leadline.flows.streaming.host import StreamHost
from leadline.storage.signals.rows import Decision

log = logging.getLogger("leadline.shocks")

Show: TypeAlias = Callable[[Settings, "asyncio.Future[list[Decision]]", list[str]], Awaitable[None]]

LEVELS = 10  # on a side, for the imbalance
SLACK_S = 15.0  # how much longer than the analysis its report may take


def rules_of(settings: Settings) -> ShockRules:
    """Return the detector's rules from the settings."""
    return ShockRules(
        window_s=settings.shock_window_s,
        warmup_s=settings.shock_window_s / 2,
        imbalance_sds=settings.shock_imbalance_sds,
        imbalance_least=settings.shock_imbalance_least,
        spread_ratio=settings.shock_spread_ratio,
        spread_least_bps=settings.shock_spread_least_bps,
        cooldown_s=settings.shock_cooldown_s,
    )


class ShockWatch:
    """
    Watches the books of one stream; `run` until `stop`.

    ``note`` takes a change that becomes an event, ``show`` shows an analysis in Prefect while it runs.
    """

    def __init__(self, host: StreamHost, note: Callable[[BookChange], None], show: Show) -> None:
        self.settings = host.settings
        self.shocks = 0  # seen
        self.decided: list[Decision] = []
        self.shown = 0  # analyses that Prefect showed
        self._host = host
        self._note = note
        self._show = show
        self._rules = rules_of(host.settings)
        self._detectors: dict[str, ShockDetector] = {}
        self._under_way: dict[str, asyncio.Task[list[Decision]]] = {}
        self._jobs: set[asyncio.Task[Any]] = set()
        self._over = threading.Event()

    def stop(self) -> None:
        """Stop looking; `run` ends when the analyses under way have ended."""
        self._over.set()

    async def run(self) -> None:
        """Look at every interval. Raises nothing that a book, the store, a model or Prefect causes."""
        async with self._model():
            while not await asyncio.to_thread(self._over.wait, self.settings.shock_look_s):
                try:
                    samples = await asyncio.to_thread(self._host.top_levels, LEVELS)
                except LeadlineError as exc:
                    log.warning(
                        "no look at the books: %s", exc
                    )  # the stream itself reports it if it matters
                    continue
                if shocks := self._look(samples):
                    await self._answer(shocks)
            while self._jobs:
                await asyncio.wait(self._jobs)

    @contextlib.asynccontextmanager
    async def _model(self) -> AsyncIterator[None]:
        """Keep the embedded model ready if the settings want it to answer shocks at any time."""
        with contextlib.ExitStack() as stack:
            if self.settings.shock_analysis == "on":
                try:
                    await asyncio.to_thread(stack.enter_context, shared_model(self.settings))
                except LeadlineError as exc:
                    log.warning("shocks: %s", exc)  # each analysis will say so in its row
            yield

    def _look(self, samples: list[DepthSample]) -> dict[str, Shock]:
        now_s, found = time.monotonic(), dict[str, Shock]()
        for sample in samples:
            symbol = self._host.markets[sample.book].symbol
            detector = self._detectors.setdefault(symbol, ShockDetector(self._rules))
            if not sample.trusted or sample.imbalance is None or sample.spread_bps is None:
                detector.leave()
                continue
            shock = detector.look(
                now_s,
                epoch=sample.epoch,
                last_id=sample.last_id,
                ts_ns=sample.ts_ns,
                imbalance=sample.imbalance,
                spread_bps=sample.spread_bps,
            )
            if shock is not None:
                found[symbol] = shock
        return found

    async def _answer(self, shocks: Mapping[str, Shock]) -> None:
        self.shocks += len(shocks)
        why_not = await asyncio.to_thread(why_not_ready, self.settings)
        chosen: dict[str, Shock] = {}
        for symbol, shock in shocks.items():
            refusal = why_not or ("the previous one is under way" if symbol in self._under_way else "")
            if not refusal:
                chosen[symbol] = shock
            detail = shock_payload(symbol, shock, refusal)
            self._note(BookChange("shock", symbol, 1, detail))
            log.info("%s: a shock of its %s: %s", symbol, shock.kind, detail)
        if chosen:
            analysis = self._start(self._analyse(chosen), f"shock {' '.join(chosen)}")
            self._under_way |= dict.fromkeys(chosen, analysis)
            analysis.add_done_callback(lambda _: [self._under_way.pop(symbol) for symbol in chosen])
            self._start(self._report(analysis, list(chosen)), "report of a shock")

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def _analyse(self, shocks: Mapping[str, Shock]) -> list[Decision]:
        """Analyse and store, with or without Prefect; a failure is logged here and raised to the report."""
        settings = self.settings
        try:
            await asyncio.to_thread(
                self._host.feed.flush
            )  # so that the store has the book that showed the shock
            async with open_models(settings) as models:
                plan = replace(
                    plan_of(settings, models, "shock", list(shocks)),
                    bucket_s=settings.shock_cooldown_s,
                    shocks=shocks,
                    within_s=settings.shock_within_s,
                )
                decisions = await analyse(settings, models, plan, emit=event_emitter(settings.venue))
        except (LeadlineError, duckdb.Error) as exc:
            log.warning("%s: the shock could not be analysed: %s", " ".join(shocks), exc)
            raise
        self.decided.extend(decisions)
        return decisions

    async def _report(self, analysis: asyncio.Task[list[Decision]], symbols: list[str]) -> None:
        """Show the analysis in Prefect as a sub-flow; the rows do not need it."""
        try:
            async with asyncio.timeout(self.settings.llm_deadline_s + SLACK_S):
                await self._show(self.settings, asyncio.shield(analysis), symbols)
            self.shown += 1
        except Exception as exc:  # noqa: BLE001 - the rows are safe; Prefect may be away
            log.warning("analyze-signals of a shock could not be shown: %s %s", type(exc).__name__, exc)


def shock_payload(symbol: str, shock: Shock, why_not: str) -> dict[str, Any]:
    """Return the payload of a shock's event."""
    return {
        "symbol": symbol,
        "kind": shock.kind,
        "value": shock.value,
        "typical": shock.typical,
        "threshold": shock.threshold,
        "unit": "bps" if shock.kind == "spread" else "-1 … 1",
        "update_id": shock.last_id,
        "analysis": f"none: {why_not}" if why_not else "begun",
    }
