"""
Misbehaviour that can be ordered: the kinds and the order form.

`tasks.loopback.faults.desk` arms and carries them out and writes the exact ids that were hit in the ledger.

    stream      drop duplicate reorder delay mute truncated crossed    on one stream of a symbol
    silent      lost_event lost_level wrong_side stale_qty wrong_qty    in a diff whose ids are in order
    connection  cut close shutdown lag garbage binary silence no_pong demand_pong refuse
    REST        rest_429 rest_418 rest_5xx rest_slow rest_garbage rest_cut late_snapshot stale_snapshot
    market      one_sided status tick_size shock restart
    listing     listing                     what the venue lists of a symbol
    drift       drift                       any message or address, other than its documents say
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from leadline.book.errors import BadInput


class FaultKind(StrEnum):
    """What can go wrong; see the head of this module."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay"
    MUTE = "mute"
    TRUNCATED = "truncated"
    CROSSED = "crossed"
    WRONG_QTY = "wrong_qty"
    LOST_EVENT = "lost_event"
    LOST_LEVEL = "lost_level"
    WRONG_SIDE = "wrong_side"
    STALE_QTY = "stale_qty"
    CUT = "cut"
    CLOSE = "close"
    SHUTDOWN = "shutdown"
    LAG = "lag"
    GARBAGE = "garbage"
    BINARY = "binary"
    SILENCE = "silence"
    NO_PONG = "no_pong"
    DEMAND_PONG = "demand_pong"
    REFUSE = "refuse"
    REST_429 = "rest_429"
    REST_418 = "rest_418"
    REST_5XX = "rest_5xx"
    REST_SLOW = "rest_slow"
    REST_GARBAGE = "rest_garbage"
    REST_CUT = "rest_cut"
    LATE_SNAPSHOT = "late_snapshot"
    STALE_SNAPSHOT = "stale_snapshot"
    ONE_SIDED = "one_sided"
    STATUS = "status"
    TICK_SIZE = "tick_size"
    SHOCK = "shock"
    LISTING = "listing"
    RESTART = "restart"
    DRIFT = "drift"


K = FaultKind
DEEPEST = "deepest"  # hit the level farthest from the top, not the nearest
SILENT_FAULTS = {K.LOST_EVENT, K.LOST_LEVEL, K.WRONG_SIDE, K.STALE_QTY, K.WRONG_QTY}
STREAM_FAULTS = {K.DROP, K.DUPLICATE, K.REORDER, K.DELAY, K.MUTE, K.TRUNCATED, K.CROSSED} | SILENT_FAULTS
WHICH = ("all", "oldest", "newest")
SYMBOL_FAULTS = {K.ONE_SIDED, K.STATUS, K.TICK_SIZE, K.SHOCK, K.LISTING, K.RESTART}


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One order to misbehave.

    ``symbol`` None means every symbol. ``stream`` is the kind of stream a stream fault is about. ``n``
    counts messages, subscriptions (silence) or requests. ``seconds`` is wall time: how long to delay,
    mute (0: for ever), close a side, stay halted or listed so (0: for ever), refuse connections, keep a
    REST answer back, ban (rest_418), tell to wait (rest_429), last (shock), how late everything on a
    connection is from now on (lag), or how much older a stale snapshot is.
    """

    kind: FaultKind
    symbol: str | None = None
    stream: str = "depth"
    n: int = 1
    seconds: float = 0.0
    code: int = 0  # close: close code; rest_5xx: HTTP status
    text: str = ""  # status, tick_size: the new one; sides of one_sided, shock; silent ones: "", deepest;
    # listing: one of `tasks.loopback.faults.listings`; drift: as `tasks.loopback.faults.drifts` says
    which: str = "all"  # connections that cut, close, shutdown, lag … strike: all, oldest, newest

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        if self.kind in SILENT_FAULTS and self.text not in ("", DEEPEST):
            raise BadInput(f"fault {self.kind}: text is empty or {DEEPEST}, got {self.text!r}")
        if self.n < 1 or self.seconds < 0:
            raise BadInput(
                f"fault {self.kind}: n starts at 1 and seconds at 0, got {self.n}, {self.seconds}"
            )
        if self.which not in WHICH:
            raise BadInput(f"fault {self.kind}: which is one of {', '.join(WHICH)}, got {self.which!r}")
        if self.kind in SYMBOL_FAULTS and self.symbol is None:
            raise BadInput(f"fault {self.kind}: needs a symbol")

    @classmethod
    def from_json(cls, raw: object) -> Fault:
        """Read an order such as ``{"kind": "drop", "symbol": "BTCUSDT", "n": 2}``; raises `BadInput`."""
        known = {each.name for each in fields(cls)}
        if not isinstance(raw, dict) or "kind" not in raw or not set(raw) <= known:
            raise BadInput(f"fault: expected an object with kind and any of {sorted(known)}, got {raw!r}")
        try:
            return cls(**raw)
        except (TypeError, ValueError) as exc:
            raise BadInput(f"fault: {exc}") from exc
