"""
Many analyses at once on a small budget, with faults and kill -9; then the ledger against the server.

    python -m tests.drills.spend --rounds 10

Each round: one process owns the database, four others run 25 analyses each at the same time against a
server that counts its own tokens, and two of the four are killed while they hold money. A watcher looks
all the while at what is spent and held. Prints a line a round; ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from leadline.storage.access.connect import Connection, connect
from leadline.storage.access.owner import Owner
from leadline.storage.spend import ledger, prices, reports
from tests.drills.analyst import MODEL, PATIENCE_S
from tests.drills.counting_server import CountingServer, Record
from tests.storage.helpers import Served, wait_until

PER_TOKEN = Decimal("0.0000025")  # the flat tariff of MODEL at holysheep
PROCESSES, ANALYSES = 4, 25
LONGEST_S = 120.0

USED = "SELECT coalesce(sum(coalesce(cost_usd, held_usd)), 0) FROM llm_calls"
ROWS = "SELECT * FROM llm_calls ORDER BY seq"
# A killed process should hold money, and have spent some.
RIPE = """
SELECT count(*) FILTER (WHERE state = 'open') > 0 AND count(*) FILTER (WHERE state = 'settled') > 1
FROM llm_calls WHERE starts_with(signal_id, $name)
"""


@dataclass
class Round:
    """What one round came to; ``wrong`` is empty when everything agreed."""

    budget_usd: Decimal
    most_usd: Decimal = Decimal(0)  # spent and held, the most a look ever saw
    looks: int = 0
    used_usd: Decimal = Decimal(0)
    server_usd: Decimal = Decimal(0)  # what it would bill for all it worked on
    exact: int = 0  # rows equal to the server's record
    unsure: int = 0  # rows whose attempt's end the ledger does not know exactly
    orphans: int = 0
    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Watcher:
    """Looks at spent plus held through a connection of its own, as fast as it can."""

    def __init__(self, db: Path, found: Round) -> None:
        self._found, self._db = found, db
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with connect(self._db) as con:
            while not self._stop.wait(0.002):
                (used,) = con.execute(USED).fetchone() or (Decimal(0),)
                self._found.looks += 1
                self._found.most_usd = max(self._found.most_usd, used)


def play(folder: Path, *, budget_usd: Decimal, questions: int, seed: int, kills: int = 2) -> Round:
    """Run one round in ``folder`` and judge it."""
    found = Round(budget_usd)
    db = folder / "spend.duckdb"
    with Owner(db) as owner:
        con = owner.cursor()
        prices.seed(con)
        reports.set_budget(con, "all", "day", budget_usd, now=dt.datetime.now(dt.UTC))
        con.close()
    server = CountingServer(PER_TOKEN, Random(seed), slow_s=PATIENCE_S)
    with server, Served(db) as served:
        with Watcher(db, found):
            _run(db, server, found, questions, seed, kills)
        with connect(db, write=True) as con:
            judge(con, server.records, found)
        served.stop()
    return found


def _run(db: Path, server: CountingServer, found: Round, questions: int, seed: int, kills: int) -> None:
    names = [f"p{number}" for number in range(PROCESSES)]
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.drills.analyst", str(db), server.base_url, name, str(ANALYSES),
             str(questions), str(seed + number)],
            stdout=subprocess.PIPE, text=True,
        )
        for number, name in enumerate(names)
    }  # fmt: skip
    try:
        with connect(db) as con:
            for name in names[:kills]:
                found.kills += _kill_when_ripe(con, name, processes[name])
        for name, process in processes.items():
            said, _ = process.communicate(timeout=LONGEST_S)
            if process.returncode == 0:
                outcomes = Counter(json.loads(said))
                found.outcomes += outcomes
                if outcomes.total() != ANALYSES * questions:
                    found.wrong.append(f"{name}: {outcomes.total()} questions answered")
            elif process.returncode != -9:
                found.wrong.append(f"{name} ended with {process.returncode}")
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _kill_when_ripe(con: Connection, name: str, process: subprocess.Popen[str]) -> int:
    """Kill a process while it holds money; 0 if it was done before that could be seen."""

    def ripe() -> bool:
        (is_ripe,) = con.execute(RIPE, {"name": name + "-"}).fetchone() or (False,)
        return bool(is_ripe) or process.poll() is not None

    wait_until(ripe, LONGEST_S)
    was_running = process.poll() is None
    process.kill()
    return int(was_running)


def judge(con: Connection, records: list[Record], found: Round) -> None:
    """Hold every row against the server's record of it, and the sums against each other."""
    before = _used(con)
    found.orphans = ledger.expire(con, now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    found.used_usd = _used(con)
    con.execute(ROWS)
    names = [column[0] for column in con.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in con.fetchall()]
    found.kinds = Counter(record.kind for record in records)
    found.server_usd = sum((record.cost_usd(PER_TOKEN) for record in records), Decimal(0))
    by_number = {record.number: record for record in records}
    told = [row for row in rows if row["model_served"]]
    for row in told:
        record = by_number.pop(int(row["model_served"].removeprefix(f"{MODEL}-")))
        found.wrong += _compare(row, record)
    found.exact = sum(row["usage_source"] == "reported" for row in told)
    silent = [row for row in rows if not row["model_served"] and row["cost_source"] == "hold"]
    found.unsure = len(silent) + len(told) - found.exact
    # What the server worked on and no row names: its row holds the worst case.
    unnamed = [record for record in by_number.values() if record.worked]
    checks = {
        "spent and held went over the budget": found.most_usd <= found.budget_usd,
        "more is booked than the budget": found.used_usd <= found.budget_usd,
        "orphans changed what counts": before == found.used_usd,
        "no orphan, though processes were killed": found.orphans > 0 or found.kills == 0,
        "the server worked on more requests than rows can answer for": len(unnamed) <= len(silent),
        "what the server worked on unseen costs more than is held for it": (
            sum((record.cost_usd(PER_TOKEN) for record in unnamed), Decimal(0))
            <= sum((row["cost_usd"] for row in silent), Decimal(0))
        ),
        "the server would bill more than is booked": found.server_usd <= found.used_usd,
        "a request was made without a row": len(records) <= len(rows),
        "the budget was never full": found.outcomes["refused_budget"] > 0,
        "our costs are not those the provider reports": all(
            row["provider_cost_usd"] in (None, row["cost_usd"]) for row in told
        ),
    }
    found.wrong += [words for words, holds in checks.items() if not holds]


def _used(con: Connection) -> Decimal:
    (used,) = con.execute(USED).fetchone() or (Decimal(0),)
    return Decimal(used)


def _compare(row: dict[str, Any], record: Record) -> list[str]:
    tokens = (row["prompt_tokens"], row["completion_tokens"])
    mine, its = row["cost_usd"], record.cost_usd(PER_TOKEN)
    if row["usage_source"] == "estimated":
        fine = record.kind == "no usage" and its <= mine <= row["held_usd"]
    else:
        fine = tokens == (record.prompt_tokens, record.completion_tokens) and mine == its
    return [] if fine else [f"call {row['call_id']}: {tokens} tokens, {mine} USD; the server: {record}"]


def main() -> int:
    """Play the rounds; print a line each."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.spend", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--questions", type=int, default=4, help="of each of the 100 analyses")
    parser.add_argument("--budget", type=Decimal, default=Decimal("0.05"), metavar="USD")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print("round  looks  most, USD  booked, USD  server, USD  exact  unsure  orphans  kills  verdict")
    bad = 0
    for number in range(args.rounds):
        folder = Path(tempfile.mkdtemp(prefix="leadline-spend-"))
        began = time.monotonic()
        found = play(
            folder, budget_usd=args.budget, questions=args.questions, seed=args.seed + 100 * number
        )
        shutil.rmtree(folder)
        bad += bool(found.wrong)
        print(
            f"{number + 1:5}  {found.looks:5}  {found.most_usd:9.6f}  {found.used_usd:11.6f}  "
            f"{found.server_usd:11.6f}  {found.exact:5}  {found.unsure:6}  {found.orphans:7}  "
            f"{found.kills:5}  {'; '.join(found.wrong) or 'agrees'} ({time.monotonic() - began:.0f} s, "
            f"{dict(found.outcomes)}, {dict(found.kinds)})",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
