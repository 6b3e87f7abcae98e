"""
Faults planted in the product, to see that lives find them: each breaks one rule by a slip of the hand.

``breaks`` names promises of which one at least must be seen broken by the seed that stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from leadline.book.rows.chronicle import Chronicle
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import Left
from leadline.book.sync.rules import Join
from leadline.book.trust import doubts
from leadline.book.trust.witness import Witness
from leadline.book.venues.binance.sequence import SpotRule
from leadline.storage.access import owner
from leadline.storage.handover.cut import Cutter
from leadline.storage.ingest import coverage
from leadline.storage.ingest.transaction import Ingest
from leadline.storage.queries import rebuild
from leadline.storage.signals import view
from leadline.tasks.feed.core import Core
from leadline.tasks.feed.requests.audit import Auditor
from leadline.tasks.feed.requests.backfill import Backfiller
from leadline.tasks.feed.requests.listing import Listing
from leadline.tasks.net.bans import Bans
from leadline.tasks.net.errors import UnknownSymbol


@dataclass(frozen=True, slots=True)
class Planted:
    """Where to plant what: ``instead`` gets what was there and returns what stands there now."""

    where: Any
    name: str
    instead: Callable[[Any], Any]
    seed: int
    breaks: frozenset[str]
    says: str
    # A second one in the same place, where two rules guard it.
    also: tuple[str, Callable[[Any], Any]] | None = None


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Break the product for the block."""
    fault = PLANTED[name]
    spots = [(fault.name, fault.instead), *([fault.also] if fault.also else [])]
    was = {spot: fault.where.__dict__[spot] for spot, _ in spots}
    for spot, instead in spots:
        setattr(fault.where, spot, instead(was[spot]))
    try:
        yield
    finally:
        for spot, before in was.items():
            setattr(fault.where, spot, before)


def _one_id_more(judge: Any) -> Any:
    def judged(rule: SpotRule, diff: Any, last_id: int, *, bridged: bool) -> Join:
        if diff.first_id == last_id + 2:
            return Join.NEXT
        return judge(rule, diff, last_id, bridged=bridged)  # type: ignore[no-any-return]

    return judged


def _first_diff_joins(judge: Any) -> Any:
    def judged(rule: SpotRule, diff: Any, last_id: int, *, bridged: bool) -> Join:
        said = judge(rule, diff, last_id, bridged=bridged)
        return Join.NEXT if said is Join.GAP and not bridged else said

    return judged


def _session_is_no_end(end: Any) -> Any:
    def ended(chronicle: Chronicle, event: Any, moment: Any, batch: Any) -> None:
        if not (isinstance(event, Left) and event.reason == "session_lost"):
            end(chronicle, event, moment, batch)

    return ended


def _ticker_is_proof(refutes: Any) -> Any:
    def refuted(witness: Witness, miss: Any, epoch: int, ts_ns: int, batch: Any) -> bool:
        return refutes(witness, miss, epoch, ts_ns, batch) or miss.kind is Kind.BRACKETED

    return refuted


def _one_audit_is_proof(_: Any) -> Any:
    async def confirmed(_auditor: Auditor, _watch: Any, first: Any) -> Any:
        return replace(first, audit=replace(first.audit, is_confirmed=True))

    return confirmed


def _asks_for_nothing(_: Any) -> Any:
    async def tend(_: Backfiller) -> None:
        return

    return tend


def _one_verdict(read: Any) -> Any:
    def read_all_or_nothing(listing: Listing, answer: Any) -> Any:
        found, others = read(listing, answer)
        if not found.keys() >= set(answer.symbols):
            raise UnknownSymbol(f"{set(answer.symbols) - found.keys()}")
        return found, others

    return read_all_or_nothing


def _step_is_noted_only(_: Any) -> Any:
    def stepped(draft: Any, step: Any) -> None:
        draft._plan.steps.append(coverage.Step(draft._plan.orders.next_seq(), step))

    return stepped


PLANTED: dict[str, Planted] = {
    "gap-rule": Planted(
        SpotRule, "judge", _one_id_more, 4, frozenset({"live-books"}), "one missing id is let pass"
    ),
    "session-lost": Planted(
        Chronicle, "_end_coverage", _session_is_no_end, 14, frozenset({"coverage-tiled", "holes-told"}),
        "coverage is not ended with its session",
    ),
    "ticker-is-proof": Planted(
        Witness, "refutes", _ticker_is_proof, 21, frozenset({"no-false-refutation"}),
        "a bracketed ticker discards a book",
    ),
    "lie-is-proof": Planted(
        doubts, "CONFIRMED", lambda _: 1, 1, frozenset({"no-false-refutation"}),
        "one ticker of an equal id discards a book",
    ),
    "audit-is-proof": Planted(
        Auditor, "_confirm", _one_audit_is_proof, 13, frozenset({"no-false-refutation"}),
        "one audit discards a book",
    ),
    "doubt-is-no": Planted(
        Ingest, "is_stored", lambda _: lambda *_: False, 19, frozenset({"rows-once"}),
        "a commit of unknown fate is taken for lost",
    ),
    "open-for-ever": Planted(
        owner, "_CLOSE_DANGLING", lambda _: "SELECT 1", 9, frozenset({"holes-told", "coverage-tiled"}),
        "intervals of a killed stream stay open",
    ),
    "not-cut": Planted(
        Cutter, "cut_all", lambda _: lambda *_: None, 1,
        frozenset({"coverage-tiled", "rows-once", "trades-once"}), "a successor stores what was stored",
    ),
    "one-verdict": Planted(
        Listing, "_read", _one_verdict, 150, frozenset({"one-symbols-trouble", "heals", "quiet-pair"}),
        "a symbol that is not listed spoils the answer for all",
    ),
    "asked-once": Planted(
        Listing, "_due", lambda _: lambda *_: [], 33, frozenset({"opens-soon"}),
        "whether a symbol trades is asked once",
    ),
    "up-to-now": Planted(
        view, "durable_through", lambda _: lambda _: None, 63, frozenset({"signal-not-lost"}),
        "the store is taken to hold all up to now",
    ),
    "waits-for-diff": Planted(
        Core, "_seek", lambda _: lambda *_: None, 30, frozenset({"quiet-pair", "heals"}),
        "a quiet pair waits for its next diff",
    ),
    "ban-forgotten": Planted(
        Bans, "note", lambda _: lambda *_, **__: None, 294, frozenset({"ban-heeded"}),
        "a restart forgets a ban",
    ),
    "over-the-step": Planted(
        coverage._Draft, "_step", _step_is_noted_only, 7, frozenset({"nothing-came", "trust-honest"}),
        "an interval goes on over a step of our clock",
    ),
    "newest-by-clock": Planted(
        rebuild, "_INTERVAL_LAST", lambda sql: sql.replace("ORDER BY ", "ORDER BY ts_to DESC, "), 279,
        frozenset({"newest-book"}), "the newest book is that of the latest time of our clock",
    ),
    "near-the-seed": Planted(
        rebuild, "_STEPPED", lambda sql: sql.replace("clock_step", "never"), 15,
        frozenset({"rebuild", "newest-book"}),
        "a rebuilt book looks for rows near its seed though our clock was set",
    ),
    "nothing-asked": Planted(
        Backfiller, "tend", _asks_for_nothing, 2468, frozenset({"trade-holes-asked"}),
        "holes of trades are not asked for",
    ),
    "any-seed": Planted(
        SpotRule, "oldest_seed", lambda _: lambda *_: -1, 60, frozenset({"live-books", "coverage-tiled"}),
        "a seed older than the diffs joins them", also=("judge", _first_diff_joins),
    ),
}  # fmt: skip
