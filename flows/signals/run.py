"""One analysis, for a flow run, a stream or the demo."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.events import emit_event

from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.events import about_book
from leadline.flows.signals.analysis import Analyst, EmitEvent
from leadline.flows.signals.models import Models
from leadline.flows.signals.request import AnalysisPlan
from leadline.storage.access.jobs import Desk
from leadline.storage.signals.rows import Decision, Trigger


async def analyse(
    settings: Settings, models: Models, plan: AnalysisPlan, *, emit: EmitEvent | None = None
) -> list[Decision]:
    """Carry out ``plan`` on the database of the settings."""
    with Desk(settings.db) as desk:
        return await Analyst(desk, models.client, plan, problem=models.problem, emit=emit).run()


def plan_of(
    settings: Settings, models: Models, trigger: Trigger, symbols: Sequence[str] | None = None
) -> AnalysisPlan:
    """Make the plan of an analysis from the settings."""
    return AnalysisPlan(
        venue=settings.venue,
        symbols=tuple(symbols or settings.symbols),
        trigger=trigger,
        chains=models.chains,
        horizon_s=settings.signal_horizon_s,
        ttl_s=settings.signal_ttl_s,
        stale_s=settings.signal_stale_s,
        bucket_s=settings.analyze_every_s,
        deadline_s=settings.llm_deadline_s,
        side_by_side=min(settings.llm_side_by_side, models.at_once),
    )


def event_emitter(venue: str) -> EmitEvent:
    """Return what sends events about a book to Prefect; it waits for nothing and raises nothing."""

    def emit(event: str, symbol: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(Exception):  # Prefect may be away; the rows hold the same
            emit_event(event=event, resource=about_book(venue, symbol), payload=dict(payload))

    return emit
