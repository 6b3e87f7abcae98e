"""
The flow ``tend-prefect``: keeps Prefect's own database small while a stream runs for a year.

Prefect's vacuum (set by `flows.local.prefect_server`, elsewhere by the server's settings) deletes events
and old top-level runs. It leaves everything below a running run, and a stream runs for long. So this flow
deletes through the API, in pages, and only what is ours and final:

    runs that ended ``keep_days`` ago, with sub-flows, task runs, logs, artifacts
    of runs still running: sub-flow and task runs that ended ``keep_hours`` ago
    runs that found a stream running (AlreadyRunning) and ended ``keep_hours`` ago
    versions of our artifacts older than ``keep_days``, but never the newest

A run that has not ended is never touched. At the end the file of a private server is compacted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import http
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx import HTTPStatusError
from prefect import flow, get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed

from leadline.book.errors import BadInput
from leadline.flows.config.names import FLOWS
from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.flows.local.prefect_server import database_file, running_private
from leadline.storage.errors import StoreError
from leadline.storage.lifecycle.sqlite_file import Compacted, compact

FINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
UNFINISHED = ["RUNNING", "PENDING", "CANCELLING", "PAUSED"]
PAGE = 50  # as many runs as the API deletes at once
# On SQLite every page is a write that others wait for; the pause lets them write.
PAUSE_S = 0.1
LEAST_H = 0.5
COMPACT_S = 120.0


@flow(name="tend-prefect", persist_result=False)
async def tend_prefect(
    keep_days: float = 7.0, keep_hours: float = 6.0, max_seconds: float = 900.0
) -> State[Any]:
    """
    Delete old runs, logs and artifacts of ours from Prefect, then compact a private server's file.

    Args:
        keep_days: Runs that ended more than this many days ago are deleted, with all that belongs to them.
        keep_hours: Of runs still running: sub-flow and task runs that ended this many hours ago are
            deleted; at least 0.5.
        max_seconds: Stop after this long; the next run goes on where this one stopped.
    """
    settings = settings_of_run({})
    log = get_run_logger()
    async with get_client() as client:
        cleaner = PrefectCleaner(
            client, keep_days=keep_days, keep_hours=keep_hours, max_seconds=max_seconds
        )
        await cleaner.clean()
    done = [cleaner.summary()]
    if (file := private_file(settings)) is not None:
        try:
            compacted = await asyncio.to_thread(_compact, file)
            done.append(compacted.said())
        except StoreError as exc:
            log.warning("not compacted: %s", exc)
    message = "; ".join(done)
    log.info(message)
    return Completed(message=message)


def _compact(file: Path) -> Compacted:
    return compact(file, most_s=COMPACT_S)


def private_file(settings: Settings) -> Path | None:
    """Return the file of the private server in the home folder, if that is the one this run uses."""
    running = running_private(settings.home)
    if running is None or running.rstrip("/") != str(PREFECT_API_URL.value() or "").rstrip("/"):
        return None
    file = database_file(settings.home)
    return file if file.exists() else None


@dataclass(slots=True)
class PrefectCleaner:
    """Deletes through one client; ``deleted`` counts by kind."""

    client: PrefectClient
    keep_days: float
    keep_hours: float
    max_seconds: float
    deleted: Counter[str] = field(default_factory=Counter)
    _until: float = 0.0

    def __post_init__(self) -> None:
        """Refuse times so short that they delete what people still look at."""
        if not self.keep_hours >= LEAST_H or not self.keep_days * 24 >= self.keep_hours:
            raise BadInput(
                f"keep_hours = {self.keep_hours:g}, keep_days = {self.keep_days:g}: expected hours from "
                f"{LEAST_H:g} and days that are at least as long"
            )

    async def clean(self, now: dt.datetime | None = None) -> None:
        """Delete all of it, until done or the time is over."""
        now = now or dt.datetime.now(dt.UTC)
        old, recent = now - dt.timedelta(days=self.keep_days), now - dt.timedelta(hours=self.keep_hours)
        self._until = time.monotonic() + self.max_seconds
        ours = {"flows": {"name": {"any_": list(FLOWS)}}}
        await self._runs({**ours, "flow_runs": {**_ended_before(old), **_in(FINAL)}})
        ticks = {**_ended_before(recent), "state": {"name": {"any_": ["AlreadyRunning"]}}}
        await self._runs({**ours, "flow_runs": ticks})
        for parent in await self._pages_of("/flow_runs/filter", {**ours, "flow_runs": _in(UNFINISHED)}):
            under = {"parent_flow_run_id": {"any_": [parent["id"]]}, **_ended_before(recent), **_in(FINAL)}
            await self._runs({"flow_runs": under})
            await self._task_runs(parent["id"], recent)
        await self._artifacts(old)

    def summary(self) -> str:
        """Return in a few words what was deleted."""
        counts = ", ".join(f"{n:,} {kind}" for kind, n in self.deleted.items() if n)
        more = "" if self._has_time() else "; the time is over, the next run goes on"
        return f"deleted {counts or 'nothing'}{more}"

    async def _runs(self, wanted: dict[str, Any]) -> None:
        await self._until_empty("/flow_runs/filter", wanted, self._delete_runs)

    async def _delete_runs(self, page: Sequence[dict[str, Any]]) -> int:
        ids = [run["id"] for run in page]
        belonging = {"artifacts": {"flow_run_id": {"any_": ids}}}
        for artifact in await self._pages_of("/artifacts/filter", belonging):
            await self._delete_one("artifacts", artifact["id"])
        answer = await self._ask("/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": ids}}})
        gone = len(answer["deleted"])
        self.deleted["runs"] += gone
        return gone

    async def _task_runs(self, parent_id: str, before: dt.datetime) -> None:
        wanted = {
            "flow_runs": {"id": {"any_": [parent_id]}},
            # The task run that stands for a sub-flow goes after the sub-flow's own run.
            "task_runs": {"start_time": {"before_": before.isoformat()}, **_in(FINAL)},
        }
        await self._until_empty("/task_runs/filter", wanted, self._delete_task_runs)

    async def _delete_task_runs(self, page: Sequence[dict[str, Any]]) -> int:
        return sum([await self._delete_one("task_runs", run["id"]) for run in page])

    async def _artifacts(self, before: dt.datetime) -> None:
        for shown in await self._pages_of("/artifacts/latest/filter", {}):
            key = str(shown["key"])
            if not key.startswith("leadline-"):
                continue
            for version in await self._pages_of(
                "/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}}
            ):
                is_old = dt.datetime.fromisoformat(version["created"]) < before
                if is_old and version["id"] != shown["latest_id"] and self._has_time():
                    await self._delete_one("artifacts", version["id"])

    # -- the API ---------------------------------------------------------------------------------

    async def _until_empty(
        self,
        path: str,
        wanted: dict[str, Any],
        delete: Callable[[Sequence[dict[str, Any]]], Awaitable[int]],
    ) -> None:
        """Delete page by page until one is empty or cannot be deleted, or the time is over."""
        while self._has_time():
            page = await self._ask(path, {**wanted, "limit": PAGE})
            if not page or not await delete(page):
                return
            await asyncio.sleep(PAUSE_S)

    async def _pages_of(self, path: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            page = await self._ask(path, {**wanted, "limit": PAGE, "offset": len(rows)})
            rows += page
            if len(page) < PAGE:
                return rows

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self.client.request("POST", path, json=body)  # type: ignore[arg-type]
        return json.loads(answer.content)

    async def _delete_one(self, kind: str, row_id: str) -> int:
        try:
            await self.client.request("DELETE", f"/{kind}/{row_id}")  # type: ignore[arg-type]
        except HTTPStatusError as exc:
            if exc.response.status_code != http.HTTPStatus.NOT_FOUND:
                raise
            return 0
        self.deleted[kind.replace("_", " ")] += 1
        return 1

    def _has_time(self) -> bool:
        return time.monotonic() < self._until


def _ended_before(moment: dt.datetime) -> dict[str, Any]:
    return {"end_time": {"before_": moment.isoformat()}}


def _in(states: Sequence[str]) -> dict[str, Any]:
    return {"state": {"type": {"any_": list(states)}}}
