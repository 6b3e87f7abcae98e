"""
Every named fault of a model server against the real client and the real ledger, as a table.

    python -m tests.drills.llm_faults [--only WORD] [--json]

Each fault is a real HTTP server on 127.0.0.1 that misbehaves; dollars are what the ledger's file holds
afterwards. Ends with 1 if any fault did not lead to what the table of `tests.tasks.llm.faults` says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.tasks.llm.fault_stage import FaultResult, fault_stage
from tests.tasks.llm.faults import FAULTS, Fault

HEAD = f"{'fault':32} {'outcome':15} {'calls':>5} {'rows':>4}  {'USD booked':>12}  {'held':>4}  verdict"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.llm_faults", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="faults whose name holds it")
    parser.add_argument("--json", action="store_true", help="one object for a program")
    options = parser.parse_args(arguments)
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    if not chosen:
        print(f"no fault's name holds {options.only!r}", file=sys.stderr)
        return 2
    came = asyncio.run(run_all(chosen, show=not options.json))
    wrong = [one for one in came if one.wrong()]
    if options.json:
        print(json.dumps([as_fields(one) for one in came], indent=1))
    else:
        print(f"{len(came)} faults, {len(wrong)} not as they should be")
        print("held: attempts of which nobody can say what they cost, booked at the most that they can")
    return 1 if wrong else 0


async def run_all(faults: Sequence[Fault], *, show: bool) -> list[FaultResult]:
    if show:
        print(HEAD)
    all_came = []
    with tempfile.TemporaryDirectory() as folder, fault_stage(Path(folder)) as stage:
        for fault in faults:
            came = await stage.run(fault)
            all_came.append(came)
            if show:
                print(line(came), flush=True)
    return all_came


def line(came: FaultResult) -> str:
    verdict = "; ".join(came.wrong()) or "as it should be"
    return (
        f"{came.fault.name:32} {came.reply.outcome:15} {came.calls:5} {len(came.rows):4}  "
        f"{came.booked_usd:12.8f}  {len(came.holds):4}  {verdict}"
    )


def as_fields(came: FaultResult) -> dict[str, object]:
    return {
        "fault": came.fault.name,
        "outcome": came.reply.outcome,
        "reason": came.reply.reason,
        "calls": came.calls,
        "booked_usd": str(came.booked_usd),
        "held": len(came.holds),
        "seconds": round(came.seconds, 3),
        "wrong": came.wrong(),
    }


if __name__ == "__main__":
    sys.exit(main())
