"""One analysis, whoever hosts it: a flow run, a stream or the demo."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from prefect.events import emit_event

from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.events import about_book
from leadline.flows.signals.analysis import Analyst, Tell
from leadline.flows.signals.models import Models
from leadline.flows.signals.request import Work
from leadline.storage.access.jobs import Desk
from leadline.storage.signals.rows import Decision, Trigger


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a program that runs the flow in its own process gives it, and gets back in ``decided``."""

    settings: Settings
    decided: list[Decision]
    analysis: Awaitable[list[Decision]] | None = None  # one that is under way: the flow only reports it


hosted: ContextVar[Hosted | None] = ContextVar("hosted_analysis", default=None)


async def analysed(
    settings: Settings,
    models: Models,
    trigger: Trigger,
    *,
    symbols: Sequence[str] | None = None,
    tell: Tell | None = None,
) -> list[Decision]:
    """Decide on ``symbols`` of the settings, whoever hosts it."""
    return await decided(settings, models, work_of(settings, models, trigger, symbols), tell=tell)


async def decided(
    settings: Settings, models: Models, work: Work, *, tell: Tell | None = None
) -> list[Decision]:
    """Do ``work`` on the database of the settings."""
    with Desk(settings.db) as desk:
        return await Analyst(desk, models.client, work, problem=models.problem, tell=tell).run()


def work_of(settings: Settings, models: Models, trigger: Trigger, symbols: Sequence[str] | None) -> Work:
    """Take from the settings what an analysis is to do."""
    return Work(
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


def teller(venue: str) -> Tell:
    """Return what sends events about a book to Prefect; whether it hears them holds nothing up."""

    def tell(event: str, symbol: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(Exception):  # Prefect may be away; the rows say the same
            emit_event(event=event, resource=about_book(venue, symbol), payload=dict(payload))

    return tell
