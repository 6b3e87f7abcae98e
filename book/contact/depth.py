"""How deep order books of REST are, against the levels that were asked for."""

from __future__ import annotations

from collections.abc import Mapping

from leadline.book.contact.findings import Tally
from leadline.book.messages import DepthSnapshot

MOVED = 1.1  # levels come and go between two requests


def look_at_depths(tally: Tally, have: Mapping[int, DepthSnapshot]) -> None:
    """
    Look at one symbol's order books by the limit they were asked for with.

    None may have more levels than its limit, and none fewer than a deeper one shows there are. A deepest
    one that ends exactly at a smaller limit was cut there.
    """
    if not have:
        return
    deepest = max(have)
    for limit, snapshot in sorted(have.items()):
        for side in ("bids", "asks"):
            levels, most = len(getattr(snapshot, side)), len(getattr(have[deepest], side))
            words = f"limit {limit} gave {levels} {side}"
            if levels > limit or limit != deepest:
                is_cut = levels < limit and most > limit * MOVED
                is_so, words = levels <= limit and not is_cut, f"{words}, while limit {deepest} gave {most}"
            else:
                is_so, words = levels not in have or levels == deepest, f"{words}, a smaller limit's number"
            tally.look(is_so, words)
