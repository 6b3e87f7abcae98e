"""Promises about what a life left in its database."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random

from leadline.book.scale import Scale
from leadline.storage.certificates.day import certify_day
from leadline.storage.errors import NoTrustedBook, StoreError
from leadline.storage.queries import invariants
from leadline.storage.queries.rebuild import StoredBook, book_at
from leadline.tasks.loopback.market.digests import book_digest
from tests.drills.store_checks import half_batches
from tests.simulation.evidence import Evidence, some
from tests.simulation.replaying import replay
from tests.simulation.stream import MOST_BACKFILLED

MINUTE_US, DAY_US = 60_000_000, 86_400_000_000
TOLERANCE = 1.000_1
REBUILDS = 3  # of each symbol, by id and by time
CERTIFIED = 2  # symbols of a life: a certificate costs as much as minutes of it

_TRUST = "SELECT symbol, epoch_us(minute), is_trusted, covered_s, watched_s FROM trust"
_HOLES = "SELECT symbol, first_missing_id, next_id FROM coverage_holes"
_BATCHES = "SELECT writer_id, seq, diffs FROM ingest_batches"
# A stream whose book was in doubt stores on past its coverage; one that follows begins where that ended.
_TWICE = """
SELECT symbol, last_id, list(epoch ORDER BY epoch) FROM depth_diffs d
WHERE EXISTS (SELECT 1 FROM coverage c WHERE c.symbol = d.symbol AND c.epoch = d.epoch
              AND d.last_id > c.first_id AND d.last_id <= c.last_id)
GROUP BY symbol, last_id HAVING count(*) > 1 ORDER BY symbol, last_id
"""
# An aggregate that was asked for stands for the ids it covers.
_TRADES = """
SELECT symbol, trade_id, coalesce(covers_last_id, trade_id) AS last_id, px, qty, buyer_is_maker FROM trades
"""
_UNTOLD = """
SELECT symbol, first_missing_id, missing FROM trade_holes h
WHERE NOT EXISTS (SELECT 1 FROM trade_backfills b WHERE b.symbol = h.symbol AND b.missing > 0
                  AND b.first_id < h.next_id AND b.last_id >= h.first_missing_id)
"""
_NEWEST_DIFF = """
SELECT coalesce(max(last_id), -1) FROM depth_diffs
WHERE symbol = $symbol AND epoch = $epoch AND last_id <= $until
"""
_SAMPLES = """
SELECT symbol, epoch, last_id, bid_px, bid_qty, ask_px, ask_qty FROM depth_snapshots WHERE trusted
"""


def rows_once(evidence: Evidence) -> Iterator[str]:
    """Count diffs and batches, and hold what was acknowledged against what is stored."""
    con = evidence.con
    yield from (f"stored more than once: {row}" for row in invariants.copies(con).rows[:3])
    yield from half_batches(con)  # type: ignore[arg-type]
    yield from (f"stored by two streams: {row}" for row in evidence.rows(_TWICE)[:3])
    there = {(writer, seq): diffs for writer, seq, diffs in evidence.rows(_BATCHES)}
    for key, (_, diffs) in evidence.seen.acks.items():
        if there.get(key) != diffs:
            yield f"batch {key[1]} was acknowledged with {diffs} diffs; stored: {there.get(key)}"


def tiled(evidence: Evidence) -> Iterator[str]:
    """Look for diffs that do not join inside coverage, and intervals that end elsewhere than their data."""
    con = evidence.con
    yield from (f"does not join: {row}" for row in invariants.untiled(con).rows[:3])
    yield from (f"ends elsewhere: {row}" for row in invariants.wrong_ends(con).rows[:3])
    yield from (f"false trust: {row}" for row in invariants.false_trust(con).rows[:3])
    yield from (f"stored by two streams: {row}" for row in invariants.doubled_ids(con).rows[:3])
    for symbol, intervals in evidence.coverage.items():
        ends = [interval.ended_by for interval in intervals]
        if "replaced" in ends:
            yield f"{symbol}: an interval was not ended before the next one began"
        if None in ends[:-1]:
            yield f"{symbol}: an interval stays open, and others came after it"


def coverage_true(evidence: Evidence) -> Iterator[str]:
    """Replay every epoch and compare at every id that coverage vouches for."""
    for symbol, truth in evidence.truth.items():
        scale = truth.market.spec.scale
        spans = defaultdict(list)
        for interval in evidence.coverage[symbol]:
            spans[interval.epoch].append((interval.first_id, interval.last_id))
        wrong = []
        for epoch, covered in spans.items():
            seed_id = evidence.seed_ids.get((symbol, epoch), -1)
            for last_id, digest in replay(evidence.con, symbol, epoch, scale):
                if not any(first <= last_id <= last for first, last in covered):
                    continue
                if truth.digests.at(last_id) != digest and not truth.is_excused(seed_id, last_id):
                    wrong.append(f"{symbol} at {last_id}: covered, and not the venue's book")
        yield from some(wrong)


def holes_told(evidence: Evidence) -> Iterator[str]:
    """Look for missing ids that lie in no hole."""
    holes = defaultdict(list)
    for symbol, first, after in evidence.rows(_HOLES):
        holes[symbol].append((first, after))
    for symbol in evidence.truth:
        for first, last in evidence.missing(symbol):
            if not any(a <= first and (b is None or b > last) for a, b in holes[symbol]):
                yield f"{symbol}: ids {first} to {last} are not covered and lie in no hole"


def at_most_100(evidence: Evidence) -> Iterator[str]:
    """Look for more covered than watched."""
    for symbol, minute, _, covered_s, watched_s in evidence.rows(_TRUST):
        if covered_s > watched_s * TOLERANCE + 0.001:
            yield f"{symbol}, {_said(minute)}: {covered_s:.3f} s covered of {watched_s:.3f} s watched"


def trust_honest(evidence: Evidence) -> Iterator[str]:
    """Look for trusted minutes of our clock in which the venue sent a diff that is not covered."""
    trusted = {(symbol, minute) for symbol, minute, is_trusted, *_ in evidence.rows(_TRUST) if is_trusted}
    world = evidence.seen.world
    for symbol, truth in evidence.truth.items():
        missing = evidence.missing(symbol)
        for ts_ns, first, last in truth.said.diffs:
            if any(a <= first and last <= b for a, b in missing):
                minute = world.wall_at(ts_ns) // 1000 // MINUTE_US * MINUTE_US
                if (symbol, minute) in trusted:
                    yield f"{symbol}: diff {first}..{last} is not covered, {_said(minute)} is trusted"
                    break


def nothing_came(evidence: Evidence) -> Iterator[str]:
    """Look for trusted minutes that lie wholly within a forward step of our clock."""
    world = evidence.seen.world
    trusted = [(symbol, minute) for symbol, minute, is_trusted, *_ in evidence.rows(_TRUST) if is_trusted]
    for (_, before_ns), (at_s, after_ns) in zip(world.steps, world.steps[1:], strict=False):
        from_us = (world.start_ns + int(at_s * 1e9) + before_ns) // 1000
        to_us = from_us + (after_ns - before_ns) // 1000
        for symbol, minute in trusted:
            if from_us <= minute and minute + MINUTE_US <= to_us and not _was_lived(evidence, minute):
                yield f"{symbol}: {_said(minute)} is trusted, and our clock jumped over it"


def _was_lived(evidence: Evidence, minute_us: int) -> bool:
    """Whether our clock ever showed a part of that minute."""
    world, end_s = evidence.seen.world, evidence.seen.world.now_s
    ends = [at_s for at_s, _ in world.steps[1:]] + [end_s]
    for (since_s, offset_ns), until_s in zip(world.steps, ends, strict=True):
        first = (world.start_ns + int(since_s * 1e9) + offset_ns) // 1000
        last = (world.start_ns + int(until_s * 1e9) + offset_ns) // 1000
        if first < minute_us + MINUTE_US and last > minute_us:
            return True
    return False


def certificate(evidence: Evidence) -> Iterator[str]:
    """Certify each day of some symbols: at most 100 %, every missing id within a gap it names."""
    rng = Random(f"{evidence.seen.plan.seed}:certificate")
    for symbol in rng.sample(sorted(evidence.coverage), CERTIFIED):
        intervals = evidence.coverage[symbol]
        days = {us // DAY_US for i in intervals for us in (i.from_us, i.to_us)}
        named, told_pct = [], 0.0
        for day in sorted(days):
            date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
            now = dt.datetime.combine(date, dt.time(), dt.UTC) + dt.timedelta(days=2)
            told, _ = certify_day(evidence.con, evidence.venue, symbol, date, now=now, made_by="simulation")
            named += [(gap["after_id"], gap["before_id"]) for gap in told["gaps"]]
            told_pct = max(told_pct, told["covered_pct"], told["watched"]["covered_pct"] or 0.0)
        if told_pct > 100 * TOLERANCE:
            yield f"{symbol}: a certificate says {told_pct} %"
        for first, last in evidence.missing(symbol):
            if not any((a is None or a < first) and (b is None or b > last) and (a or b) for a, b in named):
                yield f"{symbol}: no certificate names the gap {first}..{last}"


def newest_book(evidence: Evidence) -> Iterator[str]:
    """Ask for the book of now: it is that of the highest id, or none."""
    for symbol, intervals in evidence.coverage.items():
        if not intervals:
            continue
        newest = max(i.last_id for i in intervals)
        try:
            book = book_at(evidence.con, symbol, venue=evidence.venue)
        except NoTrustedBook:
            continue
        except StoreError as exc:
            yield f"{symbol}: {exc}"
            continue
        if book.last_id != newest:
            yield f"{symbol}: the book of now is of {book.last_id}, the newest covered id is {newest}"


def rebuild(evidence: Evidence) -> Iterator[str]:
    """Rebuild books at random covered ids and at random moments."""
    rng = Random(f"{evidence.seen.plan.seed}:rebuild")
    for symbol, truth in evidence.truth.items():
        scale = truth.market.spec.scale
        chosen: list[dict[str, object]] = []
        for interval in rng.sample(
            evidence.coverage[symbol], min(REBUILDS, len(evidence.coverage[symbol]))
        ):
            chosen.append({"at_id": rng.randint(interval.first_id, interval.last_id)})
            at_us = rng.randint(interval.from_us, interval.to_us)
            moment = dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC)
            chosen.append({"at": moment})
        for where in chosen:
            try:
                book = book_at(evidence.con, symbol, venue=evidence.venue, **where)  # type: ignore[arg-type]
            except StoreError as exc:
                yield f"{symbol} at {where}: {exc}"
                continue
            seed_id = evidence.seed_ids.get((symbol, book.epoch), -1)
            if (stored := _newest_diff(evidence, symbol, book.epoch, where)) > book.last_id:
                yield f"{symbol} at {where}: rebuilt at {book.last_id}, and {stored} is stored"
            true = truth.digests.at(book.last_id)
            if _digest(book, scale) != true and not truth.is_excused(seed_id, book.last_id):
                yield f"{symbol} at {where}: rebuilt at {book.last_id}, and not the venue's book"


def _newest_diff(evidence: Evidence, symbol: str, epoch: int, where: dict[str, object]) -> int:
    """Return the last id of the newest stored diff up to the id asked for; -1 where none was asked for."""
    asked = {"symbol": symbol, "epoch": epoch, "until": where.get("at_id", -1)}
    return int(evidence.rows(_NEWEST_DIFF, **asked)[0][0])


def trades_true(evidence: Evidence) -> Iterator[str]:
    """Compare every stored trade with the venue's."""
    wrong = []
    for symbol, first, last, px, qty, maker in evidence.rows(_TRADES):
        truth = evidence.truth[symbol]
        spec = truth.market.spec
        true = [truth.said.trades.get(trade_id) for trade_id in range(first, last + 1)]
        ours = (round(px * 10**spec.price_digits), round(qty * 10**spec.qty_digits), maker)
        if not _is_sum(ours, true):
            wrong.append(f"{symbol}: trades {first}..{last} are stored as {ours}, the venue said {true}")
    yield from some(wrong)


def _is_sum(ours: tuple[int, int, bool], fills: list[tuple[int, int, int, bool] | None]) -> bool:
    """Whether a row is what some fills, all of one price and side, come to."""
    known = [fill for fill in fills if fill is not None]
    if not known or len(known) < len(fills) or len({(px, maker) for _, px, _, maker in known}) > 1:
        return False
    _, price, _, maker = known[0]
    return _near(ours, (price, sum(qty for _, _, qty, _ in known), maker))


def _near(ours: tuple[int, int, bool], true: tuple[int, int, bool]) -> bool:
    """Compare in units of the wire, which may be finer than a double."""
    pairs = zip(ours[:2], true[:2], strict=True)
    return ours[2] == true[2] and all(abs(a - b) <= max(1, abs(b) >> 50) for a, b in pairs)


def trades_once(evidence: Evidence) -> Iterator[str]:
    """Count trades by id; those in an aggregate too."""
    seen = Counter(
        (symbol, trade_id)
        for symbol, first, last, *_ in evidence.rows(_TRADES)
        for trade_id in range(first, last + 1)
    )
    yield from some(
        f"{symbol}: trade {trade} is stored {n} times" for (symbol, trade), n in seen.items() if n > 1
    )


def trade_gaps_told(evidence: Evidence) -> Iterator[str]:
    """Look for trades between the first and the last stored one that are neither stored nor told."""
    stored = defaultdict(set)
    for symbol, first, last, *_ in evidence.rows(_TRADES):
        stored[symbol].update(range(first, last + 1))
    told = evidence.rows("SELECT symbol, first_missing_id, next_id FROM trade_holes")
    for symbol, ids in stored.items():
        missing = [
            each
            for each in evidence.truth[symbol].said.trades
            if min(ids) < each < max(ids) and each not in ids
        ]
        untold = [each for each in missing if not any(s == symbol and a <= each < b for s, a, b in told)]
        if untold:
            yield f"{symbol}: {len(untold)} trades are missing and not told, the first {untold[0]}"


def holes_asked(evidence: Evidence) -> Iterator[str]:
    """Look for holes of trades that nobody asked for, or gave no reason for."""
    for symbol, first, missing in evidence.rows(_UNTOLD):
        if missing <= MOST_BACKFILLED:
            yield f"{symbol}: {missing} trades from {first} on are missing and were not asked for"


def samples_true(evidence: Evidence) -> Iterator[str]:
    """Compare trusted samples with the venue's best levels at their id."""
    wrong = []
    for symbol, epoch, last_id, *sides in evidence.rows(_SAMPLES):
        truth = evidence.truth[symbol]
        spec = truth.market.spec
        n = max(len(sides[0]), len(sides[2]))
        depth = truth.market.depth(n, last_id)
        theirs = [
            [(p / 10**spec.price_digits, q / 10**spec.qty_digits) for p, q in side] for side in depth[1:]
        ]
        ours = [list(zip(sides[at], sides[at + 1], strict=True)) for at in (0, 2)]
        same = all(
            len(a) == len(b)
            and all(
                abs(x - y) <= 1e-9 * max(1, abs(y))
                for p, q in zip(a, b, strict=True)
                for x, y in zip(p, q, strict=True)
            )
            for a, b in zip(ours, theirs, strict=True)
        )
        seed_id = evidence.seed_ids.get((symbol, epoch), -1)
        if not same and not truth.is_excused(seed_id, last_id):
            wrong.append(f"{symbol}: the sample at {last_id} is not the venue's top")
    yield from some(wrong)


def _digest(book: StoredBook, scale: Scale) -> int:
    price, qty = 10**scale.price_decimals, 10**scale.qty_decimals
    bids, asks = ([(round(p * price), round(q * qty)) for p, q in side] for side in (book.bids, book.asks))
    return book_digest(bids, asks)


def _said(us: int) -> str:
    return f"{dt.datetime.fromtimestamp(us / 1e6, dt.UTC):%H:%M}"
