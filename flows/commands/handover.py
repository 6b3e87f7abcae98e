"""``leadline handover``: start a successor of the running stream where it belongs, and see it through."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from leadline.book.errors import LeadlineError
from leadline.flows.commands.stream import stream_here
from leadline.flows.config.settings import Settings, from_args
from leadline.flows.demo.prefect_proof import FINAL, PrefectUnreachable, ask, send
from leadline.flows.local.prefect_server import client_environment, configured_url, running_private
from leadline.flows.terminal.console import put, say
from leadline.flows.terminal.progress import Progress
from leadline.storage.handover.requests import holder_pid

LOOK_S = 0.5
START_S = 120.0  # a worker looks for work every few seconds, and a run takes some to start
DB_LABEL = "leadline.db"


class HandoverFailed(LeadlineError):
    """The successor did not become the stream; the old one streams on."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The running stream as a run of a deployment, and the API that knows it."""

    api_url: str
    deployment_id: str
    pool: str | None
    parameters: dict[str, Any]


def run(args: argparse.Namespace) -> int:
    """Start the successor with the worker that runs the old one, else become it here."""
    settings = from_args(args)
    old = holder_pid(settings.db)
    if old is None:
        say(f"leadline handover: nobody streams into {settings.db}; begin with leadline stream")
        return 1
    deployed = None if args.here else find_deployed(settings, old)
    if deployed is None:
        say(f"becoming the successor of process {old} here; Ctrl-C stops it")
        return stream_here(settings, as_json=args.json, handover=True)
    began = time.monotonic()
    run_id = _start(deployed, settings)
    pid = _see_through(deployed.api_url, run_id, settings, old)
    seconds = time.monotonic() - began
    if args.json:
        found = {"from_pid": old, "to_pid": pid, "flow_run_id": run_id, "seconds": seconds}
        put([json.dumps(found | {"db": str(settings.db)})])
    say(f"process {pid} streams into {settings.db} now; process {old} handed over ({seconds:.0f} s in all)")
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
        say(f"no worker can be asked ({exc})")
        return None
    ours = str(settings.db.resolve())
    for run in runs:
        says = str(run["labels"].get(DB_LABEL, "")).partition(":")[2]  # some seconds after its start
        if (says == ours or run["infrastructure_pid"] == str(pid)) and run["deployment_id"]:
            return Deployed(api_url, run["deployment_id"], run.get("work_pool_name"), run["parameters"])
    return None


def _start(deployed: Deployed, settings: Settings) -> str:
    parameters = {**deployed.parameters, "handover": True}
    path = f"/deployments/{deployed.deployment_id}/create_flow_run"
    made = send(deployed.api_url, "POST", path, {"parameters": parameters, "name": "handover"})
    say(f"run {made['id']} is to follow the stream of {settings.db}")
    return str(made["id"])


def _see_through(api_url: str, run_id: str, settings: Settings, old: int) -> int:
    """Wait until another process holds the database; return its pid."""
    state: dict[str, Any] = {}
    began = time.monotonic()

    def picture() -> Text:
        said = state.get("state_name", "asked for")
        return Text(f"{time.monotonic() - began:.0f} s: the successor is {said}", style="dim")

    with Progress(picture, after_s=0.5) as progress:
        while True:
            pid = holder_pid(settings.db)
            if pid not in (None, old):
                return int(pid or 0)
            state = _look(api_url, run_id) or state
            if state.get("state_type") in FINAL:
                message = (state.get("state") or {}).get("message")
                raise HandoverFailed(f"the successor ended as {state['state_name']}: {message}")
            waited_s = time.monotonic() - began
            if waited_s > START_S and state.get("state_type") in {"SCHEDULED", "PENDING", None}:
                raise HandoverFailed(
                    f"no worker started the successor in {START_S:.0f} s; is one running? Run {run_id} "
                    "follows whenever a worker takes it: cancel it, or use leadline handover --here"
                )
            if waited_s > settings.warm_s + START_S:
                raise HandoverFailed(
                    f"run {run_id} did not take over in {waited_s:.0f} s; its log says more"
                )
            _pause(progress)


def _look(api_url: str, run_id: str) -> dict[str, Any] | None:
    try:
        found = ask(api_url, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
    except PrefectUnreachable:
        return None
    return found[0] if found else None


def _pause(progress: Progress) -> None:
    until = time.monotonic() + LOOK_S
    while time.monotonic() < until:
        progress.tick()
        time.sleep(0.1)
