"""The flow ``track-costs``: what calls to models have cost, by hour and by model."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.run_settings import settings_of_run
from flows.settings import Settings
from flows.tables import table_lines
from storage import queries
from storage.connect import connect


@flow(name="track-costs", persist_result=False)
async def track_costs(db: str | None = None, hours: int = 24) -> State[Any]:
    """
    Report the spend of the last ``hours`` by hour, and all of it by model.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        hours: How many hours back the report by hour goes.
    """
    settings = settings_of_run({"db": db})
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
    by_hour, by_model = await asyncio.to_thread(_spend, settings, since)
    log = get_run_logger()
    log.info("by hour\n%s", "\n".join(table_lines(by_hour.columns, by_hour.rows)))
    log.info("by model\n%s", "\n".join(table_lines(by_model.columns, by_model.rows)))
    calls = sum(row["calls"] for row in by_model.dicts())
    cost = sum(row["cost_usd"] or 0 for row in by_model.dicts())
    return Completed(message=f"{calls} calls, {cost:.6f} USD in all")


def _spend(settings: Settings, since: dt.datetime) -> tuple[queries.Answer, queries.Answer]:
    with connect(settings.db) as con:
        return queries.spend_by_hour(con, since=since), queries.spend_by_model(con)
