"""
Dead runs of the stream that Prefect still shows as running: each gets its final state.

A process that dies together with its worker reports nothing, and its run stays RUNNING for ever. Whoever
holds the lock of a database proves that no other run streams into it, so the holder may end such a run. It
ends a run only if one of these holds:

    - its label names this database, the process in its label is gone, and the run began before the holder
      took the lock or is older than a minute: one that is just ending may report that itself
    - it has no label though it is minutes old, and it belongs to our deployment with our parameters; such
      as a scheduled run whose worker was killed between taking and starting it

A successor without a label, because the API was away, can be marked as dead by the second rule; it then
sets its own state back (`flows.streaming.own_run`).
"""

from __future__ import annotations

import datetime as dt
import logging
import socket
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from leadline.flows.streaming.processes import may_live, process_name

log = logging.getLogger("leadline.watch")

FLOW = "stream-books"
DB, PROCESS = "leadline.db", "leadline.process"  # labels of a run that streams or is about to
SILENT_S = 180.0  # a run labels itself, or ends, within seconds; a busy machine takes a minute to start it
GRACE_S = 60.0

_ALIVE = FlowRunFilter(
    state=FlowRunFilterState(
        type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING, StateType.PENDING])
    )
)
_OURS = FlowFilter(name=FlowFilterName(any_=[FLOW]))


def labels_of(db: Path) -> dict[str, str]:
    """Return the labels of this process's run."""
    return {DB: f"{socket.gethostname()}:{db.resolve()}", PROCESS: process_name()}


class Sweep:
    """A holder's search for dead runs; ``since`` is when it took the lock."""

    def __init__(
        self,
        own: UUID,
        db: Path,
        *,
        since: dt.datetime,
        silent_s: float = SILENT_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._own = own
        self._db = labels_of(db)[DB]
        self._since = since
        self._silent = dt.timedelta(seconds=silent_s)
        self._grace = dt.timedelta(seconds=grace_s)

    async def run(self, client: PrefectClient) -> list[UUID]:
        """End the dead ones; return their ids. Raises what the API does."""
        found = await client.read_flow_runs(flow_filter=_OURS, flow_run_filter=_ALIVE)
        me = next((run for run in found if run.id == self._own), None)
        ended = []
        for run in found:
            if run.id != self._own and (why := self._why_dead(run, me)):
                await client.set_flow_run_state(run.id, _last_state(run, why), force=True)
                log.warning("run %s (%s) is dead: %s", run.name, run.id, why)
                ended.append(run.id)
        return ended

    def _why_dead(self, run: FlowRun, me: FlowRun | None) -> str:
        """Return how it is known that a run is dead; "" if it is not known."""
        begun = run.start_time or run.expected_start_time or run.created
        if begun is None:
            return ""
        age = dt.datetime.now(dt.UTC) - begun
        if PROCESS in run.labels:
            is_theirs = run.labels.get(DB) != self._db
            if (
                is_theirs
                or may_live(str(run.labels[PROCESS]))
                or (begun >= self._since and age < self._grace)
            ):
                return ""
            return "its process is gone; another stream holds its database now"
        alike = (
            me is not None
            and me.deployment_id is not None
            and run.deployment_id == me.deployment_id
            and run.parameters == me.parameters
        )
        if alike and age > self._silent:
            return f"no label from its process in {age.total_seconds():.0f} s"
        return ""


def _last_state(run: FlowRun, why: str) -> State[None]:
    """Return the state that the run's process should have reported."""
    if run.state is not None and run.state.is_cancelling():
        return Cancelled(message=f"cancelled; {why}")
    return Crashed(message=why)
