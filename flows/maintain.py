"""
The flow ``maintain-store``: export old rows, drop them, free their space; each as the parameters say.

    export_to ──> Parquet, whole days ──ok──> drop ──> checkpoint ──> rewrite (only when nobody streams)
                         └─ fails: nothing is dropped
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.config.settings import Settings
from leadline.storage.access.connect import Connection, connect
from leadline.storage.errors import StoreOwned
from leadline.storage.lifecycle import compact, retention
from leadline.storage.lifecycle.archive import export_parquet

MB = 1_000_000
DAY = dt.timedelta(days=1)


@flow(name="maintain-store", persist_result=False)
async def maintain_store(
    db: str | None = None,
    keep_days: float | None = None,
    export_to: str | None = None,
    drop: bool = True,
    rewrite: bool = False,
) -> State[Any]:
    """
    Export, drop and compact rows older than ``keep_days``; keep what a later book needs of them.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        keep_days: Rows received more days ago than this are dropped, 0.01 or more. Empty: the setting.
        export_to: First write the days to be dropped to Parquet files in this folder (setting export_to).
            Only whole days (UTC) are dropped then, and none if one cannot be written. Empty: no export.
        drop: Whether to drop the old rows, and texts of models older than the setting keep_texts_days;
            if not, an export is a copy.
        rewrite: Rewrite the file to make it smaller. Needs as much space again, and nobody may stream;
            while somebody does, the file stays as it is and the run says so.
    """
    given = {"db": db, "keep_days": keep_days, "export_to": export_to}
    settings = settings_of_run(given)
    log = get_run_logger()
    work = Maintenance(settings, dt.datetime.now(dt.UTC), log.info, log.warning)
    await asyncio.to_thread(work.run, drop=drop, rewrite=rewrite)
    return Completed(message="; ".join(work.done))


@dataclass(slots=True)
class Maintenance:
    """One round; ``done`` lists what it did."""

    settings: Settings
    now: dt.datetime
    say: Callable[[str], None]
    warn: Callable[[str], None]
    done: list[str] = field(default_factory=list)

    def run(self, *, drop: bool, rewrite: bool) -> None:
        """Do what was asked for, in the only order that loses nothing."""
        cut = self.now - self.settings.keep_days * DAY
        if self.settings.export_to is not None:
            # If a day were dropped in two parts, its second export would hold less than the first.
            cut = cut.replace(hour=0, minute=0, second=0, microsecond=0)
        with connect(self.settings.db, write=True) as con:
            if self.settings.export_to is not None:
                self._export(con, cut, self.settings.export_to)
            if drop:
                self._drop(con, cut)
            size = compact.size(con)
        self._report(
            f"the file has {size.total_bytes / MB:.1f} MB, {size.free_bytes / MB:.1f} MB of it free"
        )
        if rewrite:
            self._rewrite()

    def _report(self, what: str) -> None:
        self.done.append(what)
        self.say(what)

    def _export(self, con: Connection, cut: dt.datetime, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        files = rows = 0
        for symbol, since in retention.oldest(con, before=cut).items():
            # A file with more rows dates from before a part of its day was dropped: keep that one.
            for file in export_parquet(con, symbol, since, cut, folder, leave_fuller=True):
                files, rows = files + 1, rows + file.rows
        self._report(f"exported {rows:,} rows as {files} files to {folder}")

    def _drop(self, con: Connection, cut: dt.datetime) -> None:
        pruned = retention.prune(con, keep_days=0, now=cut)
        dropped = (
            ", ".join(f"{rows:,} of {table}" for table, rows in pruned.rows.items() if rows) or "nothing"
        )
        self._report(f"older than {cut:%Y-%m-%d %H:%M}, dropped: {dropped}")
        days = self.settings.keep_texts_days
        if texts := retention.prune_texts(con, keep_days=days, now=self.now):
            self._report(f"dropped {texts:,} texts of models, older than {days:g} days")
        for word in pruned.unfollowed:
            self.warn(word)

    def _rewrite(self) -> None:
        try:
            made = compact.rewrite(self.settings.db, memory_limit=self.settings.memory_limit)
        except StoreOwned as exc:
            self._report(f"not rewritten: {exc}")
            return
        self._report(f"rewritten: {made.before_bytes / MB:.1f} to {made.after_bytes / MB:.1f} MB")
