"""The flow ``analyze-signals``: from trusted books to typed signals."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.run_settings import settings_of_run
from flows.settings import Settings
from flows.tables import table_lines
from storage import queries
from storage.connect import connect


@flow(name="analyze-signals", persist_result=False)
async def analyze_signals(db: str | None = None, symbols: list[str] | None = None) -> State[Any]:
    """
    Look at the latest signals of ``symbols``; no model is set up yet, so none is asked.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        symbols: Which symbols, such as ["BTCUSDT"]. Empty: the setting symbols.
    """
    settings = settings_of_run({"db": db, "symbols": symbols})
    latest = await asyncio.to_thread(_latest, settings)
    log = get_run_logger()
    log.info("latest signals\n%s", "\n".join(table_lines(latest.columns, latest.rows)))
    return Completed(message=f"no model is set up: none of {len(settings.symbols)} symbols was asked about")


def _latest(settings: Settings) -> queries.Answer:
    with connect(settings.db) as con:
        return queries.latest_signals(con, settings.symbols)
