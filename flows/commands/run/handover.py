"""``leadline handover``: start a successor of the running stream, and wait until it takes over."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from typing import Any

from leadline.book.errors import LeadlineError
from leadline.book.venues.registry import spec_of
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.run.stream import stream_here
from leadline.flows.config.settings import Settings
from leadline.flows.config.venue import refuse_unpaired
from leadline.flows.demo.prefect_proof import FINAL, PrefectUnreachable, ask, send
from leadline.flows.local.prefect_server import client_environment, configured_url, running_private
from leadline.flows.terminal.console import json_to_stdout, to_stderr
from leadline.flows.terminal.progress import LineProgress
from leadline.storage.handover.requests import holder_pid

POLL_S = 0.5
START_S = 120.0  # a worker polls every few seconds, and a run takes some to start
DB_LABEL = "leadline.db"


class HandoverFailed(LeadlineError):
    """The successor did not become the stream; the old one goes on."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The running stream as a run of a deployment, and the API that knows it."""

    api_url: str
    deployment_id: str
    pool: str | None
    parameters: dict[str, Any]


def run(args: argparse.Namespace) -> int:
    """Start the successor with the worker that runs the old one, else become it here."""
    settings = settings_of(args)
    refuse_unpaired(spec_of(settings.venue))
    old = holder_pid(settings.db)
    if old is None:
        to_stderr(f"leadline handover: no stream writes {settings.db}; start one with leadline stream")
        return 1
    deployed = None if args.here else find_deployed(settings, old)
    if deployed is None:
        to_stderr(f"becoming the successor of process {old} here; Ctrl-C stops it")
        return stream_here(settings, as_json=args.json, handover=True)
    began = time.monotonic()
    run_id = _start(deployed, settings)
    pid = _wait_for(deployed.api_url, run_id, settings, old)
    seconds = time.monotonic() - began
    if args.json:
        found = {"from_pid": old, "to_pid": pid, "flow_run_id": run_id, "seconds": seconds}
        json_to_stdout(found | {"db": str(settings.db)})
    to_stderr(f"process {pid} took over {settings.db} from process {old} after {seconds:.0f} s")
    return 0


def find_deployed(settings: Settings, pid: int) -> Deployed | None:
    """
    Find the deployment that the running stream, process ``pid``, came from; None if from none.

    This process's environment is set to use the API that was asked. Raises `ServerUnavailable` where that
    one refuses our log-in.
    """
    api_url = configured_url() or running_private(settings.home)
    if api_url is None:
        return None
    os.environ.update(client_environment(settings.home, api_url))
    running = {
        "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}, "deployment_id": {"is_null_": False}}
    }
    try:
        runs = ask(api_url, "/flow_runs/filter", running)
    except PrefectUnreachable as exc:
        to_stderr(f"no worker can be reached ({exc})")
        return None
    ours = str(settings.db.resolve())
    for run in runs:
        label = str(run["labels"].get(DB_LABEL, "")).partition(":")[2]  # some seconds after its start
        if (label == ours or run["infrastructure_pid"] == str(pid)) and run["deployment_id"]:
            return Deployed(api_url, run["deployment_id"], run.get("work_pool_name"), run["parameters"])
    return None


def _start(deployed: Deployed, settings: Settings) -> str:
    parameters = {**deployed.parameters, "handover": True}
    path = f"/deployments/{deployed.deployment_id}/create_flow_run"
    made = send(deployed.api_url, "POST", path, {"parameters": parameters, "name": "handover"})
    to_stderr(f"started run {made['id']} as the successor of the stream of {settings.db}")
    return str(made["id"])


def _wait_for(api_url: str, run_id: str, settings: Settings, old: int) -> int:
    """Wait until another process holds the database; return its pid."""
    state: dict[str, Any] = {}
    began = time.monotonic()

    def line() -> str:
        return f"{time.monotonic() - began:.0f} s: the successor is {state.get('state_name', 'requested')}"

    with LineProgress(line, after_s=0.5) as progress:
        while True:
            pid = holder_pid(settings.db)
            if pid not in (None, old):
                return int(pid or 0)
            state = _state_of(api_url, run_id) or state
            if state.get("state_type") in FINAL:
                message = (state.get("state") or {}).get("message")
                raise HandoverFailed(f"the successor ended as {state['state_name']}: {message}")
            waited_s = time.monotonic() - began
            if waited_s > START_S and state.get("state_type") in {"SCHEDULED", "PENDING", None}:
                raise HandoverFailed(
                    f"no worker started the successor in {START_S:.0f} s; is one running? Run {run_id} "
                    "takes over once a worker starts it: cancel it, or use leadline handover --here"
                )
            if waited_s > settings.warm_s + START_S:
                raise HandoverFailed(f"run {run_id} did not take over in {waited_s:.0f} s; see its log")
            _pause(progress)


def _state_of(api_url: str, run_id: str) -> dict[str, Any] | None:
    try:
        found = ask(api_url, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
    except PrefectUnreachable:
        return None
    return found[0] if found else None


def _pause(progress: LineProgress) -> None:
    until = time.monotonic() + POLL_S
    while time.monotonic() < until:
        progress.tick()
        time.sleep(0.1)
