"""
The sub-flow ``snapshot-depth``: the state of each book as rows, and as a run in Prefect.

Inside a stream the rows are written first, by plain code, and the run only reports them, so that a slow or
absent Prefect API delays nothing. On its own, the flow takes the sample from the store and writes the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from leadline.book.rows.batch import DepthSample, Market
from leadline.flows.config.run_settings import settings_of_run
from leadline.flows.render.tables import table_lines
from leadline.flows.streaming.sampling import sample_store

ROWS_SHOWN = 50  # of one report; a report is a row in Prefect's database too
COLUMNS = ("symbol", "last_id", "mid", "spread_bps", "imbalance", "trusted", "reason")


@dataclass(frozen=True, slots=True)
class DepthReport:
    """The result of one sample, in a form that Prefect can keep."""

    venue: str
    books: int
    trusted: int
    rows: list[list[Any]]  # of `COLUMNS`, the untrusted first, at most `ROWS_SHOWN`

    @classmethod
    def of(cls, venue: str, markets: Sequence[Market], samples: Sequence[DepthSample]) -> DepthReport:
        """Make the report of samples; ``sample.book`` counts into ``markets``."""
        rows = [
            [markets[s.book].symbol, s.last_id, s.mid, s.spread_bps, s.imbalance, s.trusted, s.reason]
            for s in sorted(samples, key=lambda s: s.trusted)
        ]
        return cls(venue, len(samples), sum(s.trusted for s in samples), rows[:ROWS_SHOWN])

    def summary(self) -> str:
        """Return it in one line."""
        return f"{self.trusted} of {self.books} books of {self.venue} trusted"


def _run_name() -> str:
    report = flow_run.parameters.get("report")
    if isinstance(report, DepthReport):
        return f"snapshot-depth {report.venue}: {report.trusted}/{report.books} trusted"
    return "snapshot-depth from the store"


@flow(name="snapshot-depth", flow_run_name=_run_name, persist_result=False)
async def snapshot_depth(
    report: DepthReport | None = None, db: str | None = None, symbols: list[str] | None = None
) -> State[Any]:
    """
    Report a sample that a stream took; without one, sample the store ``db``.

    Fails only if it cannot sample; a book that must not be trusted is a finding, not a failure.

    Args:
        report: Given by a running stream; leave it empty.
        db: The database, as a path on the worker's machine. Empty: the setting db.
        symbols: Which symbols, such as ["BTCUSDT"]. Empty: the setting symbols.
    """
    if report is None:
        settings = settings_of_run({"db": db, "symbols": symbols})
        taken = await asyncio.to_thread(sample_store, settings)
        report = DepthReport.of(settings.venue, taken.markets, taken.samples)
    log = get_run_logger()
    log.info("%s\n%s", report.summary(), "\n".join(table_lines(COLUMNS, report.rows)))
    return Completed(message=report.summary())
