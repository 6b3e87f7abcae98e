"""What is kept of a life: each step of its books, looks of signals, what was acknowledged, and a log."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from leadline.book.analytics.signal_features import BookView
from leadline.storage.access.owner import Owner
from tests.simulation.grammar import Plan
from tests.simulation.market import Venue
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Held:
    """A LIVE book that had just been told something."""

    at_s: float
    stream: int
    symbol: str
    last_id: int
    digest: int
    seed_id: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What a signal was shown at a moment."""

    at_s: float
    symbol: str
    view: BookView | None
    state: str  # of the book in memory when it was asked for
    lost_s: float  # for how long it had not been LIVE at the moment of the view
    said: str


@dataclass
class Seen:
    """Everything seen of one life."""

    plan: Plan
    world: World
    venue: Venue
    db: Path
    log: list[str] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    looks: list[Looked] = field(default_factory=list)
    acks: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)  # writer, seq: diffs, trades
    events: list[tuple[float, int, str, str, str, str]] = field(default_factory=list)
    left_live_s: dict[str, float] = field(default_factory=dict)  # by symbol: since when not LIVE
    states: dict[str, str] = field(default_factory=dict)  # at the end of the settling
    failed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # kinds that were carried out
    moved: set[str] = field(default_factory=set)

    def note(self, what: str) -> None:
        """Write a line of the life's log."""
        self.log.append(f"{self.world.now_s:.6f} {what}")

    def fingerprint(self) -> str:
        """Return a hash of the whole log: the same for the same seed."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


@cache
def template() -> bytes:
    """Make a database of today's schema once; each life begins with a copy."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "template.duckdb"
        Owner(db).close()
        return db.read_bytes()
