"""
What ``leadline up`` asks of a Prefect API, through Prefect's own client, which finds keys in its settings.

Import this after the environment names the API: Prefect reads it once. Every call raises `ApiAway` if the
API does not answer; the supervisor goes on without it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leadline.book.errors import LeadlineError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PAGE = 200
OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class ApiAway(LeadlineError):
    """The Prefect API does not answer or refuses us; the message holds its answer."""

    transient = True


@dataclass(frozen=True, slots=True)
class Job:
    """One deployment and its newest runs; times are UTC."""

    name: str
    last_state: str = ""  # of the newest run that began
    last_type: str = ""
    last_at: dt.datetime | None = None
    completed: int = 0  # among the runs looked at
    failed: int = 0
    next_at: dt.datetime | None = None


class Api:
    """A Prefect API; not thread-safe."""

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self._ids: dict[Any, str] = {}

    @contextlib.contextmanager
    def _client(self) -> Iterator[SyncPrefectClient]:
        import httpx  # noqa: PLC0415  Prefect takes seconds to import and reads its settings then
        from prefect.client.orchestration import get_client  # noqa: PLC0415
        from prefect.exceptions import PrefectException  # noqa: PLC0415
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings  # noqa: PLC0415

        # The supervisor asks again by itself; a client that retries for a minute would block it.
        try:
            with (
                temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}),
                get_client(sync_client=True) as client,
            ):
                yield client
        except (httpx.HTTPError, PrefectException, RuntimeError, OSError) as exc:
            raise ApiAway(f"the Prefect API: {type(exc).__name__}: {exc}") from exc

    def has_pool(self) -> bool:
        """Whether the work pool exists; also the first call to the API, so it may refuse our key."""
        from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

        with self._client() as client:
            try:
                client.read_work_pool(self._pool)
            except ObjectNotFound:
                return False
            return True

    def pause_pool(self, *, paused: bool) -> None:
        """Stop or resume handing runs of the pool to workers."""
        from prefect.client.schemas.actions import WorkPoolUpdate  # noqa: PLC0415

        with self._client() as client:
            client.update_work_pool(self._pool, WorkPoolUpdate(is_paused=paused))

    def run_now(self, deployment: str) -> None:
        """Create a run of a deployment, to start at once."""
        with self._client() as client:
            found = client.read_deployment_by_name(deployment)
            client.create_flow_run_from_deployment(found.id)

    def under_way(self) -> list[str]:
        """
        Return the names of the pool's running runs; cancel those that a worker took but did not begin.

        A worker takes runs ten seconds early, and such a run would begin at its time.
        """
        from prefect.client.schemas.objects import StateType  # noqa: PLC0415
        from prefect.states import Cancelled  # noqa: PLC0415

        running = []
        runs = self._runs(("RUNNING", "PENDING", "CANCELLING"), "START_TIME_DESC")
        with self._client() as client:
            for run in runs:
                if run.state is not None and run.state.type == StateType.PENDING:
                    stopped: Any = Cancelled(message="leadline up was stopped")
                    client.set_flow_run_state(run.id, stopped, force=True)
                else:
                    running.append(str(run.name))
        return running

    def jobs(self, names: Sequence[str]) -> list[Job]:
        """Return the newest runs of each deployment in ``names``."""
        jobs = {name: Job(name) for name in names}
        ids = self._deployments(names)
        for run in self._runs((*OVER, "RUNNING"), "START_TIME_DESC"):
            name = ids.get(run.deployment_id)
            if name is None or run.state is None:
                continue
            job, kind = jobs[name], run.state.type.value
            if job.last_at is None:
                at = run.end_time or run.start_time or run.state.timestamp
                job = replace(job, last_state=str(run.state.name), last_type=kind, last_at=at)
            jobs[name] = replace(
                job,
                completed=job.completed + (kind == "COMPLETED"),
                failed=job.failed + (kind in ("FAILED", "CRASHED")),
            )
        for run in self._runs(("SCHEDULED",), "EXPECTED_START_TIME_ASC"):
            name = ids.get(run.deployment_id)
            if name is not None and jobs[name].next_at is None:
                jobs[name] = replace(jobs[name], next_at=run.expected_start_time)
        return list(jobs.values())

    def _deployments(self, names: Sequence[str]) -> dict[Any, str]:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName  # noqa: PLC0415

        if len(self._ids) < len(names):
            wanted = DeploymentFilter(name=DeploymentFilterName(any_=list(names)))
            with self._client() as client:
                found = client.read_deployments(deployment_filter=wanted, limit=PAGE)
            self._ids = {each.id: str(each.name) for each in found if each.work_pool_name == self._pool}
        return self._ids

    def _runs(self, states: Sequence[str], sort: str) -> list[Any]:
        from prefect.client.schemas.filters import (  # noqa: PLC0415
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
            WorkPoolFilter,
            WorkPoolFilterName,
        )
        from prefect.client.schemas.objects import StateType  # noqa: PLC0415
        from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

        kinds = FlowRunFilterStateType(any_=[StateType(state) for state in states])
        with self._client() as client:
            return client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kinds)),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
                sort=FlowRunSort(sort),
                limit=PAGE,
            )
