"""The flow ``maintain-store``: drops what is older than the settings say."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.settings import load
from storage import retention


@flow(name="maintain-store", persist_result=False)
async def maintain_store(db: str | None = None, keep_days: float | None = None) -> State[Any]:
    """Drop rows older than ``keep_days``; what a later book needs of older seeds is kept."""
    settings = load({"db": db, "keep_days": keep_days})
    dropped = await asyncio.to_thread(retention.prune, settings.db, settings.keep_days)
    said = ", ".join(f"{rows:,} of {table}" for table, rows in dropped.items() if rows) or "nothing"
    get_run_logger().info("older than %g days, dropped: %s", settings.keep_days, said)
    return Completed(message=f"dropped {said}")
