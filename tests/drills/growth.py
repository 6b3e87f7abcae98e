"""
Growth of Prefect's own database under a stream that never ends, hours compressed into minutes.

Each round lets a stream make as many sub-flow runs as it makes in some time at its usual pace, then tends
the database as if `keep_hours` had passed. What stays must not grow from round to round, but for events:
the server itself keeps a day of them, which is all four rounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from leadline.flows.local.prefect_server import database_file
from tests.drills.scorecard import Card
from tests.drills.stage import DrillFailed, Stage, until

EVERY_S = 0.5  # instead of ten seconds
RUNS_A_DAY = 8_640
ROUNDS = 4
KIB = 1024
# What flows/tend.py does, with a clock that runs ahead.
TEND = """
import asyncio, datetime as dt, sys
from pathlib import Path
from prefect.client.orchestration import get_client
from leadline.flows.tend import PrefectCleaner
from leadline.storage.lifecycle.sqlite_file import compact

async def tend() -> None:
    async with get_client() as client:
        cleaner = PrefectCleaner(client, keep_days=7.0, keep_hours=6.0, max_seconds=300.0)
        await cleaner.clean(dt.datetime.now(dt.UTC) + dt.timedelta(hours=6))
        print(cleaner.summary())

asyncio.run(tend())
print(compact(Path(sys.argv[1]), most_s=60.0).said())
"""


# Pages by table and its indexes; what lies in the log is counted in.
USED = """
import json, sqlite3, sys
con = sqlite3.connect(sys.argv[1], timeout=30)
con.execute("PRAGMA wal_checkpoint(PASSIVE)")
rows = con.execute(
    "SELECT coalesce(s.tbl_name, d.name) AS t, sum(d.pgsize) FROM dbstat d LEFT JOIN sqlite_schema s "
    "ON s.name = d.name GROUP BY t"
)
print(json.dumps(dict(rows.fetchall())))
"""
EVENTS = ("events", "event_resources")


@dataclass(frozen=True, slots=True)
class Used:
    """Bytes of pages that hold something."""

    events: int
    rest: int


def growth(stage: Stage, card: Card, *, runs: int) -> None:
    """Count what rounds of ``runs`` sub-flow runs leave in the file, before and after tending it."""
    file = database_file(stage.settings.home)
    stage.run_now(snapshot_every_s=EVERY_S)
    stage.wait_live()
    kept: list[Used] = []
    for n in range(1, ROUNDS + 1):
        before, began = _used(file), time.monotonic()
        done = _subflows(stage)
        until(
            lambda done=done: _subflows(stage) >= done + runs, f"{runs} sub-flow runs", timeout_s=20 * runs
        )
        made, after = _subflows(stage) - done, _used(file)
        said = _tend(stage, file)
        print(f"growth, round {n}: {said}", file=sys.stderr)
        kept.append(_used(file))
        card.note(f"round {n}: sub-flow runs", made)
        card.note(f"round {n}: a second", made / (time.monotonic() - began))
        card.note(f"round {n}: KiB a sub-flow run, without events", (after.rest - before.rest) / made / KIB)
        card.note(f"round {n}: KiB a sub-flow run, its events", (after.events - before.events) / made / KIB)
        card.note(f"round {n}: KiB used after tending, without events", kept[-1].rest / KIB)
        events = (kept[-1].events - before.events) / made * RUNS_A_DAY / KIB**2
        card.note(f"round {n}: events of a day, MiB", events)
    ratio = kept[-1].rest / kept[0].rest
    card.most("used after the last round / after the first, without events", ratio, 1.5)
    stage.leadline("stop")


def _used(file: Path) -> Used:
    ran = subprocess.run(
        [sys.executable, "-c", USED, str(file)], capture_output=True, text=True, check=True
    )
    pages = json.loads(ran.stdout)
    events = sum(pages.get(name, 0) for name in EVENTS)
    return Used(events, sum(pages.values()) - events)


def _subflows(stage: Stage) -> int:
    """Count the sub-flow runs that are over, by what Prefect still has of them."""
    wanted = {
        "flow_runs": {"parent_task_run_id": {"is_null_": False}, "state": {"type": {"any_": ["COMPLETED"]}}}
    }
    found = stage._api("POST", "/flow_runs/count", wanted)
    return int(found)


def _tend(stage: Stage, file: Path) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", TEND, str(file)],
        env=stage.env, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if ran.returncode:
        raise DrillFailed(f"tending: {ran.stderr[-800:]}")
    return " ".join(ran.stdout.split("\n"))
