"""The flow ``score-signals``: what followed each signal, and what models, prompts and rules were worth."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.artifacts import show
from leadline.flows.prefect_ui.pages import Page, table
from leadline.flows.render.markdown import bold, plain
from leadline.flows.scores.report import (
    HEAD,
    Report,
    headlines,
    lines,
    look,
    notes,
    parts,
    score_signals_of,
    table_rows,
    whole,
)
from leadline.storage.access.connect import connect

KEY = "leadline-scores"


@flow(name="score-signals", persist_result=False)
async def score_signals(db: str | None = None, days: float | None = None) -> State[Any]:
    """
    Score the signals of the last ``days`` as the artifact ``leadline-scores``; only closed windows count.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        days: How many days back. Empty: the setting score_days.
    """
    settings = settings_of_run({"db": db, "score_days": days})
    labelled, found = await asyncio.to_thread(_score, settings, dt.datetime.now(dt.UTC))
    log = get_run_logger()
    log.info("%s", "\n".join(lines(found)))
    said = f"{headlines(found)[0]}; {told(labelled)}"
    await show([Page(KEY, headlines(found)[0], markdown(found))], flow_run.id)
    return Completed(message=said)


def _score(settings: Settings, now: dt.datetime) -> tuple[Counter[str], Report]:
    with connect(settings.db, write=True) as con:
        labelled = score_signals_of(con, settings, now)
        return labelled, look(con)


def told(labelled: Counter[str]) -> str:
    """Say what came of the windows that closed since the run before."""
    if not labelled:
        return "no window has closed since"
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(labelled.items()) if why != "ok")
    return f"{labelled['ok']} windows measured" + (f"; without a return: {dropped}" if dropped else "")


def markdown(found: Report) -> str:
    """Return the scores as a page for the Prefect UI."""
    made = [bold(line) for line in headlines(found)]
    if not found.is_empty:
        made += ["", *table(HEAD, table_rows(whole(found)))]
        cells = parts(found)
        if cells:
            head = ("symbol", "regime", *HEAD[:-1])
            rows = [
                [row["symbol"], row["regime"], *cell[:-1]]
                for row, cell in zip(cells, table_rows(cells), strict=True)
            ]
            made += ["", "by symbol and regime, what says most first", "", *table(head, rows)]
        made += ["", *(f"- {plain(note)}" for note in notes(found))]
    return "\n".join(made)
