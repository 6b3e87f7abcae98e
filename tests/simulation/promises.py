"""
What must hold after every life, whatever happened in it: one table of promises, each with a name.

A promise is a question with a witness: the venue's truth at every id, and what was seen on the way. It
answers with complaints. One that the product does not keep yet is off, and every output says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from tests.simulation import promises_live as lively
from tests.simulation import promises_stored as stored
from tests.simulation.evidence import Evidence
from tests.simulation.seen import Seen
from tests.simulation.truth import truths

Ask: TypeAlias = Callable[[Evidence], Iterator[str]]
Meets: TypeAlias = Callable[[Seen], bool]  # whether a life met what the product cannot bear yet


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: what it says, who asks, and of which lives it is not asked for a fault that is known."""

    says: str
    ask: Ask
    off: str = ""  # the known fault, in words
    meets: Meets = lambda _: True


def _follows(seen: Seen) -> bool:
    """Whether a stream took over from another one, or a symbol was dropped and added again."""
    return bool({"handover", "drop_symbol"} & set(seen.faults))


PROMISES: dict[str, Promise] = {
    "live-books": Promise("a LIVE book equals the venue's at its id", lively.live_books),
    "no-false-refutation": Promise("a right book is never discarded as refuted", lively.false_refutations),
    "heals": Promise("faults over: every book that trades is LIVE", lively.heals),
    "quiet-pair": Promise("a quiet pair is LIVE again though no diff came", lively.quiet_pairs),
    "opens-soon": Promise("a symbol that opens is LIVE within seconds", lively.opens_soon),
    "one-symbols-trouble": Promise("an unknown or delisted symbol keeps no other dark", lively.neighbours),
    "ban-heeded": Promise("nothing is asked while a ban lasts, restarts or not", lively.ban_heeded),
    "signal-true": Promise("what a signal was shown was the venue's top at that id", lively.signal_true),
    "signal-not-lost": Promise(
        "no signal is shown a book that was known to be lost at its moment",
        lively.signal_not_lost,
    ),
    "no-traceback": Promise("nothing fails inside", lively.no_traceback),
    "rows-once": Promise(
        "every diff and batch is stored once, whole, and none acknowledged is lost", stored.rows_once
    ),
    "coverage-true": Promise(
        "replayed, the store gives the venue's book at every covered id", stored.coverage_true
    ),
    "coverage-tiled": Promise("covered ids are stored without a hole", stored.tiled),
    "holes-told": Promise("every missing id lies in a hole", stored.holes_told),
    "at-most-100": Promise("no percentage is above 100", stored.at_most_100),
    "trust-honest": Promise("no minute is trusted in which diffs were missed", stored.trust_honest),
    "nothing-came": Promise(
        "no minute is trusted that our clock jumped over",
        stored.nothing_came,
    ),
    "certificate": Promise(
        "the day's certificate names every gap, at most 100 %",
        stored.certificate,
    ),
    "newest-book": Promise("the newest book is the newest by id", stored.newest_book),
    "rebuild": Promise("a book rebuilt at any covered id is the venue's", stored.rebuild),
    "trades-true": Promise("stored trades are the venue's, word for word", stored.trades_true),
    "trades-once": Promise("a trade is stored once", stored.trades_once),
    "trade-gaps-told": Promise("missing trades are told, with ids", stored.trade_gaps_told),
    "trade-holes-asked": Promise(
        "a hole of trades is asked for, and filled or told why not",
        stored.holes_asked,
        off="a hole at a handover, or of a symbol that was dropped, is told and not asked for",
        meets=_follows,
    ),
    "samples-true": Promise("a trusted sample is the venue's top at its id", stored.samples_true),
}


def judge(seen: Seen, *, every: bool = False) -> dict[str, list[str]]:
    """Ask the promises of a life (``every``: also those that are off for it); return complaints by name."""
    broken: dict[str, list[str]] = defaultdict(list)
    if seen.failed:
        broken["no-traceback"] += seen.failed
    with Owner(seen.db), connect(seen.db) as con:
        evidence = Evidence(seen, truths(seen), con)
        for name, promise in PROMISES.items():
            if every or not (promise.off and promise.meets(seen)):
                broken[name] += promise.ask(evidence)
    return {name: said for name, said in broken.items() if said}


def off() -> dict[str, str]:
    """Return the promises that are not asked of some lives, and why."""
    return {name: promise.off for name, promise in PROMISES.items() if promise.off}
