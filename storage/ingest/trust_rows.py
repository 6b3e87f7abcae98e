"""Attestation's rows of a batch as Arrow tables: scores by minute, evidence, samples to be retracted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from leadline.book.rows.batch import AttestationRow, MismatchRow
from leadline.book.rows.evidence import NO_ID
from leadline.storage.ingest.arrow import Names, timestamps, to_double
from leadline.storage.ingest.coverage import Interval


def _times(values: Sequence[int]) -> pa.Array:
    return timestamps(np.array(values, np.int64))


def attestations_table(rows: Sequence[AttestationRow], names: Names) -> pa.Table:
    """Make rows for ``attestations``."""
    tallies = [row.tally for row in rows]
    return pa.table(
        {
            **names.columns(np.array([row.book for row in rows], np.int64)),
            "minute": _times([row.minute_ns for row in rows]),
            "equal_id": pa.array([tally.equal_id for tally in tallies], pa.int64()),
            "bracketed": pa.array([tally.bracketed for tally in tallies], pa.int64()),
            "mismatches": pa.array([tally.misses for tally in tallies], pa.int64()),
            "unchecked": pa.array([tally.unchecked for tally in tallies], pa.int64()),
            "audited": pa.array([tally.audited for tally in tallies], pa.int64()),
            "audit_mismatches": pa.array([tally.audit_misses for tally in tallies], pa.int64()),
        }
    )


def mismatches_table(rows: Sequence[MismatchRow], names: Names) -> pa.Table:
    """Make rows for ``mismatches``; a price of 0 means that the side was not compared."""
    books = np.array([row.book for row in rows], np.int64)
    decimals = names.decimals(books)
    misses = [row.miss for row in rows]
    figures: dict[str, pa.Array] = {}
    for whose, tops in (("", [miss.ours for miss in misses]), ("witness_", [m.theirs for m in misses])):
        for at, side in ((0, "bid"), (2, "ask")):
            is_void = np.array([top[at] == 0 for top in tops])
            for n, what in enumerate(("px", "qty")):
                values = to_double(np.array([top[at + n] for top in tops], np.int64), decimals[n])
                figures[f"{whose}{side}_{what}"] = pa.array(values, mask=is_void)
    next_ids = [None if miss.next_id == NO_ID else miss.next_id for miss in misses]
    return pa.table(
        {
            **names.columns(books),
            "epoch": pa.array([row.epoch for row in rows], pa.int64()),
            "ts": _times([row.ts_ns for row in rows]),
            "kind": pa.array([miss.kind.name.lower() for miss in misses], pa.string()),
            "refuted": pa.array([row.refuted for row in rows], pa.bool_()),
            "book_id": pa.array([miss.book_id for miss in misses], pa.int64()),
            "witness_id": pa.array([miss.witness_id for miss in misses], pa.int64()),
            "next_id": pa.array(next_ids, pa.int64()),
            **figures,
        }
    )


def retracted_table(rows: Sequence[tuple[Interval, int]], names: Names) -> pa.Table:
    """Make rows that say of which books samples are not to be trusted, from which id until when (ns)."""
    intervals = [interval for interval, _ in rows]
    return pa.table(
        {
            **names.columns(np.array([interval.book for interval in intervals], np.int64)),
            "epoch": pa.array([interval.epoch for interval in intervals], pa.int64()),
            "last_id": pa.array([interval.last_id for interval in intervals], pa.int64()),
            "ended_by": pa.array([interval.ended_by for interval in intervals], pa.string()),
            "until": _times([until_ns for _, until_ns in rows]),
        }
    )
