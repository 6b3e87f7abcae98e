"""Drills of one stream following another: by age under a worker, from a terminal, and not at all."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.drills.checks import broken_promises, counting, holes, seams
from tests.drills.scorecard import Card
from tests.drills.stage import PATIENCE_S, Stage, now, until

ROTATE_S = 30.0
AWAY_S = 20.0
ENSURE = (
    "import datetime as dt; from leadline.flows.prefect_ui import alerts; "
    "alerts.ensure(away=dt.timedelta(seconds={}))"
)
AWAY = "leadline: stream away"


def rotation(stage: Stage, card: Card, *, times: int) -> None:
    """Let a stream reach the age at which it asks for its successor, several times in a row."""
    run_id = stage.run_now(max_hours=ROTATE_S / 3600)
    stage.wait_live()
    since = now()
    with counting(stage) as frames:
        for n in range(1, times + 1):
            pid = stage.stream_pid
            ended = stage.final(run_id, timeout_s=ROTATE_S + 2 * PATIENCE_S)
            card.same(f"rotation {n}: the run that was old", ended["state_name"], "HandedOver")
            until(lambda pid=pid: stage.stream_pid not in (0, pid), "another process streams")
            (run_id,) = [run["id"] for run in stage.stream_runs() if run["state_type"] == "RUNNING"]
            card.same(
                f"rotation {n}: the successor's max_hours, s",
                round(stage.run(run_id)["parameters"]["max_hours"] * 3600),
                round(ROTATE_S),
            )
        stage.wait_live()
    _no_seam(stage, card, frames.sent, frames.lost, holes(stage, since).longest_s)
    stage.leadline("stop")
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def here(stage: Stage, card: Card) -> None:
    """Take a worker's stream over in a terminal, and give it back to the worker."""
    old = stage.run_now()
    stage.wait_live()
    since, pid = now(), stage.stream_pid
    log = stage.settings.home / "here.log"
    with counting(stage) as frames, log.open("w") as words:
        terminal = subprocess.Popen(
            [sys.executable, "-m", "leadline", "handover", "--here", "--json"],
            cwd=stage.settings.home, env=stage.env, stdout=words, stderr=words, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        began = time.monotonic()
        until(lambda: stage.stream_pid == terminal.pid, "the terminal streams", timeout_s=2 * PATIENCE_S)
        card.note("worker to terminal, s", time.monotonic() - began)
        card.same("the worker's run", stage.final(old)["state_name"], "HandedOver")
        stage.wait_live()
        began = time.monotonic()
        back = stage.run_now(handover=True)
        until(lambda: stage.stream_pid not in (0, pid, terminal.pid), "the worker streams again")
        card.note("terminal to worker, s", time.monotonic() - began)
        card.same("the terminal's exit code", terminal.wait(PATIENCE_S), 0)
        stage.wait_live()
    _no_seam(stage, card, frames.sent, frames.lost, holes(stage, since).longest_s)
    stage.leadline("stop")
    card.same("the run that followed the terminal", stage.final(back)["state_type"], "COMPLETED")
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def away(stage: Stage, card: Card) -> None:
    """Let a stream stop and none follow: the automation says so, and only then."""
    code = ENSURE.format(AWAY_S)
    subprocess.run([sys.executable, "-c", code], env=stage.env, check=True, timeout=PATIENCE_S)
    stage.run_now()
    stage.wait_live()
    stage.leadline("handover")  # stopped and started in one: nobody is away
    stage.wait_live()
    time.sleep(AWAY_S + 10)
    card.same("told after a handover", len(_fired(stage)), 0)
    began = time.monotonic()
    stage.leadline("stop")
    until(lambda: _fired(stage), "the automation fires", timeout_s=AWAY_S + PATIENCE_S)
    card.most("told that the stream is away after, s", time.monotonic() - began, AWAY_S + 60)
    card.same("told", len(_fired(stage)), 1)


def _fired(stage: Stage) -> list[dict[str, object]]:
    wanted = {"filter": {"event": {"prefix": ["prefect.automation.triggered"]}}, "limit": 50}
    try:
        found = stage._api("POST", "/events/filter", wanted)["events"]
    except OSError:
        return []
    return [event for event in found if event["resource"]["prefect.resource.name"] == AWAY]


def _no_seam(stage: Stage, card: Card, sent: int, lost: int, longest_s: float) -> None:
    found = seams(stage)
    card.note("frames sent", sent)
    card.same("frames lost", lost, 0)
    card.same("diffs after missing update ids", found["lost"], 0)
    card.same("diffs whose update ids are stored twice", found["doubled"] + found["copies"], 0)
    card.same("holes in coverage, s", longest_s, 0.0)
