"""
One stream succeeds another without losing an update: the successor's side.

    warm up          own sessions, own seeds; rows are dropped, the old stream stores them
      │ every book of the old stream is LIVE here too
    mark             from here on rows are retained
      │ the old stream has stored everything before the mark
    ask              a stop request of kind ``handover``; the old one flushes, closes, ends as HandedOver
      │ the file is free
    take over        retained rows that the old stream stored are cut off, the rest is stored

If the old stream dies meanwhile, the successor takes the file at once, warm or not. If the deadline comes
first, it leaves the old stream alone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import time
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from leadline.book.venues.common.listing import ListingState
from leadline.flows.streaming.ending import EndReason, EndRequests
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError, StoreOwned
from leadline.storage.handover.requests import ask_to_stop, holder_pid, take_request
from leadline.storage.handover.succession import open_ends

log = logging.getLogger("leadline.handover")

LOOK_S = 0.2
FREE_S = 0.02  # how often the file is tried
HEAR_S = 10.0  # an old stream looks for requests several times a second
LEAVE_S = 120.0  # it may have much to flush


class Succession:
    """How a process becomes the stream of a database that another process still holds."""

    def __init__(self, host: StreamHost, requests: EndRequests) -> None:
        self._host = host
        self._requests = requests
        self._db = host.settings.db
        self._old = holder_pid(self._db)

    async def run(self) -> EndReason | None:
        """
        Warm up and take over; return None once the file is ours, else why it will not be.

        The host must be warming up. Raises what breaks it.
        """
        deadline = time.monotonic() + self._host.settings.warm_s
        marked: dict[str, int] | None = None
        log.info("warming up to follow process %s", self._old)
        while not await asyncio.to_thread(self._is_orphaned):
            self._host.check()
            if (end := self._requests.reason()) is not None:
                return end
            waits_for = await asyncio.to_thread(self._lacks, marked)
            if not waits_for and marked is not None:
                return await self._ask_and_take()
            if not waits_for:
                marked = await asyncio.to_thread(self._host.mark)
                log.info("warm: rows of %d books are retained from here on", len(marked))
                continue
            if time.monotonic() > deadline:
                return self._give_up(f"not warm within {self._host.settings.warm_s:g} s: {waits_for}")
            await asyncio.sleep(LOOK_S)
        log.warning("process %s died; taking over at once", self._old)
        if marked is None:
            await asyncio.to_thread(self._host.mark)
        return await self._take(LEAVE_S)

    def _is_orphaned(self) -> bool:
        return holder_pid(self._db) is None

    def _lacks(self, marked: dict[str, int] | None) -> str:
        """Return what is still missing before the next step; "" if nothing is."""
        try:
            with connect(self._db) as con:
                old = open_ends(con, self._host.venue)
        except StoreError as exc:
            return f"the old stream cannot be asked ({exc})"
        if not old:
            return "the old stream has no trusted book itself"
        if marked is not None:
            late = [symbol for symbol, at in old.items() if at < marked.get(symbol, -1)]
            return f"the old stream has not stored {_some(late)} so far" if late else ""
        books = self._host.feed.status().symbols
        cold = [
            book.symbol
            for book in books
            if book.symbol in old and not (book.is_live or isinstance(book.state, ListingState))
        ]
        return f"{_some(cold)} not live yet" if cold else ""

    async def _ask_and_take(self) -> EndReason | None:
        ask_to_stop(
            self._db, who=f"process {os.getpid()}", why="it is warm and goes on from here", kind="handover"
        )
        return await self._take(HEAR_S)

    async def _take(self, hear_s: float) -> EndReason | None:
        """Take the file as soon as it is free; the old stream has ``hear_s`` to start leaving."""
        began = time.monotonic()
        is_heard = False
        while True:
            try:
                await asyncio.to_thread(self._host.take_over)
            except StoreOwned as exc:
                if exc.pid not in (None, self._old):
                    return self._give_up(f"process {exc.pid} was faster")
            else:
                return None
            waited_s = time.monotonic() - began
            if not is_heard and waited_s > hear_s:
                if take_request(self._db) is not None:
                    return self._give_up(f"process {self._old} did not hear the request in {hear_s:g} s")
                is_heard = True
            if waited_s > LEAVE_S:
                return self._give_up(f"process {self._old} did not leave within {LEAVE_S:g} s")
            await asyncio.sleep(FREE_S)

    def _give_up(self, why: str) -> EndReason:
        log.warning("no handover: %s", why)
        return EndReason("gave_up", f"no handover, {why}; process {holder_pid(self._db)} streams on")


def _some(symbols: list[str], shown: int = 5) -> str:
    more = len(symbols) - shown
    return ", ".join(sorted(symbols)[:shown]) + (f" and {more} more" if more > 0 else "")


class Rotation:
    """
    The end of a run that has lasted long enough, by handover if a worker can start a successor.

    It bounds the run's children and its graph in Prefect, without losing an update.
    """

    ASK_AGAIN_S = 300.0  # a successor that was made may take this long to come
    RETRY_S = 30.0  # after an API that did not answer
    PATIENCE_S = 3600.0  # then the run ends without a successor, and its schedule starts the next

    def __init__(self, rotate_s: float, run: FlowRun | None) -> None:
        """``run`` is the stream's own; one that came from no deployment ends without a successor."""
        self._rotate_s = rotate_s
        self._asked = 0
        self._due_s = rotate_s
        self._run = run
        self._deployment: UUID | None = run.deployment_id if run is not None else None

    def comes_due(self, age_s: float) -> bool:
        """Whether to ask for a successor now, ``age_s`` seconds after the start; True once each time."""
        if self._deployment is None or age_s < self._due_s:
            return False
        # Noted here: `ask` may begin late, and must not be called twice until then.
        self._due_s = age_s + self.ASK_AGAIN_S
        return True

    def is_over(self, age_s: float) -> bool:
        """Whether the run must end, successor or not."""
        patience_s = self.PATIENCE_S if self._deployment is not None else 0.0
        return age_s >= self._rotate_s + patience_s

    async def ask(self) -> None:
        """Let the deployment start a successor; an API that is away is asked again soon."""
        assert self._deployment is not None
        assert self._run is not None
        parameters: dict[str, Any] = {**self._run.parameters, "handover": True}
        try:
            async with asyncio.timeout(30), get_client() as client:
                made = await client.create_flow_run_from_deployment(
                    self._deployment,
                    parameters=parameters,
                    # The same key until it is answered: a request whose answer was lost makes no second
                    # run.
                    idempotency_key=f"handover-{self._run.id}-{self._asked}",
                )
        except Exception as exc:  # noqa: BLE001 - whatever it is, the stream goes on
            self._due_s -= self.ASK_AGAIN_S - self.RETRY_S
            log.warning("no successor could be asked for: %r; again in %.0f s", exc, self.RETRY_S)
        else:
            self._asked += 1
            at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            log.info("time is over at %s; run %s is to follow", at, made.id)
