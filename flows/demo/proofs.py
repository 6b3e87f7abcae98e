"""
The proofs of the demo: each compares what the product says with what somebody else knows.

The built-in venue knows its true book at every id and what it did to whom; Prefect knows how its runs
ended; the store is asked by SQL. A proof that compared nothing does not count as passed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import DepthSample, Market
from leadline.flows.local.loopback import LoopbackProcess
from leadline.storage.access.connect import Connection
from leadline.storage.queries import invariants as audit
from leadline.storage.queries.rebuild import book_at, exact
from leadline.tasks.venues.registry import model_of

Levels: TypeAlias = list[tuple[Decimal, Decimal]]
Book: TypeAlias = tuple[Levels, Levels]

IDS_A_SYMBOL = 5
TICKERS = 40
SAMPLES_COMPARED = 100
SHOWN = 3  # of what is wrong


@dataclass(frozen=True, slots=True)
class Proof:
    """One claim, whether it held, and the figures."""

    claim: str
    holds: bool
    figures: str


class Truth:
    """The venue's own books, asked once for each id."""

    def __init__(self, venue: LoopbackProcess) -> None:
        self._venue = venue
        self._known: dict[tuple[str, int], Book] = {}

    def at(self, symbol: str, update_id: int) -> Book:
        """Return all levels right after ``update_id``; raises `VenueGone` for one it has forgotten."""
        key = symbol, update_id
        if key not in self._known:
            told = self._venue.get("truth", symbol=symbol, id=str(update_id))
            self._known[key] = _levels(told["bids"]), _levels(told["asks"])
        return self._known[key]


class Certified:
    """
    The price range in which a book is all there is: that of its seed, where the venue cut the seed.

    A seed has as many levels a side at most as were asked for, such as 100 or 5000; what lies beyond a cut
    side is unknown to any client until it changes. A side with another number of levels was complete.
    """

    def __init__(self, con: Connection, venue: str) -> None:
        self._ranges = audit.seed_ranges(con)
        self._limits = frozenset(step.levels for step in model_of(venue).depth_weights)

    def cut(self, venue: str, symbol: str, epoch: int, book: Book) -> Book:
        """Return the levels of ``book`` that a client of that seed can know."""
        seed = self._ranges[venue, symbol, epoch]
        bids, asks = book
        if seed.bids in self._limits and seed.lowest is not None:
            lowest = exact(seed.lowest)
            bids = [level for level in bids if level[0] >= lowest]
        if seed.asks in self._limits and seed.highest is not None:
            highest = exact(seed.highest)
            asks = [level for level in asks if level[0] <= highest]
        return bids, asks


@dataclass(slots=True)
class Comparison:
    """Compares books with the truth, level by level, inside the certified range."""

    truth: Truth
    certified: Certified
    levels: int = 0
    wrong: list[str] = field(default_factory=list)

    def compare(self, venue: str, symbol: str, epoch: int, update_id: int, book: Book) -> None:
        """Note where ``book`` is not the venue's at that id."""
        ours = self.certified.cut(venue, symbol, epoch, book)
        theirs = self.certified.cut(venue, symbol, epoch, self.truth.at(symbol, update_id))
        for side, mine, right in zip(("bids", "asks"), ours, theirs, strict=True):
            self.levels += len(right)
            if mine != right:
                n = len(set(mine) ^ set(right))
                self.wrong.append(f"{symbol} {side} at {update_id}: {n} levels differ")


def _levels(pairs: Iterable[Sequence[str]]) -> Levels:
    return [(Decimal(price), Decimal(qty)) for price, qty in pairs]


def proof_of(claim: str, wrong: Sequence[object], compared: int, figures: str) -> Proof:
    """Make a proof of a comparison; nothing compared proves nothing."""
    if wrong:
        shown = "; ".join(str(one) for one in wrong[:SHOWN])
        return Proof(claim, False, f"{len(wrong)} of {compared} wrong: {shown}")
    return Proof(claim, compared > 0, figures if compared else "there was nothing to compare")


def live_books(comparison: Comparison, markets: Sequence[Market], samples: Sequence[DepthSample]) -> Proof:
    """Compare every live book, all levels, with the venue's at the same id."""
    for sample in samples:
        market = markets[sample.book]
        if not sample.trusted:
            comparison.wrong.append(f"{market.symbol} is not live: {sample.reason}")
            continue
        book = _decimals(sample.bids, market), _decimals(sample.asks, market)
        comparison.compare(market.venue, market.symbol, sample.epoch, sample.last_id, book)
    figures = f"{len(samples)} books, {comparison.levels:,} levels"
    claim = "live books equal the venue's, all levels"
    return proof_of(claim, comparison.wrong, len(samples), figures)


def _decimals(levels: Sequence[tuple[int, int]], market: Market) -> Levels:
    scale = market.scale
    return [(scale.price(ticks), scale.quantity(lots)) for ticks, lots in levels]


def rebuilt_books(con: Connection, comparison: Comparison, since: dt.datetime, seed: int) -> Proof:
    """Rebuild books by SQL at random stored ids and compare all levels with the venue's."""
    chosen = audit.random_ids(con, since, n=IDS_A_SYMBOL, seed=seed)
    for venue, symbol, update_id in chosen:
        book = book_at(con, symbol, venue=venue, at_id=update_id)
        comparison.compare(venue, symbol, book.epoch, update_id, (list(book.bids), list(book.asks)))
    figures = f"{len(chosen)} books at random ids, {comparison.levels:,} levels"
    claim = "books rebuilt from the store by SQL equal the venue's"
    return proof_of(claim, comparison.wrong, len(chosen), figures)


def gaps(con: Connection, ledger: dict[str, Any]) -> Proof:
    """Compare the gaps that the venue made with those the books met: the same symbols, the same ids."""
    made = sorted(gaps_made(ledger))
    met = sorted(
        (symbol, int(expected or -1), int(got or -1))
        for _, symbol, expected, got in audit.faults(con, "gap")
    )
    covered = audit.intervals(con)
    due = [gap for gap in made if is_due(covered, gap[0], gap[1], "gap")]
    wrong = [f"made, not met: {gap}" for gap in due if gap not in met]
    wrong += [f"met, not made: {gap}" for gap in met if gap not in made or met.count(gap) > made.count(gap)]
    figures = f"{len(made)} gaps, exact ids: " + ", ".join(f"{s} {a}→{b}" for s, a, b in made)
    if len(due) < len(made):
        figures += f"; {len(made) - len(due)} where the book was not covered"
    return proof_of("every gap was found at its exact ids, and no other", wrong, len(due), figures)


def is_due(covered: Sequence[audit.Covering], symbol: str, first_id: int, reason: str) -> bool:
    """
    Tell whether a book had to notice what the venue did to it at ``first_id``.

    It had to if it was covered up to there, unless its coverage ended just before it for another reason:
    the session was lost, or the stream stopped, before a diff could tell. Where it was not covered nothing
    was promised.
    """
    held = [
        one
        for one in covered
        if one.symbol == symbol and one.first_id < first_id and one.last_id >= first_id - 1
    ]
    return any(one.last_id >= first_id or one.ended_by == reason for one in held)


def gaps_made(ledger: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """
    Yield (symbol, expected id, id that came) of each gap the venue made by dropping or reordering diffs.

    Its spot diffs tile the ids: what comes after a dropped run begins one id behind it.
    """
    for fault in ledger["faults"]:
        if fault["kind"] not in ("drop", "reorder") or fault["stream"] != "depth" or not fault["hits"]:
            continue
        hits = fault["hits"]
        for symbol in {hit["symbol"] for hit in hits}:
            ids = [(hit["first_id"], hit["last_id"]) for hit in hits if hit["symbol"] == symbol]
            came = ids[-1][1] + 1 if fault["kind"] == "drop" else ids[1][0]
            yield symbol, ids[0][0], came


def crossed(con: Connection, ledger: dict[str, Any]) -> Proof:
    """Compare the crossed diffs that the venue sent with the books that were thrown away for it."""
    hits = [hit for fault in ledger["faults"] if fault["kind"] == "crossed" for hit in fault["hits"]]
    covered = audit.intervals(con)
    made = sorted(hit["symbol"] for hit in hits)
    due = [hit["symbol"] for hit in hits if is_due(covered, hit["symbol"], hit["first_id"], "crossed")]
    met = sorted(symbol for _, symbol, _, _ in audit.faults(con, "crossed"))
    wrong = [f"made, not met: {symbol}" for symbol in due if met.count(symbol) < due.count(symbol)]
    wrong += [f"met, not made: {symbol}" for symbol in met if met.count(symbol) > made.count(symbol)]
    figures = f"{len(made)} crossed, by {', '.join(sorted(set(made)))}"
    if len(due) < len(made):
        figures += f"; {len(made) - len(due)} where the book was not covered"
    return proof_of("every crossed book was thrown away, and no other", wrong, len(due), figures)


def tiling(con: Connection) -> Proof:
    """Check that inside coverage each id sent is in exactly one stored diff."""
    wrong = [*audit.untiled(con).rows, *audit.copies(con).rows, *audit.wrong_ends(con).rows]
    covered = audit.covered(con)
    figures = f"{covered.diffs:,} diffs carry {covered.ids:,} ids, no hole, no copy"
    return proof_of("inside coverage every update is stored exactly once", wrong, covered.diffs, figures)


def samples(con: Connection, truth: Truth, since: dt.datetime) -> Proof:
    """Check that samples called trusted are: in coverage, uncrossed, and equal to the venue's top."""
    wrong: list[object] = list(audit.false_trust(con).rows)
    rows = audit.trusted_samples(con, since).rows
    step = max(1, len(rows) // SAMPLES_COMPARED)
    for _, symbol, update_id, *arrays in rows[::step]:
        numbers = [[exact(value) for value in array] for array in arrays]
        ours = list(zip(*numbers[:2], strict=True)), list(zip(*numbers[2:], strict=True))
        theirs = truth.at(symbol, update_id)
        if any(mine != right[: len(mine)] for mine, right in zip(ours, theirs, strict=True)):
            wrong.append(f"{symbol} sample at {update_id} differs")
    figures = f"{len(rows)} samples, {len(rows[::step])} compared level by level"
    return proof_of("samples called trusted are right", wrong, len(rows), figures)


def tickers(con: Connection, since: dt.datetime, seed: int) -> Proof:
    """Compare the top of rebuilt books with the venue's own book tickers at equal ids."""
    rows = audit.random_tickers(con, since, n=TICKERS, seed=seed).rows
    wrong = []
    for venue, symbol, update_id, *told in rows:
        book = book_at(con, symbol, venue=venue, at_id=update_id, levels=1)
        if [*book.bids[0], *book.asks[0]] != [exact(value) for value in told]:
            wrong.append(f"{symbol} at {update_id}: book {book.bids[0]} {book.asks[0]}, ticker {told}")
    return proof_of("top of book equals bookTicker at equal ids", wrong, len(rows), f"{len(rows)} compared")


def attested(con: Connection) -> Proof:
    """Sum up comparisons of books with tickers as they streamed: their ids are not those of diffs."""
    equal, misses = audit.attested(con)
    wrong = [f"{misses} tops differ"] if misses else []
    return proof_of("top of book equals the venue's at equal ids", wrong, equal, f"{equal} compared")


def durable(counted: dict[str, int], stored: dict[str, int]) -> Proof:
    """Compare the rows acknowledged while streaming with those in the file afterwards."""
    tables = {
        "diffs": "depth_diffs",
        "trades": "trades",
        "tickers": "book_tickers",
        "samples": "depth_snapshots",
    }
    wrong = [
        f"{table}: {counted.get(kind, 0)} acknowledged, {stored[table]} stored"
        for kind, table in tables.items()
        if counted.get(kind, 0) > stored[table]
    ]
    figures = ", ".join(f"{stored[table]:,} {table}" for table in tables.values())
    return proof_of("every acknowledged row is in the file", wrong, sum(counted.values()), figures)


def attempt(claim: str, prove: Callable[[], Proof]) -> Proof:
    """Run a proof; what stops it is its failure."""
    try:
        return prove()
    except LeadlineError as exc:
        return Proof(claim, False, str(exc))
