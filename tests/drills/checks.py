"""What the drills ask of a store: what was sent against what is stored, and what was not covered."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.queries import invariants as audit
from tests.drills.stage import Stage, until
from tests.drills.store_checks import half_batches, loose_ends

_STORED = """
SELECT count(DISTINCT last_id) FROM depth_diffs
WHERE symbol = $symbol AND last_id > $after AND last_id <= $until
"""
_NEWEST = "SELECT max(last_id) FROM depth_diffs WHERE symbol = $symbol"
_HOLES = """
SELECT count(*), coalesce(max(seconds), 0.0), coalesce(sum(next_id - first_missing_id), 0)::BIGINT
FROM coverage_holes WHERE NOT is_open AND ts_to >= CAST($since AS TIMESTAMP)
"""


@dataclass(slots=True)
class Counted:
    """Depth frames that the venue sent in a span of time, and how many of them are stored."""

    sent: int = 0
    stored: int = 0

    @property
    def lost(self) -> int:
        """Sent and not stored."""
        return self.sent - self.stored


@dataclass(frozen=True, slots=True)
class Holes:
    """What was not covered since a moment: holes, the longest of them, and the ids missing in all."""

    n: int
    longest_s: float
    ids: int


def depth_sent(stage: Stage) -> dict[str, tuple[int, int]]:
    """Return by symbol how many diffs the venue has sent, and the id of the last."""
    sent = stage.venue.get("ledger")["sent"].values()
    return {each["symbol"]: (each["sent"], each["last"][1]) for each in sent if each["kind"] == "depth"}


@contextmanager
def counting(stage: Stage) -> Iterator[Counted]:
    """Count what the venue sends while the block runs; afterwards wait until its end is stored."""
    counted = Counted()
    before = depth_sent(stage)
    yield counted
    after = depth_sent(stage)

    def reached() -> bool:
        return all(
            (stage.sql(_NEWEST, {"symbol": symbol})[0][0] or 0) >= last
            for symbol, (_, last) in after.items()
        )

    until(reached, "what was sent is stored")
    for symbol, (n, last) in after.items():
        n_before, last_before = before[symbol]
        where: dict[str, object] = {"symbol": symbol, "after": last_before, "until": last}
        counted.sent += n - n_before
        counted.stored += int(stage.sql(_STORED, where)[0][0])


def holes(stage: Stage, since: dt.datetime) -> Holes:
    """Ask what was not covered since then, holes that are still open apart."""
    n, longest_s, ids = stage.sql(_HOLES, {"since": since})[0]
    return Holes(int(n), float(longest_s), int(ids))


def broken_promises(stage: Stage) -> list[str]:
    """Hold a store that nobody holds against its own ledger of batches; say and return what is wrong."""
    with Owner(stage.db) as owner:
        con = owner.cursor()
        found = [*half_batches(con), *loose_ends(con)]
    # The deployment snapshot-depth writes samples of its own, beside the batches of a stream.
    found = [complaint for complaint in found if not complaint.startswith("samples:")]
    for complaint in found:
        print(complaint, file=sys.stderr)
    return found


def seams(stage: Stage) -> dict[str, int]:
    """Count diffs after missing ids and diffs with ids that are stored twice."""
    with connect(stage.db) as con:
        return {
            "lost": len(audit.lost_ids(con).rows),
            "doubled": len(audit.doubled_ids(con).rows),
            "copies": len(audit.copies(con).rows),
        }


def only(found: list[dict[str, Any]], **wanted: object) -> list[dict[str, Any]]:
    """Keep the runs whose fields are as wanted."""
    return [run for run in found if all(run.get(key) == value for key, value in wanted.items())]
