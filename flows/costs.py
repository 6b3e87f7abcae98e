"""
The flow ``track-costs``: what calls to models cost, the forecast, and warnings.

The sums are views (``spend_hourly``, ``spend_daily``), so an outcome that is booked late is in them at the
next query. The flow adds three things: it books orphaned holds as spent, shows the spend as a page, and
sends each warning as one event.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed

from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui import pages
from leadline.flows.prefect_ui.artifacts import show
from leadline.flows.spend.report import Spending, SpendWarning, lines, look
from leadline.storage.access.connect import connect
from leadline.storage.spend import ledger, prices, reports
from leadline.storage.spend.conflicts import retried


@flow(name="track-costs", persist_result=False)
async def track_costs(db: str | None = None, hours: int = 24) -> State[Any]:
    """
    Report the last ``hours``, the budgets and the forecast as the artifact ``leadline-spend``.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        hours: How many hours back the tables go.
    """
    settings = settings_of_run({"db": db})
    now = dt.datetime.now(dt.UTC)
    orphans, found, fresh = await asyncio.to_thread(_count, settings, now, hours)
    log = get_run_logger()
    log.info("%s", "\n".join(lines(found)))
    if orphans:
        log.warning("%d calls without an outcome; what was held for them is booked as spent", orphans)
    for warning in fresh:
        log.warning("%s", warning.said)
        send(warning)
    # Sent first, noted after: a run that dies between the two sends a warning twice rather than never.
    await asyncio.to_thread(_note, settings, fresh, now)
    page = pages.spend(found)
    await show([page], flow_run.id)
    return Completed(message=page.description)


def send(warning: SpendWarning) -> None:
    """Send one warning as an event; automations match its name and resource."""
    emit_event(
        event=warning.kind,
        resource={"prefect.resource.id": warning.resource, "prefect.resource.name": warning.subject},
        payload={**warning.payload, "said": warning.said},
    )


def _count(settings: Settings, now: dt.datetime, hours: int) -> tuple[int, Spending, list[SpendWarning]]:
    with connect(settings.db, write=True) as con:
        prices.seed(con)
        orphans = retried(lambda: ledger.expire(con, now=now))
        found = look(con, settings, now=now, hours=hours)
        fresh = [one for one in found.warnings if not reports.was_said(con, one.kind, one.subject)]
    return orphans, found, fresh


def _note(settings: Settings, warnings: Sequence[SpendWarning], now: dt.datetime) -> None:
    if warnings:
        with connect(settings.db, write=True) as con:
            for one in warnings:
                reports.note_said(con, one.kind, one.subject, now=now)
