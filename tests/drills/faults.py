"""
The named faults of the drill `faults`: what is ordered of the venue, and what must show that it was seen.

A fault that shows nowhere must be borne: the book stays LIVE in its epoch, nothing is missing, and
`tests.drills.fault_lines` counts it as WRONG otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from leadline.tasks.loopback import Fault, FaultKind

VICTIM = "*"  # stands for the symbol that is hit
K = FaultKind


@dataclass(frozen=True, slots=True)
class Named:
    """
    One fault. Seen by any of ``reasons`` in ``book_events``, or by what ``told`` names:

    bad_frames, takeovers, clock, disk and owner are counters and states of the stream, ``error …`` is
    a word in its last error. ``silent`` orders one diff after another until the book was found wrong.
    """

    name: str
    orders: tuple[Fault, ...] = ()
    reasons: tuple[str, ...] = ()
    told: str = ""
    every_symbol: bool = False
    silent: bool = False
    may: tuple[str, ...] = ()  # reasons that are no harm, whether they show or not

    @property
    def must_show(self) -> bool:
        """Whether it has to be detected; else it has to be borne."""
        return bool(self.reasons or self.told)


def _one(kind: FaultKind, n: int = 1, seconds: float = 0.0, text: str = "", stream: str = "depth") -> Fault:
    return Fault(kind, VICTIM, stream, n, seconds, text=text)


def _all(kind: FaultKind, n: int = 1, seconds: float = 0.0, code: int = 0) -> Fault:
    return Fault(kind, n=n, seconds=seconds, code=code)


def _lost_seed(kind: FaultKind, seconds: float = 0.0, code: int = 0) -> tuple[Fault, ...]:
    """Make the book want a seed whose request goes wrong."""
    return (Fault(kind, VICTIM, seconds=seconds, code=code), _one(K.DROP))


WRONG = ("refuted", "crossed")

DROP = Named("one diff lost", (_one(K.DROP),), ("gap",))
BURST = Named("five diffs lost", (_one(K.DROP, 5),), ("gap",))
DUPLICATE = Named("three diffs sent twice", (_one(K.DUPLICATE, 3),))
REORDER = Named("two diffs swapped", (_one(K.REORDER),), ("gap",))
LATE = Named("diffs 0.3 s late", (_one(K.DELAY, 1, 0.3),))
DELAY = Named("diffs 2.5 s late", (_one(K.DELAY, 1, 2.5),), ("silent",))
MUTE = Named("depth mute 2.5 s", (_one(K.MUTE, 1, 2.5),), ("silent",))
BLIP = Named("depth mute 0.3 s", (_one(K.MUTE, 1, 0.3),), ("gap",))
# Two tickers, others between them missing, bracket a book that agrees with neither: SUSPECT for a moment.
NO_TICKERS = Named(
    "book tickers mute 1 s", (_one(K.MUTE, 1, 1.0, stream="bookTicker"),), may=("mismatch", "ready")
)
TRUNCATED = Named("half a diff", (_one(K.TRUNCATED),), ("bad_frame",))
CROSSED = Named("a diff that crosses the book", (_one(K.CROSSED),), WRONG)
LOST_EVENT = Named("diff emptied, ids in order", (_one(K.LOST_EVENT),), WRONG, silent=True)
LOST_LEVEL = Named("level left out, ids in order", (_one(K.LOST_LEVEL),), WRONG, silent=True)
WRONG_SIDE = Named("level on the wrong side", (_one(K.WRONG_SIDE),), WRONG, silent=True)
STALE_QTY = Named("an old quantity", (_one(K.STALE_QTY),), WRONG, silent=True)
WRONG_QTY = Named("a wrong quantity", (_one(K.WRONG_QTY),), WRONG, silent=True)
CUT = Named("connection cut", (_all(K.CUT),), ("session_lost",), every_symbol=True)
CLOSE = Named("closed with 1008", (_all(K.CLOSE, code=1008),), ("session_lost",), every_symbol=True)
SHUTDOWN = Named("shutdown announced", (_all(K.SHUTDOWN, seconds=15),), told="takeovers", every_symbol=True)
GARBAGE = Named("three frames of garbage", (_all(K.GARBAGE, 3),), told="bad_frames", every_symbol=True)
BINARY = Named("a binary frame", (_all(K.BINARY),), told="bad_frames", every_symbol=True)
DEMAND_PONG = Named("a pong wanted within 1 s", (_all(K.DEMAND_PONG, seconds=1.0),), every_symbol=True)
REFUSE = Named(
    "cut, then refused for 1 s",
    (_all(K.REFUSE, seconds=1.0), _all(K.CUT)),
    ("session_lost",),
    "error ConnectionRefused",
    every_symbol=True,
)
DEAF = Named(
    "cut, then one depth never served",
    (_one(K.SILENCE), _all(K.CUT)),
    ("session_lost",),
    every_symbol=True,
)
REST_429 = Named("seed: 429, wait 1 s", _lost_seed(K.REST_429, 1.0), ("gap",), "error 429")
REST_418 = Named("seed: banned for 1 s", _lost_seed(K.REST_418, 1.0), ("gap",), "error 418")
REST_5XX = Named("seed: 503", _lost_seed(K.REST_5XX, code=503), ("gap",), "error 503")
REST_SLOW = Named("seed: no answer for 3 s", _lost_seed(K.REST_SLOW, 3.0), ("gap",), "error Timeout")
REST_GARBAGE = Named("seed: a page of HTML", _lost_seed(K.REST_GARBAGE), ("gap",), "error Just a moment")
REST_WAF = Named(
    "seed: 403 of a firewall", _lost_seed(K.REST_GARBAGE, code=403), ("gap",), "error firewall"
)
REST_CUT = Named("seed: cut in the body", _lost_seed(K.REST_CUT), ("gap",), "error RemoteProtocol")
LATE_SEED = Named("seed: 0.5 s late", _lost_seed(K.LATE_SNAPSHOT, 0.5), ("gap",))
OLD_SEED = Named("seed: 5 s old", _lost_seed(K.STALE_SNAPSHOT, 5.0), ("seed_too_old",))
NO_ASKS = Named("no asks for 1 s", (_one(K.ONE_SIDED, 1, 1.0, "asks"),), ("one_sided",))
NO_BIDS = Named("no bids for 1 s", (_one(K.ONE_SIDED, 1, 1.0, "bids"),), ("one_sided",))
HALT = Named("trading halted 1.5 s", (_one(K.STATUS, 1, 1.5, "HALT"),), ("halted",))
TICK = Named("a finer tick", (_one(K.TICK_SIZE, 1, 0.0, "0.00001"),), ("off_scale",))
SHOCK = Named("bids pressed for 1 s", (_one(K.SHOCK, 1, 1.0, "bids"),))
SECOND = Named("a second stream on the file", told="owner", every_symbol=True)
FULL = Named("disk full, then room again", told="disk", every_symbol=True)
CLOCK = Named("venue's clock 1.5 s ahead", told="clock", every_symbol=True)

SPOT = (
    *(DROP, BURST, DUPLICATE, REORDER, LATE, DELAY, BLIP, MUTE, NO_TICKERS, TRUNCATED, CROSSED),
    *(LOST_EVENT, LOST_LEVEL, WRONG_SIDE, STALE_QTY, WRONG_QTY),
    *(CUT, CLOSE, SHUTDOWN, REFUSE, DEAF, GARBAGE, BINARY, DEMAND_PONG),
    *(REST_429, REST_418, REST_5XX, REST_SLOW, REST_GARBAGE, REST_WAF, REST_CUT, LATE_SEED, OLD_SEED),
    *(NO_ASKS, NO_BIDS, HALT, SHOCK, SECOND, FULL, TICK),
)
USDM = (
    *(CLOCK, DROP, DUPLICATE, REORDER, MUTE, TRUNCATED, CROSSED),
    *(LOST_EVENT, WRONG_SIDE, CUT, SHUTDOWN, REST_5XX, OLD_SEED),
)
FEW = (DROP, LOST_EVENT, DUPLICATE, CUT)
CLOCK_SKEW_S = 1.5  # of the futures venue, where CLOCK is asked
