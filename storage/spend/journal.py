"""
The journal a client of models keeps: `before` an attempt its worst case is held, `after` it is settled.

Safe for threads; one connection, used by one of them at a time. Where this process is the only one that
holds the database, it is given back between two entries, so that others get their turn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TypeVar

from leadline.storage.access.connect import Connection
from leadline.storage.access.jobs import Desk
from leadline.storage.spend import ledger, prices
from leadline.storage.spend.calls import Outcome, Plan
from leadline.storage.spend.conflicts import PATIENCE_S, retried

T = TypeVar("T")


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Journal(AbstractContextManager["Journal"]):
    """
    Holds and settles money for attempts, in ``db``; ``default_usd_per_day`` is the budget where none is.

    `before` raises `BudgetRefused` and `PriceUnknown`; both raise `StoreError` when the database cannot be
    reached within ``patience_s`` seconds: without the ledger no call is made.
    """

    def __init__(
        self,
        db: Path | str,
        *,
        default_usd_per_day: Decimal,
        clock: Callable[[], dt.datetime] = _utc_now,
        rng: Random | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._default = default_usd_per_day
        self._clock = clock
        self._rng = rng or Random()
        self._patience_s = patience_s
        self._desk = Desk(Path(db), patience_s=patience_s)
        self._holds: dict[str, ledger.Hold] = {}
        self._is_seeded = False

    def __exit__(self, *_: object) -> None:
        self.close()

    def before(self, plan: Plan) -> None:
        """Hold the most the attempt can cost; when this raises, no call may be made."""
        self._holds[plan.call_id] = self._run(
            lambda con: ledger.reserve(con, plan, default_usd_per_day=self._default)
        )

    def after(self, outcome: Outcome) -> None:
        """Book what came of the attempt over its hold; a second outcome of the same changes nothing."""
        hold = self._holds.pop(outcome.plan.call_id, None)
        self._run(lambda con: ledger.settle(con, outcome, now=self._clock(), hold=hold))

    def close(self) -> None:
        """End the connection; what is held stays held until its outcome is booked or it expires."""
        self._desk.close()

    def _run(self, entry: Callable[[Connection], T]) -> T:
        """Make one entry; all of them may be made again without effect when their fate is unknown."""

        def made(con: Connection) -> T:
            if not self._is_seeded:
                prices.seed(con)
                self._is_seeded = True
            return entry(con)

        return self._desk.run(
            lambda con: retried(lambda: made(con), rng=self._rng, patience_s=self._patience_s)
        )
