"""Promises about what happened while the stream ran: books in memory, requests, looks of signals."""

from __future__ import annotations

from collections.abc import Iterator

from leadline.book.sync.events import State
from tests.simulation.evidence import Evidence, some
from tests.simulation.grammar import SETTLE_S

LOST_S = 0.1  # between two looks at the clock
SOON_S = 15.0
BUSY_S = 45.0  # a pair without a diff for so long is a quiet one
BAN_SLACK_S = 1.0  # answers that were under way


def live_books(evidence: Evidence) -> Iterator[str]:
    """Compare every LIVE book with the truth at its id."""
    wrong = []
    for held in evidence.seen.held:
        truth = evidence.truth[held.symbol]
        true = truth.digests.at(held.last_id)
        if true != held.digest and not truth.is_excused(held.seed_id, held.last_id):
            wrong.append(
                f"{held.symbol} at {held.last_id}, {held.at_s:.2f} s: LIVE and not the venue's book"
            )
    yield from some(wrong)


def false_refutations(evidence: Evidence) -> Iterator[str]:
    """Look whether a refuted book had been right all along."""
    for at_s, stream, symbol, _, _, reason in evidence.seen.events:
        if reason != "refuted":
            continue
        before = [
            h for h in evidence.seen.held if (h.symbol, h.stream) == (symbol, stream) and h.at_s <= at_s
        ]
        truth = evidence.truth[symbol]
        # The event is seen when its batch is given out; the next book may have its seed by then.
        seeds = sorted({h.seed_id for h in before})[-2:]
        if before and not any(seeds[0] < spoiled <= before[-1].last_id for spoiled in truth.spoiled):
            yield f"{symbol}: refuted at {at_s:.2f} s, and it was the venue's book at {before[-1].last_id}"


def _dark(evidence: Evidence) -> Iterator[tuple[str, str, float]]:
    """Yield symbols that trade and are not LIVE at the end: state, and for how long no diff was sent."""
    seen = evidence.seen
    source = seen.venue.source
    for symbol in source.every:
        if symbol not in source.symbols or source.status[symbol] != "TRADING":
            continue
        state = seen.states.get(symbol, "not there")
        if state != State.LIVE:
            said = evidence.truth[symbol].said.diffs
            quiet_s = (
                seen.plan.life_s - (said[-1][0] - seen.world.start_ns) / 1e9 if said else seen.plan.life_s
            )
            yield symbol, state, quiet_s


def _has_outcast(evidence: Evidence) -> bool:
    seen = evidence.seen
    return bool(seen.plan.unknown) or len(seen.venue.source.symbols) < len(seen.venue.source.every)


def heals(evidence: Evidence) -> Iterator[str]:
    """Faults ended two minutes ago: no book that hears diffs may be dark."""
    for symbol, state, quiet_s in _dark(evidence):
        if quiet_s < BUSY_S and state != State.HALTED and not _has_outcast(evidence):
            yield f"{symbol} is {state}, {SETTLE_S:g} s after the last fault"


def quiet_pairs(evidence: Evidence) -> Iterator[str]:
    """… nor one that hears none."""
    for symbol, state, quiet_s in _dark(evidence):
        if quiet_s >= BUSY_S and state != State.HALTED and not _has_outcast(evidence):
            yield f"{symbol} is {state}; no diff was sent for {quiet_s:.0f} s"


def opens_soon(evidence: Evidence) -> Iterator[str]:
    """… nor one that trades again."""
    for symbol, state, _ in _dark(evidence):
        if state == State.HALTED:
            yield f"{symbol} is HALTED, and it trades"


def neighbours(evidence: Evidence) -> Iterator[str]:
    """… whatever another symbol's trouble is."""
    for symbol, state, _ in _dark(evidence):
        if _has_outcast(evidence) and state != State.HALTED:
            yield f"{symbol} is {state} beside one that is not listed"


def ban_heeded(evidence: Evidence) -> Iterator[str]:
    """No request is made between an answer 418 and the end of the ban that it named."""
    seen = evidence.seen
    banned_until_s = 0.0
    for entry in seen.venue.ledger.entries:
        if entry.fault.kind == "rest_418" and entry.hits:
            began_s = (entry.hits[0]["at_ns"] - seen.world.start_ns) / 1e9
            until_s = min(began_s + entry.fault.seconds, seen.plan.life_s - SETTLE_S)
            asked = [
                at
                for at, _ in seen.venue.requests
                if max(began_s, banned_until_s) + BAN_SLACK_S < at < until_s
            ]
            banned_until_s = max(banned_until_s, until_s)
            if asked:
                yield f"{len(asked)} requests while banned, the first {asked[0] - began_s:.1f} s into it"


def signal_true(evidence: Evidence) -> Iterator[str]:
    """Compare the top of each view with the venue's at the view's id."""
    wrong = []
    for look in evidence.seen.looks:
        if look.view is None:
            continue
        truth, view = evidence.truth[look.symbol], look.view
        depth = truth.market.depth(1, view.last_id)
        price, qty = 10**truth.market.spec.price_digits, 10**truth.market.spec.qty_digits
        theirs = [
            value for side in (depth.bids, depth.asks) for p, q in side for value in (p / price, q / qty)
        ]
        ours = [view.bid_px[0], view.bid_qty[0], view.ask_px[0], view.ask_qty[0]]
        same = len(theirs) == len(ours) and all(
            abs(a - b) <= 1e-9 * max(1.0, abs(b)) for a, b in zip(ours, theirs, strict=True)
        )
        seed_id = evidence.seed_ids.get((look.symbol, view.epoch), -1)
        if not same and not truth.is_excused(seed_id, view.last_id):
            wrong.append(
                f"{look.symbol}, {look.at_s:.2f} s, id {view.last_id}: shown {ours}, the venue had {theirs}"
            )
    yield from some(wrong)


def signal_not_lost(evidence: Evidence) -> Iterator[str]:
    """Look for views of books that memory knew to be lost at the moment of the view."""
    for look in evidence.seen.looks:
        if look.view is not None and look.state != State.LIVE and look.lost_s > LOST_S:
            said = f"shown a book that had been lost for {look.lost_s:.1f} s, now {look.state}"
            yield f"{look.symbol}, {look.at_s:.2f} s: {said}"


def no_traceback(evidence: Evidence) -> Iterator[str]:
    """Return what was logged as failed inside."""
    yield from some(evidence.seen.world.errors)
