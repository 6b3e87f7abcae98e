"""What a Prefect API says of one flow run: how it ended, its sub-flows, its tasks."""

from __future__ import annotations

import http
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from leadline.book.errors import LeadlineError
from leadline.flows.demo.proofs import Proof
from leadline.flows.local.prefect_server import authorization

ASK_S = 30.0  # a busy SQLite takes its time
PAGE = 200
PATIENCE_S = 60.0  # states of task runs reach the API as events, a moment later
PAUSE_S = 0.25
BUSY_WAITS_S = (0.2, 0.5, 1.0, 2.0, 0.0)
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class PrefectUnreachable(LeadlineError):
    """The Prefect API does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Runs:
    """State types and names of a flow run and of what it started."""

    flow: tuple[str, str]
    subflows: list[tuple[str, str]]
    tasks: list[tuple[str, str]]

    @property
    def everything(self) -> list[tuple[str, str]]:
        """The flow run and all that it started."""
        return [self.flow, *self.subflows, *self.tasks]

    @property
    def is_final(self) -> bool:
        """Whether the API knows how everything ended."""
        return all(state in FINAL for state, _ in self.everything)


def ask(
    api_url: str, path: str, body: dict[str, Any], *, environ: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """
    Return all rows of a filter call, page by page; raises `PrefectUnreachable`.

    Logs in as ``environ`` says, by default this process's.
    """
    rows: list[dict[str, Any]] = []
    while True:
        asked = {**body, "limit": PAGE, "offset": len(rows)}
        page: list[dict[str, Any]] = send(api_url, "POST", path, asked, environ=environ)
        rows += page
        if len(page) < PAGE:
            return rows


def send(
    api_url: str, method: str, path: str, body: dict[str, Any], *, environ: Mapping[str, str] | None = None
) -> Any:
    """
    Call the API and return what it answers; raises `PrefectUnreachable`. Logs in as ``environ`` says.

    A server on SQLite answers 503 while another transaction writes, and has done nothing: asked again.
    """
    headers = {"Content-Type": "application/json", **authorization(environ)}
    status, text = 0, b""
    for wait_s in BUSY_WAITS_S:
        status, text = _call(api_url, method, path, body, headers)
        if status != http.HTTPStatus.SERVICE_UNAVAILABLE:
            break
        time.sleep(wait_s)
    if status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
        raise PrefectUnreachable(f"{urlsplit(api_url).netloc}{path}: {status} {text[:200]!r}")
    return json.loads(text)


def _call(
    api_url: str, method: str, path: str, body: dict[str, Any], headers: Mapping[str, str]
) -> tuple[int, bytes]:
    parts = urlsplit(api_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(parts.netloc, timeout=ASK_S)) as connection:
            connection.request(method, f"{parts.path.rstrip('/')}{path}", json.dumps(body), dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as exc:
        raise PrefectUnreachable(f"{parts.netloc}{path}: {exc}") from exc


def runs_of(api_url: str, flow_run_id: str, *, environ: Mapping[str, str] | None = None) -> Runs:
    """Ask how a flow run and everything under it ended; logs in as ``environ`` says."""

    def states(path: str, body: dict[str, Any]) -> list[tuple[str, str]]:
        rows = ask(api_url, path, body, environ=environ)
        return [(str(row.get("state_type")), str(row.get("name"))) for row in rows]

    one = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
    flow = states("/flow_runs/filter", one)
    under = {"flow_runs": {"parent_flow_run_id": {"any_": [flow_run_id]}}}
    tasks = states("/task_runs/filter", {**one, "task_runs": {"subflow_runs": {"exists_": False}}})
    if not flow:
        raise PrefectUnreachable(f"the API knows no flow run {flow_run_id}")
    return Runs(flow[0], states("/flow_runs/filter", under), tasks)


def all_green(api_url: str, flow_run_id: str, *, tick: Callable[[], None] | None = None) -> Proof:
    """Prove that the run, its sub-flows and its tasks all completed, as the API tells it."""
    runs = _final_runs(api_url, flow_run_id, tick)
    wrong = [f"{name} is {state}" for state, name in runs.everything if state != "COMPLETED"]
    kinds = Counter(name.partition(" ")[0] for _, name in runs.tasks)
    tasks = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    figures = f"flow {runs.flow[1]!r}, {len(runs.subflows)} sub-flow runs, tasks: {tasks}"
    claim = "Prefect: the run, its sub-flows and its tasks all completed"
    if wrong:
        return Proof(claim, False, f"{len(wrong)} of {len(runs.everything)}: {'; '.join(wrong[:3])}")
    return Proof(claim, bool(runs.subflows and runs.tasks), figures)


def _final_runs(api_url: str, flow_run_id: str, tick: Callable[[], None] | None) -> Runs:
    """Ask until the API knows how everything ended, or patience does; the last answer counts."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            runs = runs_of(api_url, flow_run_id)
            if runs.is_final or time.monotonic() > until:
                return runs
        except PrefectUnreachable:
            if time.monotonic() > until:
                raise
        if tick is not None:
            tick()
        time.sleep(PAUSE_S)
