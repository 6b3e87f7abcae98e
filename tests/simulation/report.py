"""What came of lives: one line of JSON for each, kept in a file, and the totals in words."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = ("book", "storage", "tasks", "tests/simulation")


@dataclass(frozen=True, slots=True)
class Result:
    """One life: how much was lived, what was done to it, what broke. ``code`` names the program's text."""

    seed: int
    is_short: bool
    code: str
    symbol_hours: float
    diffs: int
    live_ids: int  # at which a LIVE book was held against the truth
    rows: int  # batches that were acknowledged
    looks: int
    cpu_s: float
    fingerprint: str
    faults: dict[str, int]
    broken: dict[str, list[str]] = field(default_factory=dict)
    not_asked: list[str] = field(default_factory=list)

    def words(self) -> str:
        """Tell the life in one line."""
        faults = ", ".join(f"{kind} {n}" if n > 1 else kind for kind, n in sorted(self.faults.items()))
        state = "BROKEN " + ", ".join(sorted(self.broken)) if self.broken else "kept"
        return (
            f"seed {self.seed}: {state}; {self.symbol_hours:.2f} symbol-hours, {self.diffs:,} diffs, "
            f"{self.cpu_s:.1f} s of CPU; {faults or 'no faults'}"
        )


def code_hash(rooms: Sequence[str] = SOURCES) -> str:
    """Return a hash of the program that lives and of the one that judges: other code, other results."""
    found = hashlib.sha256()
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def read(path: Path, code: str) -> dict[tuple[int, bool], Result]:
    """Read the results of this code; a line that was cut short is none."""
    found: dict[tuple[int, bool], Result] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            raw: dict[str, Any] = json.loads(line)
            result = Result(**raw)
        except (ValueError, TypeError):
            continue
        if result.code == code:
            found[result.seed, result.is_short] = result
    return found


def append(path: Path, result: Result) -> None:
    """Keep one more result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result), sort_keys=True) + "\n")


def totals(results: Iterable[Result], off: dict[str, str]) -> str:
    """Sum up, in words."""
    every = list(results)
    faults: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    not_asked: Counter[str] = Counter()
    for result in every:
        faults.update(result.faults)
        broken.update(dict.fromkeys(result.broken, 1))
        not_asked.update(result.not_asked)
    lines = [
        f"{len(every):,} lives, {sum(r.symbol_hours for r in every):,.1f} symbol-hours, "
        f"{sum(r.diffs for r in every):,} diffs, {sum(r.cpu_s for r in every) / 3600:.2f} CPU-hours",
        f"books held against the truth at {sum(r.live_ids for r in every):,} ids, "
        f"{sum(r.rows for r in every):,} batches, {sum(r.looks for r in every):,} looks of a signal",
        f"faults: {sum(faults.values()):,} "
        + ", ".join(f"{kind} {n:,}" for kind, n in faults.most_common()),
    ]
    lines += [
        f"not asked of {not_asked[name]:,} lives: {name} (known: {why})"
        for name, why in sorted(off.items())
    ]
    lines += [f"BROKEN in {n:,} lives: {name}" for name, n in broken.most_common()]
    lines.append(f"{sum(broken.values()):,} broken promises")
    return "\n".join(lines)
