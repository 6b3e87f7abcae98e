"""What the venue's books and ids really were, in the form the promises ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from leadline.book.synthetic.market import FUTURES_STRIDE, SymbolMarket
from leadline.tasks.loopback.base.faults import SILENT_FAULTS
from leadline.tasks.loopback.market.digests import Digests, digests_of
from tests.simulation.market import Said
from tests.simulation.seen import Seen


@dataclass(slots=True)
class SymbolTruth:
    """One symbol: its market, what it said, and diffs whose content the venue spoiled on its way."""

    market: SymbolMarket
    said: Said
    digests: Digests
    stride: int
    spoiled: list[int] = field(default_factory=list)  # last ids of diffs that were well formed and wrong

    def is_excused(self, seed_id: int, last_id: int) -> bool:
        """Whether a book grown from a seed may differ: a diff in between was spoiled."""
        return any(seed_id < spoiled <= last_id for spoiled in self.spoiled)

    def missing(self, covered: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield ranges of true ids between the first and the last covered one that none covers."""
        until: int | None = None
        for first, last in sorted(covered):
            if until is not None and first > until + self.stride:
                yield until + self.stride, first - self.stride
            until = last if until is None else max(until, last)


def truths(seen: Seen) -> dict[str, SymbolTruth]:
    """Return the truth of every symbol of a life."""
    source = seen.venue.source
    found = {
        symbol: SymbolTruth(
            source.market[symbol],
            source.said[symbol],
            digests_of(source.market[symbol]),
            1 if seen.plan.kind == "spot" else FUTURES_STRIDE,
        )
        for symbol in source.every
    }
    for entry in seen.venue.ledger.entries:
        if entry.fault.kind in SILENT_FAULTS:
            for hit in entry.hits:
                found[hit["symbol"]].spoiled.append(hit["last_id"])
    return found
