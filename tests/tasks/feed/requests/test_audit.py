"""Right and wrong books that a bracketed ticker contradicts: SUSPECT, and audited one after the other."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from leadline.book.errors import BadFrame
from leadline.book.rows.evidence import Kind
from leadline.book.sync.events import State
from leadline.tasks.feed.requests.audit import AGAIN_S
from leadline.tasks.feed.thread import Feed
from leadline.tasks.loopback import Fault, ThreadedVenue
from leadline.tasks.net.errors import RestFailed
from tests.tasks.feed.test_faults import hits, streaming
from tests.tasks.feeding import WITHIN_S, assert_true_book, until

SOON = {"audit_lead_s": 0.05, "audit_settle_s": 0.05}
OWN_AUDITS = {"audit_every_s": 3600.0, "audit_levels": 100, **SOON}
WEIGHT = 60_000  # a minute
OFTEN = {
    "profile": {"weight_per_minute": WEIGHT},
    "venue": {"weight_limit": WEIGHT},
    "audit_every_s": 0.2,
    "audit_lead_s": 0.3,
    "audit_settle_s": 0.3,
}
LAG, FAR = 4, 120  # updates


def mute_tickers(feed: Feed, venue: ThreadedVenue) -> None:
    """Send no more book tickers, when every book has agreed with one."""

    async def have_agreed(core: Any) -> bool:
        return all(book._attestor.agreed[0] > 0 for book in core.router.books.values())

    until(lambda: feed._call(have_agreed), "tickers")
    for symbol in venue.symbols:
        venue.inject(Fault("mute", symbol, "bookTicker"))
    until(lambda: len(hits(venue, "mute")) >= len(venue.symbols), "muted")


def contradict(feed: Feed, symbols: Sequence[str]) -> None:
    """Make books SUSPECT whose tickers are mute: what they missed contradicts them, right or wrong."""

    def ticker(symbol: str, ticker_id: int, qty: str) -> tuple[bytes, int]:
        return f'{{"u":{ticker_id},"s":"{symbol}","b":"1","B":"{qty}","a":"2","A":"3"}}'.encode(), 0

    async def is_contradicted(core: Any) -> bool:
        for symbol in left.copy():
            book, now_ns = core.router.books[symbol], time.time_ns()
            if symbol not in closed:  # far ahead: it closes the bracket that the last true one opened
                closed.add(symbol)
                book.receive_ticker(*ticker(symbol, 2**60, "1"), now_ns, core.router.batch)
            if book.state is State.SUSPECT:
                left.remove(symbol)
                with pytest.raises(BadFrame):  # and here the bracket ends
                    book.receive_ticker(*ticker(symbol, 2**60 + 1, "x"), now_ns, core.router.batch)
        return not left

    left, closed = set(symbols), set()
    until(lambda: feed._call(is_contradicted), "SUSPECT", within_s=WITHIN_S)


def depth_requests(feed: Feed) -> list[float]:
    """Note when each snapshot is asked for, from now on."""
    rest, asked = feed._core._rest, []

    async def depth(symbol: str, limit: int, ask: Any = rest.depth) -> Any:
        asked.append(time.monotonic())
        return await ask(symbol, limit)

    rest.depth = depth  # type: ignore[method-assign]
    return asked


def answering(feed: Feed, change: Callable[[Any], Any]) -> None:
    """Let ``change`` have each answer with a book, from now on."""
    rest = feed._core._rest

    async def depth(symbol: str, limit: int, ask: Any = rest.depth) -> Any:
        return change(await ask(symbol, limit))

    rest.depth = depth  # type: ignore[method-assign]


def lagging(reply: Any, updates: int) -> Any:
    """Let an answer say that it is older than what it lists."""
    body = json.loads(reply.body)
    body["lastUpdateId"] -= updates
    return replace(reply, body=json.dumps(body, separators=(",", ":")).encode())


def test_right_books_that_become_suspect_at_once_are_audited_one_after_the_other() -> None:
    with streaming(count=6, **OWN_AUDITS) as (feed, venue, sink):
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in venue.symbols}
        asked = depth_requests(feed)
        mute_tickers(feed, venue)
        contradict(feed, venue.symbols)
        until(lambda: feed.status().audits.done >= 6 and feed.status().live == 6, "each was audited")
        feed.flush()
        pace_s = feed._core._auditor._pace_s
        assert pace_s == pytest.approx(5 * 60 / (6000 * 0.8 * 0.1)), "weight 5 of the share, not in a turn"
        assert all(later - first >= pace_s for first, later in itertools.pairwise(asked))
        for symbol, epoch in epochs.items():
            assert feed.status().symbol(symbol).epoch == epoch, "no seed was fetched"
            reasons = sink.reasons(symbol)
            assert "refuted" not in reasons
            assert reasons[reasons.index("mismatch") + 1] == "ready"
            assert {row.miss.kind for row in sink.mismatches(symbol)} == {Kind.BRACKETED}
            assert_true_book(feed, venue, symbol)


def test_a_book_that_tickers_heal_at_once_costs_no_request_and_is_the_next_in_turn() -> None:
    with streaming(count=3, **OWN_AUDITS) as (feed, venue, _):
        asked = depth_requests(feed)
        victim = venue.symbols[-1]

        async def miss_and_agree(core: Any) -> list[str]:
            auditor, book = core._auditor, core.router.books[victim]
            for turn, symbol in enumerate(venue.symbols, 1):
                auditor._audited[symbol] = turn  # the victim was the last
            book._witness._missed = book.epoch, book.last_id
            auditor._was_asked = False
            now_s = asyncio.get_running_loop().time()
            auditor.hear_doubts(now_s)
            assert auditor.choose_suspect(now_s + 3600) is None, "it is LIVE"
            turns = []
            for _ in range(4):
                book = auditor.choose()
                auditor._was_asked = not auditor._was_asked
                turns.append(book.market.symbol)
            return turns

        first = venue.symbols[0]
        assert feed._call(miss_and_agree) == [victim, first, victim, first], "and the others have theirs"
        assert asked == []


def spoil(feed: Feed, symbol: str) -> int:
    """Make a book wrong below its top; return its epoch."""

    async def spoil_levels(core: Any) -> int:
        book = core.router.books[symbol]
        bids, _ = book.top(60)
        book._ladder.set_levels([(price, lots + 1) for price, lots in bids[10:]], [])
        return book.epoch

    return feed._call(spoil_levels)


@pytest.mark.parametrize("lag", [0, LAG])
def test_a_wrong_book_whose_tickers_are_bracketed_alone_is_discarded_by_the_audit(lag: int) -> None:
    with streaming(count=1, **OWN_AUDITS) as (feed, venue, sink):
        (victim,) = venue.symbols
        mute_tickers(feed, venue)
        answering(feed, lambda reply: lagging(reply, lag))
        epoch = spoil(feed, victim)
        contradict(feed, venue.symbols)
        until(lambda: feed.status().symbol(victim).epoch not in (epoch, None), "discarded and seeded")
        feed.flush()
        (refuting,) = {row.miss.kind for row in sink.mismatches(victim) if row.refuted}
        assert refuting is Kind.AUDIT
        if not lag:
            assert_true_book(feed, venue, victim)


def test_snapshots_whose_ids_lag_behind_their_content_discard_no_right_book() -> None:
    """As COIN-M's did in 2021: a diff after the snapshot's id brings what it lists already."""
    unlike = 0

    def counting(reply: Any) -> Any:
        nonlocal unlike
        unlike += 1
        return lagging(reply, FAR)

    with streaming(count=2, **OFTEN) as (feed, venue, sink):
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in venue.symbols}
        answering(feed, counting)
        until(lambda: unlike > 12, "audits", within_s=WITHIN_S)
        done = feed.status().audits.done
        until(lambda: feed.status().audits.done > done + 4, "audits", within_s=WITHIN_S)
        for symbol, epoch in epochs.items():
            assert feed.status().symbol(symbol).epoch == epoch
            assert "refuted" not in sink.reasons(symbol)
            assert_true_book(feed, venue, symbol)


def test_an_audit_that_cannot_be_confirmed_makes_a_book_suspect_until_one_can() -> None:
    with streaming(count=1, **OFTEN) as (feed, venue, sink):
        (victim,) = venue.symbols
        asked = 0

        def every_other(reply: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked % 2 == 0 and "mismatch" not in sink.reasons(victim):
                raise RestFailed("the second one fails")
            return reply

        mute_tickers(feed, venue)
        answering(feed, every_other)
        spoil(feed, victim)
        until(lambda: feed.flush() and "mismatch" in sink.reasons(victim), "SUSPECT", within_s=WITHIN_S)
        reasons = sink.reasons(victim)
        assert "refuted" not in reasons[: reasons.index("mismatch") + 1]
        first = sink.mismatches(victim)[0]
        assert (first.miss.kind, first.refuted) == (Kind.AUDIT, False)
        assert_true_book(feed, venue, victim)  # LIVE again: discarded, or diffs set what was wrong


def test_one_ticker_that_lies_at_an_equal_id_costs_an_audit_and_no_book() -> None:
    with streaming(count=1, **SOON) as (feed, venue, sink):
        (symbol,) = venue.symbols
        epoch = feed.status().symbol(symbol).epoch
        asked = depth_requests(feed)
        mute_tickers(feed, venue)

        async def lie(core: Any) -> bool:
            book, now_ns = core.router.books[symbol], time.time_ns()
            frame = f'{{"u":{book.last_id},"s":"{symbol}","b":"1","B":"1","a":"2","A":"3"}}'
            book.receive_ticker(frame.encode(), 0, now_ns, core.router.batch)
            return book.state is State.SUSPECT

        until(lambda: feed._call(lie), "a diff behind the last ticker", within_s=WITHIN_S)
        until(lambda: feed.status().symbol(symbol).state is State.LIVE, "audited", within_s=WITHIN_S)
        assert feed.status().symbol(symbol).epoch == epoch
        assert len(asked) == 1, "there are no audits in turn"
        feed.flush()
        assert {(row.miss.kind, row.refuted) for row in sink.mismatches(symbol)} == {(Kind.EQUAL_ID, False)}
        assert_true_book(feed, venue, symbol)


def test_twenty_right_books_in_one_crash_are_kept_and_cost_no_request() -> None:
    """All their tickers are left out for a while: what comes then contradicts them, and heals them."""
    with streaming(count=20, **SOON) as (feed, venue, sink):
        epochs = {symbol: feed.status().symbol(symbol).epoch for symbol in venue.symbols}
        asked = depth_requests(feed)

        def contradicted() -> list[str]:
            feed.flush()
            return [symbol for symbol in venue.symbols if sink.mismatches(symbol)]

        for symbol in venue.symbols:
            venue.inject(Fault("mute", symbol, "bookTicker", seconds=0.5))
        until(lambda: len(contradicted()) > 10, "most were contradicted", within_s=WITHIN_S)
        until(lambda: feed.status().live == 20, "all LIVE again", within_s=WITHIN_S)
        doubted = contradicted()
        assert not any(row.refuted for symbol in doubted for row in sink.mismatches(symbol))
        assert {symbol: feed.status().symbol(symbol).epoch for symbol in venue.symbols} == epochs
        assert asked == []


def test_a_suspect_book_is_not_audited_again_at_once_when_an_audit_fails() -> None:
    with streaming(count=1, **OWN_AUDITS) as (feed, venue, _):
        asked = depth_requests(feed)
        mute_tickers(feed, venue)
        venue.inject(Fault("rest_5xx", n=100, code=503))
        contradict(feed, venue.symbols)
        until(lambda: feed.status().audits.failed, "an audit failed")
        (symbol,) = venue.symbols

        async def due_in_s(core: Any) -> float:
            return core._auditor._own_at_s[symbol] - asyncio.get_running_loop().time()

        assert feed._call(due_in_s) > AGAIN_S / 2
        assert len(asked) == 1
        assert feed.status().symbol(symbol).state is State.SUSPECT
