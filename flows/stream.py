"""
The flow ``stream-books``: one long run that keeps the books of one database.

    lock the file ─ owned? ─> Completed "AlreadyRunning", or with ``handover``: warm up and follow
         │                                                     (`flows.streaming.handover`)
         ├─ needs of the feed ──> tasks connect, resync      (short, retried, visible in the UI)
         ├─ every second a look: events; every pages_every_s: artifacts  (`flows.prefect_ui`)
         ├─ every snapshot_every_s: rows, then sub-flow snapshot-depth   (bounded by a time-out)
         ├─ every shock_look_s: shocks, each an event and an analysis at once  (`flows.signals.shocks`)
         └─ until a request to end (`flows.streaming.ending`) or max_seconds ──> flush, close, unlock

Books and rows never wait for Prefect: its API may be slow or away, and the feed goes on by itself.
The deployment's schedule supervises the stream: it starts a run every few minutes, and every run that does
not get the lock ends at once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed

from leadline.book.errors import LeadlineError
from leadline.book.venues.registry import spec_of
from leadline.flows.analyze import report_flow
from leadline.flows.config.logs import log_to
from leadline.flows.config.run_settings import settings_now, settings_of_run
from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.prefect_ui.publisher import EventPublisher
from leadline.flows.signals.shocks import ShockWatch
from leadline.flows.snapshot_depth import DepthReport, snapshot_depth
from leadline.flows.streaming.ending import EndReason, EndRequests
from leadline.flows.streaming.handover import Rotation, Succession
from leadline.flows.streaming.host import StreamHost
from leadline.flows.streaming.own_run import OwnRun
from leadline.flows.streaming.side_loop import SideLoop, keep_running
from leadline.flows.streaming.watchlist import Watchlist
from leadline.storage.errors import StoreOwned
from leadline.storage.handover.requests import holder_pid
from leadline.storage.handover.succession import HasHeir, Heir
from leadline.storage.signals.rows import Decision
from leadline.tasks.prefect_tasks import see_to

log = logging.getLogger("leadline.stream")

NAME = "stream-books"
LOOK_S = 0.2
WATCHLIST_S = 1.0
FINISH_S = 5.0
FIRST_SAMPLE_S = 2.0  # the first one soon, so that there is something to see
ENDLESS = {"needs", "samples", "watch", "symbols"}  # jobs that never end by themselves
ENDS = {
    "handover": "HandedOver",
    "gave_up": "GaveUp",
}  # names of states that people should be able to tell apart
NAMED = 5  # symbols in a run's name


@dataclass(slots=True)
class StreamSession:
    """What a program shares with the flow that it runs: settings, a way to stop it, a look inside."""

    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)
    is_closed: threading.Event = field(default_factory=threading.Event)  # the database is closed
    host: StreamHost | None = None
    flow_run_id: str = ""
    reports: int = 0
    reports_failed: int = 0
    named: tuple[str, ...] = ()  # symbols that a person has just asked for by name
    reread: Callable[[], Settings | None] | None = None  # the settings now, where they may change
    shocks: ShockWatch | None = None


def _run_name() -> str:
    given = {key: flow_run.parameters.get(key) for key in ("venue", "symbols")}
    try:
        return _named(settings_of_run(given))
    except BadSetting:
        return NAME  # the run itself says what is wrong


def _named(settings: Settings) -> str:
    more = len(settings.symbols) - NAMED
    named = " ".join(settings.symbols[:NAMED]) + (f" +{more}" if more > 0 else "")
    return f"{NAME} {settings.venue} {named}"


@flow(name=NAME, flow_run_name=_run_name, persist_result=False)
async def stream_books(  # noqa: PLR0917 - Prefect gives them by name
    db: str | None = None,
    venue: str | None = None,
    symbols: list[str] | None = None,
    ws_url: str | None = None,
    rest_url: str | None = None,
    max_seconds: float | None = None,
    max_hours: float | None = None,
    snapshot_every_s: float | None = None,
    handover: bool = False,
) -> State[Any]:
    """
    Stream until stopped or ``max_seconds`` are over (setting ``rotate_s``); None: as the settings say.

    Ends as Completed "AlreadyRunning" if another stream has the database. Fails only if going on would lose
    rows or the settings cannot work.

    Args:
        db: The database, as a path on the worker's machine. Empty: the setting db.
        venue: The venue, such as loopback. Empty: the setting venue.
        symbols: Which symbols, such as ["BTCUSDT"]. Empty: the setting symbols.
        ws_url: WebSocket address instead of the venue's own.
        rest_url: REST address instead of the venue's own.
        max_seconds: The run gives way to a new one after this long, 1 or more. Empty: the setting rotate_s.
        max_hours: The same in hours; give one of the two.
        snapshot_every_s: Seconds from one depth snapshot to the next, 0.2 or more. Empty: the setting.
        handover: Follow the stream that runs: warm up beside it, then take over without losing an update.
    """
    given: dict[str, object] = {
        "db": db,
        "venue": venue,
        "symbols": symbols,
        "ws_url": ws_url,
        "rest_url": rest_url,
    }
    given |= {"rotate_s": _rotate_s(max_seconds, max_hours), "snapshot_every_s": snapshot_every_s}
    session = StreamSession(settings_of_run(given), reread=lambda: settings_now(given))
    session.named = tuple(symbols or ())
    return await _stream(session, handover=handover)


def session_flow(session: StreamSession) -> Callable[..., Coroutine[Any, Any, State[Any]]]:
    """Return the flow as a program runs it in its own process, on the settings of ``session``."""

    @flow(name=NAME, flow_run_name=_named(session.settings), persist_result=False)
    async def stream_session(
        settings: dict[str, Any] | None = None,  # noqa: ARG001 - Prefect keeps and shows them
        handover: bool = False,
    ) -> State[Any]:
        return await _stream(session, handover=handover)

    return stream_session


async def _stream(session: StreamSession, *, handover: bool) -> State[Any]:
    settings = session.settings
    session.flow_run_id = str(flow_run.id)
    requests = EndRequests(settings.db, session.stop)
    own = OwnRun(session.flow_run_id, settings.db, requests)
    with log_to(settings.log_file, settings.log_level), requests.catch_signals():
        heir: Heir | None = None
        try:
            # A successor goes on with what is streamed now, whatever its run was first started with.
            host = StreamHost(settings, named=() if handover else session.named)
            if handover and holder_pid(settings.db) is not None:
                heir = Heir(settings.db)
                host.warm()
            else:
                host.open()
        except (StoreOwned, HasHeir) as exc:
            return Completed(name="AlreadyRunning", message=_already(settings, exc))
        session.host = host
        publisher = EventPublisher(host, session.flow_run_id)
        reason = "stopped"
        try:
            with (
                SideLoop("leadline-reports") as reports_loop,
                SideLoop("leadline-shocks") as shocks_loop,
            ):
                run = _StreamRun(
                    host=host,
                    session=session,
                    requests=requests,
                    own=own,
                    publisher=publisher,
                    reports_loop=reports_loop,
                    shocks_loop=shocks_loop,
                )
                end = await run.until_over(heir)
            reason = end.kind
        finally:
            # No await here: whatever cancels this run must not cut it short.
            if isinstance(sys.exception(), asyncio.CancelledError):
                log.warning("cancelled from outside", exc_info=True)
            if requests.is_holder:
                publisher.publish_stopped(reason if sys.exception() is None else "failed")
            host.close(reason)
            session.is_closed.set()
            if heir is not None:
                heir.close()
        if requests.is_by_signal:
            end = await own.end_reason() or end
    said = f"{end.why}: {host.summary()}" if requests.is_holder else end.why
    get_run_logger().info(said)
    if end.kind == "cancelled":
        return Cancelled(message=said)
    return Completed(name=ENDS.get(end.kind, "Completed"), message=said)


def _own_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context is not None else None


def _rotate_s(max_seconds: float | None, max_hours: float | None) -> float | None:
    if max_seconds is not None and max_hours is not None:
        raise BadSetting(
            f"flow parameters: max_seconds = {max_seconds} and max_hours = {max_hours}: give one"
        )
    return max_seconds if max_hours is None else max_hours * 3600


def _already(settings: Settings, taken: StoreOwned | HasHeir) -> str:
    who = f"process {taken.pid}" if taken.pid else "another process"
    does = "is about to stream" if isinstance(taken, HasHeir) else "streams"
    return (
        f"nothing to do: {who} {does} into {settings.db} already. The schedule looks after the "
        "stream; only if that process ended would this run have taken its place"
    )


class _StreamRun:
    """The asyncio side of one run: hosts the feed's needs, takes the samples, reports them."""

    def __init__(
        self,
        *,
        host: StreamHost,
        session: StreamSession,
        requests: EndRequests,
        own: OwnRun,
        publisher: EventPublisher,
        reports_loop: SideLoop,
        shocks_loop: SideLoop,
    ) -> None:
        self._host = host
        self._session = session
        self._requests = requests
        self._own = own
        self._publisher = publisher
        self._reports_loop = reports_loop
        self._shocks_loop = shocks_loop
        self._shocks = session.shocks = ShockWatch(host, publisher.note, show_as_subflow)
        self._log = get_run_logger()
        self._report: DepthReport | None = None  # the newest one not yet reported
        run = _own_run() if spec_of(host.settings.venue).pairs_connections else None  # none can follow it
        self._rotation = Rotation(host.settings.rotate_s, run)
        self._successor_asked: asyncio.Task[None] | None = None  # kept, so that it is not collected
        self._jobs: list[asyncio.Task[None]] = []
        self._is_ending = False
        self._performing: set[asyncio.Task[bool]] = set()

    async def until_over(self, heir: Heir | None) -> EndReason:
        """
        Stream until somebody or something ends the run; return why. Raises what broke the host.

        As the ``heir`` of another stream, first take over from it.
        """
        settings = self._host.settings
        self._log.info("%s: %d symbols into %s", settings.venue, len(settings.symbols), settings.db)
        self._start("needs", self._host_needs)
        self._start("watch", lambda: self._reports_loop.run(self._own.watch()))
        try:
            if heir is not None and (end := await Succession(self._host, self._requests).run()) is not None:
                return end
            self._requests.is_holder = self._own.is_holder = True
            if heir is not None:
                heir.close()
            self._start("samples", self._take_samples)
            self._start("symbols", self._follow_watchlist)
            self._start("reports", self._send_reports)
            self._start("events", lambda: self._reports_loop.run(self._publisher.run()))
            self._start("shocks", lambda: self._shocks_loop.run(self._shocks.run()))
            while (end := self._over_by()) is None:
                for job in self._jobs:
                    if job.done():
                        job.result()  # they do not end by themselves: raises
                await asyncio.sleep(LOOK_S)
            await self._finish()
            return end
        finally:
            for task in (*self._jobs, *self._performing):
                task.cancel()

    def _start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._jobs.append(asyncio.create_task(keep_running(name, work), name=name))

    async def _finish(self) -> None:
        """Begin nothing new, and give what is under way with Prefect `FINISH_S` to end by itself."""
        self._is_ending = True
        self._publisher.stop()
        self._shocks.stop()
        under_way = {job for job in (*self._jobs, *self._performing) if job.get_name() not in ENDLESS}
        await asyncio.wait(under_way, timeout=FINISH_S)

    def _over_by(self) -> EndReason | None:
        self._host.check()
        age_s = time.monotonic() - self._host.started
        if self._rotation.is_over(age_s):
            self._requests.request(EndReason("rotated", "time is over"))
        elif self._rotation.comes_due(age_s):
            self._successor_asked = asyncio.create_task(self._reports_loop.run(self._rotation.ask()))
        return self._requests.reason()

    async def _host_needs(self) -> None:
        while True:
            need = await asyncio.to_thread(self._host.next_need, LOOK_S)
            if need is not None:
                job = asyncio.create_task(see_to(self._host.feed, need), name=need.title)
                self._performing.add(job)
                job.add_done_callback(self._seen_to)

    def _seen_to(self, job: asyncio.Task[bool]) -> None:
        """Forget a need that was dealt with; what went wrong went back to the feed."""
        self._performing.discard(job)
        if not job.cancelled() and (exc := job.exception()) is not None:
            log.warning("%s: the flow could not do it: %s", job.get_name(), exc)

    async def _take_samples(self) -> None:
        every_s = self._host.settings.snapshot_every_s
        due = time.monotonic() + min(every_s, FIRST_SAMPLE_S)
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + every_s, time.monotonic())
            samples = await asyncio.to_thread(self._host.sample)
            self._report = DepthReport.of(self._host.settings.venue, self._host.markets, samples)

    async def _follow_watchlist(self) -> None:
        """Let symbols come and go as the table and the settings say."""
        watchlist, reread = Watchlist(self._host), self._session.reread
        due = time.monotonic()
        while True:
            await asyncio.sleep(WATCHLIST_S)
            try:
                if reread is not None and time.monotonic() >= due:
                    due = time.monotonic() + self._host.settings.pages_every_s
                    if (settings := await asyncio.to_thread(reread)) is not None:
                        await asyncio.to_thread(watchlist.change_settings, settings.symbols)
                await asyncio.to_thread(watchlist.look)
            except LeadlineError as exc:
                log.warning("symbols stay as they are: %s", exc)

    async def _send_reports(self) -> None:
        """Report the newest sample; one that a newer one overtook is never reported."""
        while not self._is_ending:
            report, self._report = self._report, None
            if report is None:
                await asyncio.sleep(LOOK_S)
                continue
            try:
                async with asyncio.timeout(self._host.settings.snapshot_timeout_s):
                    await self._reports_loop.run(snapshot_depth(report))
                self._session.reports += 1
            except Exception as exc:  # noqa: BLE001 - the rows are safe; Prefect may be away
                self._session.reports_failed += 1
                log.warning("snapshot-depth could not be reported: %s %s", type(exc).__name__, exc)


async def show_as_subflow(
    settings: Settings, analysis: asyncio.Future[list[Decision]], symbols: list[str]
) -> None:
    """Show an analysis that is under way as a run of ``analyze-signals``."""
    await report_flow(analysis)(db=str(settings.db), symbols=symbols, return_state=True)
