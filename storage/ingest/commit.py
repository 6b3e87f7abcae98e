"""What the writer says: of a batch that is durable, and of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from leadline.book.rows.batch import Batch
from leadline.storage.ingest.tables import Rows

WriterState: TypeAlias = Literal["running", "full", "reopening", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Commit:
    """
    One batch is durable. ``seconds`` is the time its transaction took, conversions included.

    ``batch`` holds what was stored for as long as ``on_commit`` lasts, then it is filled anew.
    """

    seq: int
    rows: Rows
    oldest_recv_ns: int | None
    committed_ns: int
    seconds: float
    batch: Batch


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """A look at the writer; counts are since it was made."""

    state: WriterState
    queued: int  # batches submitted and not yet committed
    limit: int  # batches there are
    committed: int  # batches committed
    diffs: int
    levels: int
    transactions: int
    worst_transaction_s: float
    last_error: str | None  # of the trouble going on, or that stopped it; None when all is well
