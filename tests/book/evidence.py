"""
What could be seen of a silent fault: the true book stands beside the wrong one, and the venue's own words.

The two books differ at some prices, and a diff that sets such a price ends the difference there. So what
is kept of the wrong book is where it differs, and the venue's word is evidence if it reaches that far:

    at a diff       a book ticker states the best prices at a diff's end, or brackets it
    within a diff   one states them between two ends: a price which the later diff does not set is the same
                    at both ends, and the ticker contradicts the book there
    depth20         the best 20 levels a side, ten times a second, as ``@depth20@100ms`` sends them
    REST 100, 1000  so many levels a side, once in `AUDIT_EVERY_NS`

The recordings hold neither partial depth nor a second snapshot: the last two are made of the true book.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from leadline.book.messages import Level
from leadline.book.sync.events import State
from tests.book.silent_faults import WITHIN_S, Line, Player, Sides, Source, listing, payload_of, sides_of

DEPTH20_EVERY_NS = 100_000_000
AUDIT_EVERY_NS = 60_000_000_000
REACHES = (1, 20, 100, 1000)  # levels a side


class Evidence(StrEnum):
    """Words of the venue that may contradict a book."""

    TICKER = "ticker at a diff"
    WITHIN = "ticker within a diff"
    DEPTH20 = "depth20"
    REST_100 = "REST 100"
    REST_1000 = "REST 1000"


@dataclass(frozen=True, slots=True)
class Step:
    """A diff of the recording, and how far the best levels of the true book reach after it."""

    line: int  # its place in the recording
    ts_ns: int
    last_id: int
    sets: Sides
    reach: dict[int, tuple[int, int]]  # levels a side -> price of the last bid and ask
    tickers: tuple[tuple[int, int], ...] = ()  # best bid and ask, of those between the diff before and it
    is_stated: bool = False  # a ticker has its id, or one before it and one behind it are there


@dataclass(slots=True)
class Witnesses:
    """A recording, diff by diff, as what it bears witness to."""

    steps: list[Step] = field(default_factory=list)
    listings: dict[int, bytes] = field(default_factory=dict)  # line -> partial depth made after it

    @classmethod
    def of(cls, source: Source, lines: Sequence[Line]) -> Witnesses:
        """Play the recording once and note down the true book after each diff."""
        player, scale = Player(source), source.market.scale
        tickers = [
            (word["u"], (scale.ticks(word["b"]), scale.ticks(word["a"])))
            for word in (payload_of(line) for line in lines if line.kind == "ticker")
        ]
        ids = [at for at, _ in tickers]
        found, before = cls(), -1
        for n, line in enumerate(lines):
            player.hear(line)
            if line.kind != "depth" or player.book.state is not State.LIVE:
                continue
            payload = payload_of(line)
            last_id, tops = payload["u"], player.book.top(max(REACHES))
            since, until = bisect.bisect_right(ids, before), bisect.bisect_left(ids, last_id)
            found.steps.append(
                Step(
                    n,
                    line.ts_ns,
                    last_id,
                    sides_of(source, payload),
                    {reach: (_price(tops[0], reach), _price(tops[1], reach)) for reach in REACHES},
                    tuple(top for _, top in tickers[since:until]) if before >= 0 else (),
                    is_stated=bool(ids) and ids[0] <= last_id <= ids[-1],
                )
            )
            if _is_due(DEPTH20_EVERY_NS, found.steps[-2:]):
                found.listings[n] = listing(player.book)
            before = last_id
        return found

    def first_seen(self, at: int, wrong: Sides) -> dict[Evidence, float]:
        """
        Return after how many seconds each kind of evidence first spoke against a book.

        ``wrong`` are the differing prices after the diff in line ``at``. Kinds that never spoke within
        `WITHIN_S` are left out.
        """
        wrong = dict(wrong[0]), dict(wrong[1])
        seen: dict[Evidence, float] = {}
        start = bisect.bisect_left([step.line for step in self.steps], at)
        begun_ns = self.steps[start].ts_ns
        for n, step in enumerate(self.steps[start:]):
            if step.ts_ns - begun_ns > WITHIN_S * 1e9:
                break
            if n:
                for side, set_now in zip(wrong, step.sets, strict=True):
                    for price in set_now:
                        side.pop(price, None)
            if not any(wrong):
                break
            before_ns = self.steps[start + n - 1].ts_ns if start + n else 0
            for kind in self._speaking(step, before_ns, wrong, is_first=not n):
                seen.setdefault(kind, (step.ts_ns - begun_ns) / 1e9)
        return seen

    def _speaking(self, step: Step, before_ns: int, wrong: Sides, *, is_first: bool) -> Iterator[Evidence]:
        if step.is_stated and _reaches(step.reach[1], wrong):
            yield Evidence.TICKER
        if not is_first and any(_reaches(top, wrong) for top in step.tickers):
            yield Evidence.WITHIN
        if step.ts_ns // DEPTH20_EVERY_NS > before_ns // DEPTH20_EVERY_NS and _reaches(
            step.reach[20], wrong
        ):
            yield Evidence.DEPTH20
        if step.ts_ns // AUDIT_EVERY_NS > before_ns // AUDIT_EVERY_NS:
            if _reaches(step.reach[100], wrong):
                yield Evidence.REST_100
            if _reaches(step.reach[1000], wrong):
                yield Evidence.REST_1000


def _reaches(edge: tuple[int, int], wrong: Sides) -> bool:
    """Tell whether a statement of levels down to ``edge`` shows one of the differing prices."""
    (low, high), (bids, asks) = edge, wrong
    return any(price >= low for price in bids) or any(price <= high for price in asks)


def _is_due(every_ns: int, steps: Sequence[Step]) -> bool:
    """Tell whether the last step is the first in a new stretch of ``every_ns``."""
    return len({step.ts_ns // every_ns for step in steps}) == 2


def _price(levels: Sequence[Level], n: int) -> int:
    return levels[min(n, len(levels)) - 1][0]


@dataclass(frozen=True, slots=True)
class Seen:
    """Of how many faults the venue spoke: by tickers at diffs alone, and by what might be heard beside."""

    by_ticker: int
    within_diffs: int  # not at a diff, but between two
    with_depth20: int
    with_rest: int  # and with 1,000 levels by REST

    @classmethod
    def of(cls, seen: Sequence[Mapping[Evidence, float]]) -> Seen:
        """Count what `Witnesses.first_seen` returned of several faults."""
        ticker, depth20, rest = {Evidence.TICKER}, {Evidence.DEPTH20}, {Evidence.REST_1000}

        def count(kinds: set[Evidence]) -> int:
            return sum(not kinds.isdisjoint(one) for one in seen)

        return cls(
            count(ticker),
            count(ticker | {Evidence.WITHIN}) - count(ticker),
            count(ticker | depth20),
            count(ticker | depth20 | rest),
        )
