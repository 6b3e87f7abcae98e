"""The flow ``maintain-store``: drops what is older than the settings say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.settings import Settings, load
from storage import retention
from storage.connect import connect


@flow(name="maintain-store", persist_result=False)
async def maintain_store(db: str | None = None, keep_days: float | None = None) -> State[Any]:
    """
    Drop rows older than ``keep_days``; what a later book needs of older seeds is kept.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        keep_days: Rows received more days ago than this go, 0.01 or more. Empty: the setting.
    """
    settings = load({"db": db, "keep_days": keep_days}, origin="flow parameter")
    pruned = await asyncio.to_thread(_prune, settings)
    said = ", ".join(f"{rows:,} of {table}" for table, rows in pruned.rows.items() if rows) or "nothing"
    log = get_run_logger()
    log.info("older than %g days, dropped: %s", settings.keep_days, said)
    for word in pruned.unfollowed:
        log.warning("%s", word)
    return Completed(message=f"dropped {said}")


def _prune(settings: Settings) -> retention.Pruned:
    with connect(settings.db, write=True) as con:
        return retention.prune(con, keep_days=settings.keep_days, now=datetime.now(UTC))
