"""The drills: each does something bad to a stage of real processes and scores what came of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from leadline.flows.streaming.own_run import SWEEP_EVERY_S
from leadline.flows.streaming.zombies import SILENT_S
from tests.drills.checks import broken_promises, counting, holes, only, seams
from tests.drills.scorecard import Card
from tests.drills.stage import PATIENCE_S, DrillFailed, Stage, now, until

SAMPLES = "snapshot-depth"
# A killed stream is back within the interval of its schedule, the start of a run, and new seeds.
START_S = 45.0
SETTLE_S = SILENT_S + SWEEP_EVERY_S + 60  # a dead run is told by its silence, at the next look
BOOK_P99_US = 25_000.0


def outage(stage: Stage, card: Card, *, seconds: float) -> None:
    """Stop the Prefect server for a while in the middle of everything."""
    run_id = stage.run_now()
    stage.wait_live()
    pid, since = stage.stream_pid, now()
    with counting(stage) as frames:
        stage.server.stop()
        time.sleep(seconds)
        stage.server.start()
        back = stage.wait_live()
        until(lambda: stage.run(run_id), "the server answers")
        later = stage.final(stage.run_now(stage.other(SAMPLES)))
        skipped = stage.final(stage.run_now())
    found = holes(stage, since)
    card.note("outage, s", seconds)
    card.note("frames sent", frames.sent)
    card.same("frames lost", frames.lost, 0)
    card.same("holes in coverage", found.n, 0)
    card.same("the same process streams on", int(stage.stream_pid == pid), 1)
    card.most("books live after the server is back, s", back, 10)
    card.same("the stream's run", stage.run(run_id)["state_name"], "Running")
    card.same("a later snapshot-depth", later["state_type"], "COMPLETED")
    card.same("a later stream-books", skipped["state_name"], "AlreadyRunning")
    # Prefect's own observer of cancellations has given up by now.
    began = time.monotonic()
    stage.prefect("flow-run", "cancel", run_id)
    run = stage.final(run_id, timeout_s=60)
    until(lambda: not stage.stream_pid, "the file is free")
    card.same("cancelled after it", run["state_type"], "CANCELLED")
    card.most("cancel to closed, s", time.monotonic() - began, 40)
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def kills(stage: Stage, card: Card, *, times: int, every_s: float) -> None:
    """Kill -9 the stream, the worker, the server and a sub-flow's process, each several times."""
    stage.schedule(every_s)
    stage.wait_live()
    for n in range(1, times + 1):
        _kill_stream(stage, card, n, every_s)
    for n in range(1, times + 1):
        _kill_beside(stage, card, f"worker {n}", stage.worker_pid, stage.restart_worker)
    for n in range(1, times + 1):
        _kill_beside(stage, card, f"server {n}", stage.server_pid, stage.restart_server)
    for n in range(1, times + 1):
        run_id = stage.run_now(stage.other(SAMPLES))
        pid = stage.process_of(run_id)
        _kill_beside(stage, card, f"sub-flow {n}", pid, lambda: None)
        run = stage.final(run_id)
        card.same(f"kill sub-flow {n}: its run", run["state_type"], "CRASHED")
    stage.schedule(None)
    began = time.monotonic()
    try:
        until(lambda: len(_alive(stage)) == 1, "settled", timeout_s=SETTLE_S)
    except DrillFailed:
        print("\n".join(_alive(stage)), file=sys.stderr)
    card.same("runs that look alive beside the stream's", len(_alive(stage)) - 1, 0)
    card.most("all but the stream's run final after, s", time.monotonic() - began, SETTLE_S)
    stage.kill(stage.stream_pid, signal.SIGTERM)
    until(lambda: not stage.stream_pid, "the file is free")
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def _kill_stream(stage: Stage, card: Card, n: int, every_s: float) -> None:
    since, pid = now(), stage.stream_pid
    stage.kill(pid)
    until(lambda: stage.stream_pid not in (0, pid), "another process streams", timeout_s=2 * PATIENCE_S)
    back_s = (now() - since).total_seconds() + stage.wait_live()
    found = holes(stage, since)
    card.most(f"kill stream {n}: back to LIVE, s", back_s, every_s + START_S)
    card.note(f"kill stream {n}: not covered, s", found.longest_s)
    card.note(f"kill stream {n}: update ids not covered, all symbols", found.ids)


def _alive(stage: Stage) -> list[str]:
    """Return the runs of the stream that look alive, one line each."""
    states = {"RUNNING", "PENDING", "CANCELLING"}
    return [
        f"{run['name']} {run['id']} {run['state_name']} since {run['state']['timestamp']} {run['labels']}"
        for run in stage.stream_runs()
        if run["state_type"] in states
    ]


def _kill_beside(stage: Stage, card: Card, what: str, pid: int, mend: object) -> None:
    """Kill something beside the stream: it must not notice."""
    since, stream = now(), stage.stream_pid
    with counting(stage) as frames:
        stage.kill(pid)
        time.sleep(3)
        assert callable(mend)
        mend()
        live_s = stage.wait_live()
    card.same(f"kill {what}: frames lost", frames.lost, 0)
    card.same(f"kill {what}: not covered, s", holes(stage, since).longest_s, 0.0)
    card.same(f"kill {what}: the same process streams on", int(stage.stream_pid == stream), 1)
    card.note(f"kill {what}: all books seen live within, s", live_s)


def stops(stage: Stage, card: Card) -> None:
    """End the stream in every way a person has."""
    ways = {
        "cancel": lambda run_id, _: stage.prefect("flow-run", "cancel", run_id),
        "SIGTERM": lambda _, pid: stage.kill(pid, signal.SIGTERM),
        "Ctrl-C": lambda _, pid: stage.kill(pid, signal.SIGINT),
        "leadline stop": lambda *_: stage.leadline("stop"),
    }
    for name, do in ways.items():
        run_id = stage.run_now()
        stage.wait_live()
        began, pid = time.monotonic(), stage.stream_pid
        do(run_id, pid)
        until(lambda: not stage.stream_pid, "the file is free")
        closed_s = time.monotonic() - began
        run = stage.final(run_id, timeout_s=90)
        wanted = "CANCELLED" if name == "cancel" else "COMPLETED"
        card.same(f"{name}: the run", run["state_type"], wanted)
        card.most(f"{name}: closed after, s", closed_s, 40)
        card.same(f"{name}: broken promises of the store", len(broken_promises(stage)), 0)
        wal = stage.db.with_name(stage.db.name + ".wal")
        card.same(
            f"{name}: bytes left in the write-ahead log", wal.stat().st_size if wal.exists() else 0, 0
        )


def handover(stage: Stage, card: Card, *, times: int) -> None:
    """Let one stream follow another, under load."""
    run_id = stage.run_now()
    stage.wait_live()
    since = now()
    with counting(stage) as frames:
        for n in range(1, times + 1):
            began, old = time.monotonic(), run_id
            said = json.loads(stage.leadline("handover", "--json"))
            run_id = said["flow_run_id"]
            card.note(f"handover {n}: asked to done, s", time.monotonic() - began)
            card.same(f"handover {n}: the old run", stage.final(old)["state_name"], "HandedOver")
            stage.wait_live()
    found = seams(stage)
    card.note("frames sent", frames.sent)
    card.same("frames lost", frames.lost, 0)
    card.same("diffs after missing update ids", found["lost"], 0)
    card.same("diffs whose update ids are stored twice", found["doubled"] + found["copies"], 0)
    card.same("holes in coverage, s", holes(stage, since).longest_s, 0.0)
    stage.leadline("stop")
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def two(stage: Stage, card: Card) -> None:
    """Start two runs of the stream at once."""
    ids = [stage.run_now(), stage.run_now()]
    stage.wait_live()
    skipped = until(lambda: only([stage.run(one) for one in ids], state_name="AlreadyRunning"), "one left")
    streaming = only([stage.run(one) for one in ids], state_name="Running")
    card.same("runs that stream", len(streaming), 1)
    card.same("runs that ended as AlreadyRunning", len(skipped), 1)
    stage.leadline("stop")
    card.same("the other", stage.final(streaming[0]["id"])["state_type"], "COMPLETED")
    card.same("broken promises of the store", len(broken_promises(stage)), 0)


def subflows(stage: Stage, card: Card, *, runs: int) -> None:
    """Run many sub-flows in the stream's process; compare the feed's latency with and without them."""
    command = [sys.executable, "-m", "tests.drills.subflows", "--runs", str(runs)]
    ran = subprocess.run(
        command,
        env=stage.env,
        cwd=stage.settings.home,
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    card.same("sub-flow runs completed", found["completed"], runs)
    card.note("receive to book p99 without, µs (median bucket)", found["without_p99_us"])
    # Four sub-flows a second are forty times what a stream starts; they share its interpreter.
    card.most("receive to book p99 with, µs (median bucket)", found["with_p99_us"], BOOK_P99_US)
    card.note("p99 with / without", found["with_p99_us"] / found["without_p99_us"])
    card.note("frames/s without, with", f"{found['without_frames']:.0f}, {found['with_frames']:.0f}")
    card.note("sub-flow, ms (median)", found["subflow_ms"])
