"""What carries a synthetic symbol's market to its streams; each venue that is played has its own."""

from __future__ import annotations

from typing import Any, Protocol

from leadline.book.synthetic.records import Depth, Record
from leadline.tasks.venues.common.adapter import PastTrades


class Lines(Protocol):
    """
    The topics of one synthetic symbol.

    The market numbers each change; a venue's diffs may be numbered in another way. ``at_id`` is always an
    id of the venue's diff stream.
    """

    def tell(self, record: Record) -> None:
        """Publish one record on the topics that carry it and are heard."""
        ...

    def snapshot(self, limit: int, now_ns: int, *, changes_ago: int = 0) -> str:
        """Write the REST order book, or the one of so many changes ago, as JSON."""
        ...

    def past_trades(self, wanted: PastTrades, limit: int) -> str:
        """Write the REST list of past trades as JSON; raises `BadInput` where the venue has none."""
        ...

    def depth(self, at_id: int | None) -> Depth:
        """Give the book at an id, None: now; raises `BadInput` outside the history."""
        ...

    def restart(self) -> dict[str, Any]:
        """
        Begin the streams anew, as a service does that was restarted; return what was hit.

        Raises `BadInput` where the venue's streams know no such thing.
        """
        ...
