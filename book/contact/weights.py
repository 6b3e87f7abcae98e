"""What requests cost by the venue's own count, against what its documents say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from leadline.book.contact.findings import Finding, Verdict

AREA = "weights"
ENOUGH = 2  # measures that differ alike: one alone may be another program's at this address


class WeightCheck:
    """Takes the venue's count after each of our requests, one after the other."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._used: int | None = None
        self._asked = 0
        self._untold = 0
        self._measured: dict[tuple[str, int], list[int]] = defaultdict(list)

    def note(self, what: str, weight: int, used: int | None) -> None:
        """Take an answer: what was asked for, its documented weight, and what the venue counts now."""
        self._asked += 1
        if used is None:
            self._untold += 1
            self._used = None
            return
        if self._used is not None and used >= self._used:  # else a new minute began
            self._measured[what, weight].append(used - self._used)
        self._used = used

    def break_off(self) -> None:
        """Forget the count: requests that are not noted go out in between."""
        self._used = None

    def findings(self, *, tells: bool, limit: int, stated: int | None) -> Iterator[Finding]:
        """Say what came of it; ``limit`` is the documented weight a minute, ``stated`` the listing's."""
        if not tells:
            words = "the documents name no header that tells it"
            yield Finding(AREA, "used weight is told", Verdict.UNSEEN, words, self._source)
            return
        verdict = Verdict.BROKEN if self._untold else Verdict.HOLDS
        detail = f"{self._asked - self._untold} of {self._asked} answers told it"
        yield Finding(AREA, "used weight is told by each answer", verdict, detail, self._source)
        for (what, weight), deltas in self._measured.items():
            yield self._one(what, weight, deltas)
        said = Verdict.UNSEEN if stated is None else Verdict.HOLDS if stated == limit else Verdict.BROKEN
        words = "not stated" if stated is None else f"the listing states {stated}"
        yield Finding(AREA, f"weight of a minute is {limit}", said, words, self._source)

    def _one(self, what: str, weight: int, deltas: list[int]) -> Finding:
        counted = ", ".join(map(str, deltas))
        less, more = all(n < weight for n in deltas), all(n > weight for n in deltas)
        if weight in deltas:
            verdict, detail = Verdict.HOLDS, f"counted {counted}"
        elif (less or more) and len(deltas) >= ENOUGH:
            verdict, detail = Verdict.BROKEN, f"counted {counted}"
        else:
            verdict, detail = Verdict.NOTED, f"counted {counted}; others may share this address"
        return Finding(AREA, f"weight of {what} is {weight}", verdict, detail, self._source)
