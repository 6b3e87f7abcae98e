"""What a loopback venue can be told; one frozen object, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leadline.book.errors import BadInput
from leadline.tasks.net.clock import SYSTEM_CLOCK, Clock


@dataclass(frozen=True, slots=True)
class Options:
    """
    Settings of a `LoopbackVenue`; the defaults are the venue's documented figures.

    ``symbols`` None lists ``count`` well-known ones, or those of the recordings. Ports 0 are chosen by
    the system. ``speed`` 2 lets market time run twice as fast; with recordings 0 means as fast as the
    clients can read. ``random_faults`` is (seed, faults per minute). Times without a unit in their name do
    not exist here; ``ping_s``, ``pong_s``, ``day_s`` are real seconds.
    """

    kind: str = "spot"  # of `tasks.loopback.venues.registry`
    symbols: tuple[str, ...] | None = None
    count: int = 4
    levels: int | None = None  # at most so many a side at the start; None: as deep as the venue's books
    seed: int = 1
    speed: float = 1.0
    recording: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    rest_port: int = 0
    weight_limit: int | None = None  # per minute; None: the venue's
    attempts: int = 300  # WebSocket connections …
    attempts_window_s: float = 300.0  # … in this time
    messages_per_s: int | None = None  # from one client; None: the venue's
    ping_s: float = 20.0
    pong_s: float = 60.0
    day_s: float = 86_400.0
    tick_s: float = 0.01  # how often frames go out
    buffer_bytes: int = 64 << 20  # unread by a client before it is cut
    history_s: float = 120.0  # market time for which the truth at an id is kept
    random_faults: tuple[int, float] | None = None
    clock_skew_s: float = 0.0  # how far market time, and with it the venue's clock, is ahead of ours
    start_ns: int | None = None  # market time at the start; None: the clock's
    clock: Clock = SYSTEM_CLOCK  # the venue's own

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", str(self.kind))
        object.__setattr__(self, "recording", tuple(Path(path) for path in self.recording or ()))
        if self.symbols is not None:
            object.__setattr__(self, "symbols", tuple(self.symbols))
        least = {"tick_s": self.tick_s, "ping_s": self.ping_s, "pong_s": self.pong_s, "day_s": self.day_s}
        for name, value in least.items():
            if value <= 0:
                raise BadInput(f"{name}: expected more than 0, got {value}")
        if self.speed < 0 or (self.speed == 0 and not self.recording):
            raise BadInput(f"speed: expected more than 0 (0 only with recordings), got {self.speed}")
