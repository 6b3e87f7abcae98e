"""The state of everything that ``leadline up`` runs, watched by a thread: parts, stream, deployments."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.flows.local.prefect_server import is_healthy
from leadline.storage.access.address import read_address
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError
from leadline.storage.queries import everyday as queries

if TYPE_CHECKING:
    from leadline.flows.local.api import Api, Job

EVERY_S = 3.0
PATIENCE_S = 1.0
LEGS_WITHIN = dt.timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class UpStatus:
    """The newest look at everything."""

    api_answers: bool = False
    stream_pid: int | None = None
    stats: dict[str, Any] | None = None  # the newest row of feed_stats
    legs: list[dict[str, Any]] = field(default_factory=list)  # where two connections carry the same
    outcasts: list[dict[str, Any]] = field(default_factory=list)  # symbols without a book, and why
    jobs: list[Job] = field(default_factory=list)
    trouble: str = ""  # why something could not be seen


class Watcher:
    """Looks every `EVERY_S`; `seen` is the newest look."""

    def __init__(self, api: Api, api_url: str, db: Path, names: list[str]) -> None:
        self.seen = UpStatus()
        self._api, self._api_url, self._db, self._names = api, api_url, db, names
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadline-watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; waits for a look under way."""
        self._stop.set()
        self._thread.join(2 * EVERY_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.seen = look(self._api, self._api_url, self._db, self._names, self.seen.jobs)
            self._stop.wait(EVERY_S)


def look(api: Api, api_url: str, db: Path, names: list[str], before: list[Job]) -> UpStatus:
    """Look once; deployments that cannot be seen stay as they were ``before``."""
    from leadline.flows.local.api import ApiAway  # noqa: PLC0415  it belongs to Prefect

    troubles: list[str] = []
    jobs, answers = before, is_healthy(api_url)
    if answers:
        try:
            jobs = api.jobs(names)
        except ApiAway as exc:
            troubles.append(str(exc))
    seen = stream_of(db, troubles.append)
    return UpStatus(answers, seen.pid, seen.stats, seen.legs, seen.outcasts, jobs, "; ".join(troubles))


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """The process that streams into a database, and what its rows say, where known."""

    pid: int | None = None
    stats: dict[str, Any] | None = None
    legs: list[dict[str, Any]] = field(default_factory=list)
    outcasts: list[dict[str, Any]] = field(default_factory=list)


def stream_of(db: Path, say: Callable[[str], None]) -> StreamSeen:
    """Look at the stream into ``db``."""
    address = read_address(db.resolve())
    if address is None or not address.is_alive():
        return StreamSeen()
    try:
        with connect(db, patience_s=PATIENCE_S) as con:
            rows = queries.latest_stats(con).dicts()
            legs = queries.leg_figures(con, since=dt.datetime.now(dt.UTC) - LEGS_WITHIN).dicts()
            outcasts = queries.outcasts(con).dicts()
    except StoreError as exc:
        say(str(exc))
        return StreamSeen(address.pid)
    return StreamSeen(address.pid, rows[0] if rows else None, legs, outcasts)


def age_s(ts: dt.datetime) -> float:
    """Return the seconds since ``ts``; a time without zone is UTC."""
    if ts.tzinfo is None:
        ts = ts.replace(tzinfo=dt.UTC)
    return (dt.datetime.now(dt.UTC) - ts).total_seconds()
