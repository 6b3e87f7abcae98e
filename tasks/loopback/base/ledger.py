"""What the venue did to whom: the lines a test or the demo compares with what the product noticed."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.net.clock import Clock

LEDGER_MAX = 10_000  # lines kept; the oldest go first


@dataclass(slots=True)
class Entry:
    """One line of the ledger: a fault ordered, what it hit so far and whether it is over."""

    number: int
    fault: Fault
    at_ns: int  # wall clock, when it was ordered
    clock: Clock
    hits: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    def hit(self, **facts: Any) -> None:
        """Add what was hit just now."""
        self.hits.append({"at_ns": self.clock.wall_ns(), **facts})

    def as_json(self) -> dict[str, Any]:
        """Give the line as plain values."""
        order = {name: value for name, value in asdict(self.fault).items() if value is not None}
        return {
            "number": self.number,
            **order,
            "at_ns": self.at_ns,
            "hits": list(self.hits),
            "done": self.done,
        }


class Ledger:
    """Faults in the order they were ordered, and what the venue did by its own rules (cuts, refusals)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: deque[Entry] = deque(maxlen=LEDGER_MAX)
        self.notes: deque[dict[str, Any]] = deque(maxlen=LEDGER_MAX)
        self._count = 0

    def open(self, fault: Fault) -> Entry:
        """Start a line."""
        self._count += 1
        entry = Entry(self._count, fault, self._clock.wall_ns(), self._clock)
        self.entries.append(entry)
        return entry

    def note(self, what: str, **facts: Any) -> None:
        """Write down what the venue did without an order."""
        self.notes.append({"what": what, "at_ns": self._clock.wall_ns(), **facts})
