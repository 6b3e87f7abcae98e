"""The flow ``certify-data``: for each symbol and day a certificate, as files and in one artifact."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from leadline.book.errors import BadInput
from leadline.flows.certificates.write import certify_to_files, folder_of, settled
from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.artifacts import show
from leadline.flows.prefect_ui.pages import Page
from leadline.flows.render.markdown import bold, plain, row
from leadline.storage.access.connect import connect
from leadline.storage.certificates.summary import DayCertificate, certify

KEY = "data-certificate"
ROWS_SHOWN = 200  # of one artifact; what is worst comes first
HASH_SHOWN = 12  # characters
DAY = dt.timedelta(days=1)

Market = tuple[str, str, dt.date]
Told = Mapping[str, Any]


@flow(name="certify-data", persist_result=False)
async def certify_data(db: str | None = None, days: int = 2) -> State[Any]:
    """
    Certify the last ``days`` days, today included, as the artifact ``data-certificate`` and as files.

    For each symbol and day a JSON and a page with plots are written to the folder ``certificates`` in
    export_to, else in the home folder. What is final and still says as much as the store is left alone.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        days: How many days back, today included: 1 or more.
    """
    if days < 1:
        raise BadInput(f"flow parameter: days = {days}: expected 1 or more")
    settings = settings_of_run({"db": db})
    found, files = await asyncio.to_thread(_certify, settings, days, dt.datetime.now(dt.UTC))
    said = summary(found)
    get_run_logger().info(said)
    await show([Page(KEY, said, markdown(found, said, files, folder_of(settings)))], flow_run.id)
    return Completed(message=said)


def _certify(
    settings: Settings, days: int, now: dt.datetime
) -> tuple[list[DayCertificate], dict[Market, Told]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    folder = folder_of(settings)
    with connect(settings.db) as con:
        found = certify(con, first=midnight - (days - 1) * DAY, until=midnight + DAY)
        files: dict[Market, Told] = {}
        for one in found:
            told = settled(folder, one.venue, one.symbol, one.day, diffs=one.diffs)
            if told is None:
                told = certify_to_files(
                    con, one.venue, one.symbol, one.day, folder=folder, now=dt.datetime.now(dt.UTC)
                ).told
            files[one.venue, one.symbol, one.day] = told
    return found, files


def summary(found: Sequence[DayCertificate]) -> str:
    """Say it in one line."""
    if not found:
        return "nothing was watched in these days"
    trusted_s, watched_s = sum(c.trusted_s for c in found), sum(c.watched_s for c in found)
    share = f"{100 * trusted_s / watched_s:.3f} %" if watched_s > 0 else "nothing"
    symbols = {(c.venue, c.symbol) for c in found}
    return (
        f"{share} of {watched_s / 3600:,.2f} symbol-hours trusted, {sum(c.gaps for c in found)} gaps, "
        f"{sum(c.diffs for c in found):,} diffs of {len(symbols)} symbols"
    )


def markdown(found: Sequence[DayCertificate], said: str, files: Mapping[Market, Told], folder: Path) -> str:
    """Return the certificates as a page, the least trusted first; ``files`` are those in ``folder``."""
    lines = [
        bold(said),
        "",
        f"Whole, with plots: {plain(f'{folder}/<venue>/<symbol>/<day>.html')}, and `.json` for programs. "
        "`leadline certify --verify FILE` holds one against the store.",
        "",
        "| day | venue | symbol | trusted | of watched | gaps | crossed | diffs stored | ended by "
        "| attested | content |",
        "|---|---|---|--:|--:|--:|--:|--:|---|--:|---|",
    ]
    worst = sorted(found, key=lambda c: (c.trusted_pct is None, c.trusted_pct, c.symbol))
    for c in worst[:ROWS_SHOWN]:
        share = "" if c.trusted_pct is None else f"{c.trusted_pct:.3f} %"
        cells = (
            c.day,
            c.venue,
            c.symbol,
            share,
            _hours(c.watched_s),
            c.gaps,
            c.crossed,
            f"{c.diffs:,}",
            c.causes,
            *_of_file(files.get((c.venue, c.symbol, c.day))),
        )
        lines.append(row(cells))
    if len(worst) > ROWS_SHOWN:
        lines += ["", f"… and {len(worst) - ROWS_SHOWN} more, trusted at least as far"]
    return "\n".join(lines)


def _of_file(told: Told | None) -> tuple[str, str]:
    """Return how far a day is attested, and its content hash, short, where the day is over."""
    if told is None:
        return "", ""
    attested = told["attestation"]["attested_pct"]
    content = str(told["content"]["sha256"])[:HASH_SHOWN]
    return "never" if attested is None else f"{attested:.3f} %", (
        "provisional" if told["is_provisional"] else content
    )


def _hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
