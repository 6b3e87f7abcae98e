"""
A stream's events and pages in Prefect: look at the feed, send what changed, update the pages.

The publisher never gets in the feed's way: it looks once a second, asks the store through a cursor of its
own, and waits for Prefect no longer than a time-out. While the API is away, events are held back and merged
(`flows.prefect_ui.events`), so that an outage of hours ends in a handful of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import threading
import time
from collections import deque
from typing import Any
from uuid import UUID

import duckdb
from prefect.events import Event, emit_event

from leadline.book.errors import LeadlineError
from leadline.flows.prefect_ui.artifacts import ArtifactStore
from leadline.flows.prefect_ui.changes import BookChange, ChangeDetector
from leadline.flows.prefect_ui.events import BEAT, BEAT_S, EventThrottle, PrefectEvent, about_venue
from leadline.flows.prefect_ui.page_queries import depth_page, health_page, signals_page, spend_page
from leadline.flows.prefect_ui.pages import Page
from leadline.flows.streaming.host import HostStatus, StreamHost
from leadline.storage.access.connect import connect

log = logging.getLogger("leadline.events")

LOOK_S = 1.0
FIRST_PAGES_S = 4.0  # the first ones soon, so that a person sees something
MOST_NOTED = 1_000  # changes that wait for the next look
PUBLISH_S = 10.0  # what one round with Prefect may take


class OrderedEvents:
    """
    Sends events so that the server takes those about one resource in their order.

    Two tasks of the server read its queue side by side (`prefect.server.utilities.messaging.memory`),
    so "live" could overtake "stale" and an alarm would never see it. ``follows`` names the event before.
    """

    def __init__(self) -> None:
        self._last: dict[str, Event] = {}  # by the id of the resource

    def emit(self, event: PrefectEvent) -> None:
        """Queue an event; Prefect's own thread sends it, with the flow run it belongs to."""
        resource = dict(event.resource)
        about = resource["prefect.resource.id"]
        with contextlib.suppress(Exception):  # a failure is logged there and harms nothing here
            sent = emit_event(
                event=event.name,
                resource=resource,
                payload=dict(event.payload),
                follows=self._last.get(about),
            )
            if sent is not None:
                self._last[about] = sent


class EventPublisher:
    """Publishes one stream; `run` until `stop`, then `publish_stopped`."""

    def __init__(self, host: StreamHost, flow_run_id: str) -> None:
        self._host = host
        self._venue = host.settings.venue
        now_s = time.monotonic()
        self._detector = ChangeDetector(now_s)
        self._throttle = EventThrottle(self._venue, now_s)
        self._run = {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}"}
        self._beat_due_s = now_s
        self._events = OrderedEvents()
        self._artifacts = ArtifactStore(UUID(flow_run_id) if flow_run_id else None, is_long_lived=True)
        self._over = threading.Event()
        self._noted: deque[BookChange] = deque(maxlen=MOST_NOTED)
        self._api_answers = True  # whether it took what it was last sent

    async def run(self) -> None:
        """Look every second, write pages every ``pages_every_s``, until `stop`."""
        every_s = self._host.settings.pages_every_s
        due = time.monotonic() + min(every_s, FIRST_PAGES_S)
        self._events.emit(
            PrefectEvent("leadline.stream.started", about_venue(self._venue), self._describe())
        )
        while not await asyncio.to_thread(self._over.wait, LOOK_S):
            try:
                status = await asyncio.to_thread(self._host.status)
                self._send_changes(status)
                if time.monotonic() >= due:
                    due = time.monotonic() + every_s
                    await self._refresh(status)
            except (LeadlineError, duckdb.Error) as exc:  # the stream itself reports it if it matters
                log.warning("no look at the stream: %s: %s", type(exc).__name__, exc)

    def stop(self) -> None:
        """Let `run` end at its next look: within a second, unless a page is under way."""
        self._over.set()

    def note(self, change: BookChange) -> None:
        """Add a change that somebody else saw, from any thread; it is sent with the next look."""
        self._noted.append(change)

    def publish_stopped(self, why: str) -> None:
        """Send the event that the stream has ended, and why; return at once."""
        payload = {**self._describe(), "why": why}
        with contextlib.suppress(LeadlineError):
            payload["summary"] = self._host.summary()
        self._events.emit(PrefectEvent("leadline.stream.stopped", about_venue(self._venue), payload))

    def _describe(self) -> dict[str, Any]:
        settings = self._host.settings
        symbols = list(settings.symbols)
        return {"db": settings.db.name, "books": len(symbols), "symbols": symbols[:50]}

    def _send_changes(self, status: HostStatus) -> None:
        now_s = time.monotonic()
        self._throttle.note(self._detector.look(status.feed, now_s))
        while self._noted:
            self._throttle.note([self._noted.popleft()])
        if not self._api_answers:
            return
        for event in self._throttle.take(now_s):
            self._events.emit(event)
        if now_s >= self._beat_due_s:
            self._beat_due_s = now_s + BEAT_S
            self._events.emit(PrefectEvent(BEAT, self._run))

    async def _refresh(self, status: HostStatus) -> None:
        fresh = await asyncio.to_thread(self._pages, status)
        try:
            async with asyncio.timeout(PUBLISH_S):
                await self._artifacts.put(fresh)
            self._api_answers = True
        except Exception as exc:  # noqa: BLE001 - Prefect may be away; the next round tries again
            self._api_answers = False
            log.warning("pages could not be shown: %s %s", type(exc).__name__, exc)

    def _pages(self, status: HostStatus) -> list[Page]:
        now, now_s = dt.datetime.now(dt.UTC), time.monotonic()
        ages_s = {book.symbol: self._detector.age_s(book.symbol, now_s) for book in status.feed.symbols}
        symbols = [book.symbol for book in status.feed.symbols]
        with connect(self._host.settings.db) as con:
            return [
                health_page(con, status, ages_s, venue=self._venue, now=now),
                depth_page(con, self._venue, symbols, now=now),
                signals_page(con, now=now),
                spend_page(con, self._host.settings, now=now),
            ]
