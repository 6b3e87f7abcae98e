"""
Demos on a busy machine: each must end with all its proofs and exit code 0.

    python -m tests.drills.loaded --count 5        five in all, counting those of this code that are done
    python -m tests.drills.loaded --count 20 --hogs 40 --seconds 25

A result is kept as soon as there is one, so a run that was stopped goes on. Prints load and pressure beside
each demo. Ends with 0 if all held, 1 if one did not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from leadline.flows.render.tables import table_lines
from tests.drills.load import Load, loaded, pressures_us
from tests.flows.commands import ROOT, environ, start
from tests.simulation.report import code_hash

RESULTS = ROOT / ".loaded" / "results.jsonl"
FOLDERS = ("book", "storage", "tasks", "flows")
DEMO_WITHIN_S = 1800.0
COLUMNS = ("demo", "exit", "proofs", "took, s", "load", "cpu", "io", "memory", "what failed")


@dataclass(frozen=True, slots=True)
class Ran:
    """One demo under load; pressures are shares of its time in which some process waited, 0 to 1."""

    code: str
    load: dict[str, int]
    exit_code: int
    proofs: int
    failed: list[str]
    took_s: float
    load_average: float
    pressure: dict[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the demo proved everything."""
        return self.exit_code == 0 and self.proofs > 0 and not self.failed

    def row(self, n: int) -> list[Any]:
        """Return the row of `COLUMNS`."""
        shares = [f"{self.pressure[name]:.0%}" if name in self.pressure else "" for name in COLUMNS[5:8]]
        failed = "; ".join(self.failed)
        return [
            n,
            self.exit_code,
            self.proofs,
            round(self.took_s),
            round(self.load_average),
            *shares,
            failed,
        ]


def demo(folder: Path, code: str, load: Load, seconds: float) -> Ran:
    """Run one demo in ``folder`` while the machine is busy."""
    before, began_s = pressures_us(), time.monotonic()
    process = start(
        folder, "demo", "--seconds", seconds, "--json", env=environ(LEADLINE_HOME=str(folder / "home"))
    )
    try:
        out, err = process.communicate(timeout=DEMO_WITHIN_S)
    finally:
        process.kill()
    took_s = time.monotonic() - began_s
    waited = {name: (us - before.get(name, us)) / 1e6 / took_s for name, us in pressures_us().items()}
    proofs, failed = judged(out)
    if process.returncode and not failed:
        failed = [err.strip().splitlines()[-1] if err.strip() else "it said nothing"]
    load_average = os.getloadavg()[0]
    return Ran(code, asdict(load), process.returncode, proofs, failed, took_s, load_average, waited)


def judged(out: str) -> tuple[int, list[str]]:
    """Return how many proofs a demo's JSON has, and those that did not hold, with their figures."""
    try:
        proofs = json.loads(out)["proofs"]
    except (ValueError, KeyError):
        return 0, []
    return len(proofs), [f"{one['claim']}: {one['figures']}" for one in proofs if not one["holds"]]


def done(path: Path, code: str, load: Load) -> list[Ran]:
    """Read the results of this code under this load; a line that was cut short is none."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            ran = Ran(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if (ran.code, ran.load) == (code, asdict(load)):
            found.append(ran)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=5, help="demos in all (default 5)")
    parser.add_argument("--seconds", type=float, default=45.0, help="length of each (default 45)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    for name, n in asdict(Load()).items():
        parser.add_argument(f"--{name}", type=int, default=n, help=f"default {n}")
    args = parser.parse_args()
    load, code = Load(args.hogs, args.writers, args.servers), code_hash(FOLDERS)
    ran = done(args.results, code, load)
    if len(ran) < args.count:
        with (
            tempfile.TemporaryDirectory(prefix="leadline-loaded-", ignore_cleanup_errors=True) as folder,
            loaded(Path(folder), load, say=_say),
        ):
            for n in range(len(ran), args.count):
                here = Path(folder) / f"demo-{n}"
                here.mkdir()
                ran.append(demo(here, code, load, args.seconds))
                args.results.parent.mkdir(parents=True, exist_ok=True)
                with args.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(ran[-1])) + "\n")
                _say("  ".join(map(str, ran[-1].row(n + 1))))
    for line in table_lines(COLUMNS, [one.row(n) for n, one in enumerate(ran, start=1)]):
        print(line)
    held = sum(one.holds for one in ran)
    print(f"{held} of {len(ran)} demos proved everything beside {load}")
    return 0 if held == len(ran) else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
