"""
The state of the stream's own run in Prefect, asked for every few seconds without anything waiting for it.

Prefect's own observer of cancellations gives up for good after a few polls without an answer, so a
cancellation after an outage of the API would reach nobody. This one keeps asking.

    CANCELLING, CANCELLED   the stream ends, as Cancelled
    CRASHED                 no heartbeat came while the API was away: the run is set to Running again
    another final state     a person set it: the stream ends
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Running

from leadline.flows.streaming.ending import EndReason, EndRequests
from leadline.flows.streaming.zombies import Sweep, labels_of

log = logging.getLogger("leadline.watch")

EVERY_S = 3.0
ASK_S = 10.0
LAST_LOOK_S = 5.0
SWEEP_FIRST_S = 10.0  # runs that are just ending may say so themselves
SWEEP_EVERY_S = 60.0


class OwnRun:
    """Our flow run as the API knows it; all calls belong to one event loop."""

    def __init__(self, run_id: str, db: Path, requests: EndRequests) -> None:
        self._id = UUID(run_id)
        self._requests = requests
        self._db = db
        self._is_labelled = False
        self.is_holder = False  # set once the database is held: runs that streamed before are dead
        self.is_away = False  # the API did not answer when last asked

    async def watch(self) -> None:
        """Ask again and again; never returns, and raises nothing that the API did."""
        loop = asyncio.get_running_loop()
        sweep, due_s = None, float("inf")
        while True:
            if self.is_holder and sweep is None:
                sweep = Sweep(self._id, self._db, since=dt.datetime.now(dt.UTC))
                due_s = loop.time() + SWEEP_FIRST_S
            async with self._asking(ASK_S) as client:
                if (end := await self._look(client)) is not None:
                    self._requests.request(end)
                if not self._is_labelled:
                    await client.update_flow_run_labels(self._id, dict(labels_of(self._db)))
                    self._is_labelled = True
                if sweep is not None and loop.time() >= due_s:
                    due_s = loop.time() + SWEEP_EVERY_S
                    await sweep.run(client)
            await asyncio.sleep(EVERY_S)

    async def end_reason(self) -> EndReason | None:
        """Ask once, briefly: a signal may have been the orchestrator's way to cancel."""
        end: EndReason | None = None  # and so it stays if the API is away
        async with self._asking(LAST_LOOK_S) as client:
            end = await self._look(client)
        return end  # noqa: RET504 - the block may end early

    async def _look(self, client: PrefectClient) -> EndReason | None:
        run = await client.read_flow_run(self._id)
        state = run.state
        if state is None or not (state.is_final() or state.is_cancelling()):
            return None
        if state.is_cancelling() or state.is_cancelled():
            return EndReason("cancelled", "cancelled in Prefect")
        if state.is_crashed():
            await self._set_running(client, run)
            return None
        return EndReason("stopped", f"the run was marked {state.name} in Prefect")

    async def _set_running(self, client: PrefectClient, run: FlowRun) -> None:
        said = run.state.message if run.state is not None else ""
        log.warning("Prefect marked the run as crashed (%s); it still streams", said)
        alive: State[None] = Running(message="marked as crashed, but it streams")
        await client.set_flow_run_state(self._id, alive, force=True)

    @contextlib.asynccontextmanager
    async def _asking(self, timeout_s: float) -> AsyncIterator[PrefectClient]:
        """Yield a client for one question; an error of the API is logged, once per outage."""
        try:
            async with asyncio.timeout(timeout_s), get_client() as client:
                yield client
        except Exception as exc:  # noqa: BLE001 - whatever it is, the stream goes on
            if not self.is_away:
                log.warning("the Prefect API could not be asked about this run: %r", exc)
            self.is_away = True
        else:
            if self.is_away:
                log.info("the Prefect API answers again")
            self.is_away = False
