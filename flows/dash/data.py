"""
Everything that the page of ``leadline report`` and ``leadline dash`` shows, asked of the store at once.

What a trust light says is decided here: green, yellow or red, each with its reasons in words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from leadline.flows.config.settings import Settings
from leadline.flows.render.tables import json_of
from leadline.flows.scores import report as scoring
from leadline.flows.spend import report as spending
from leadline.storage.access.connect import Connection
from leadline.storage.access.sql import Answer
from leadline.storage.queries import dashboard as report
from leadline.storage.queries import everyday as queries
from leadline.storage.queries.dashboard import Feed, MarketTrust, Sample, Span
from leadline.storage.queries.latency import stages
from leadline.storage.signals import report as decisions

DAY = dt.timedelta(days=1)
MOST_BOOKS = 8  # shown with their levels
MOST_HEATS = 6  # drawn over time
SPEND_HOURS = 24.0
SILENT_S = 15.0  # a market of which nothing was heard for longer is not trusted, whatever its row says

# What ended an interval, as a person says it.
CAUSES = {
    "gap": "updates missing",
    "crossed": "crossed book",
    "one_sided": "a side was empty",
    "session_lost": "connection lost",
    "silent": "stream fell silent",
    "halted": "trading halted",
    "mismatch": "the venue disagreed",
    "refuted": "the venue contradicted the book",
    "crash": "its writer died",
    "stopped": "stream stopped",
    "cancelled": "stream cancelled",
    "handover": "handed over",
    "rotated": "stream rotated",
    "end_of_recording": "recording ended",
    "new_snapshot": "the source sent a new book",
    "cleared": "the source cleared the book",
    "bad_row": "a row could not be read",
    "replaced": "a new interval began",
}


class Light(StrEnum):
    """How far a market may be trusted within the time shown."""

    GREEN = "trusted"  # throughout
    YELLOW = "trusted, with holes"  # at its end, but not throughout
    RED = "not trusted"  # at its end


@dataclass(frozen=True, slots=True)
class Lit:
    """A market with its light and why."""

    market: MarketTrust
    light: Light
    reasons: tuple[str, ...]

    @property
    def says(self) -> str:
        """The light in words; of a market that is watched no more, until when they hold."""
        if self.light is Light.RED or self.market.is_covered_now:
            return self.light.value
        return f"{self.light.value}, until {self.market.covered_to:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Look:
    """All of it at one moment; ``span`` None: nothing is known yet."""

    now: dt.datetime
    db: str
    is_served: bool  # a stream, or another owner, has the database open
    span: Span | None
    rows: dict[str, int]
    lit: tuple[Lit, ...]
    books: list[dict[str, Any]]
    depth: dict[tuple[str, str], list[Sample]]
    feed: Feed
    feed_now: list[dict[str, Any]]
    stages: dict[str, Any]  # of all books over the span
    evidence: list[dict[str, Any]]
    latest: Answer
    counts: Answer
    not_ok: Answer
    scores: scoring.Report
    spend: spending.Spending

    @property
    def trusted(self) -> int:
        """How many markets may be trusted ``as_of``: while a stream runs, only what is streamed still."""
        lit = [one for one in self.lit if one.light is not Light.RED]
        return sum(one.market.is_covered_now for one in lit) if self.is_served else len(lit)

    @property
    def as_of(self) -> dt.datetime:
        """The moment that the lights speak of: now while a stream runs, else the newest row."""
        if self.is_served or self.span is None:
            return self.now
        return self.span.until.replace(tzinfo=dt.UTC)


def look(
    con: Connection,
    settings: Settings,
    now: dt.datetime,
    *,
    back: dt.timedelta,
    symbols: Sequence[str] = (),
) -> Look:
    """
    Ask for everything within the last ``back``.

    It ends now where a stream has the database, else with the newest row. ``symbols`` are the only ones
    shown; where none is given, those of the settings come first.
    """
    is_served = not con.keeps_others_out
    known = report.known_span(con)
    span = None
    if known is not None:
        until = now if is_served else known.until.replace(tzinfo=dt.UTC)
        span = report.span_to(known, until, back)
    first = list(symbols) or list(settings.symbols)
    shown = report.markets(con, span, first) if span else []
    if symbols:
        shown = [one for one in shown if one.symbol in symbols]
    names = list(dict.fromkeys(one.symbol for one in shown)) or list(symbols)
    # Of a file that nobody streams into, what was signalled and spent by its end.
    moment = span.until.replace(tzinfo=dt.UTC) if span else now
    since = moment - max(back, DAY)
    return Look(
        now=now,
        db=settings.db.name,
        is_served=is_served,
        span=span,
        rows=queries.row_counts(con),
        lit=tuple(judged(one) for one in shown),
        books=report.books(con, span, names[:MOST_BOOKS]) if span else [],
        depth=report.depth(con, span, names[:MOST_HEATS]) if span else {},
        feed=report.feed(con, span) if span else Feed(),
        feed_now=report.feed_now(con, span) if span else [],
        stages=stages(con, span.since, span.until) if span else {},
        evidence=report.evidence(con, span) if span else [],
        latest=decisions.latest(con, since=since),
        counts=decisions.counts(con, since=since),
        not_ok=decisions.not_ok(con, since=since),
        scores=scoring.look(con),
        spend=spending.look(con, settings, now=moment, hours=SPEND_HOURS),
    )


def judged(market: MarketTrust) -> Lit:
    """Give a market its light: red where it may not be trusted at the end, yellow where not throughout."""
    faults = tuple(_faults(market))
    is_heard = market.is_covered_now and market.silent_s <= SILENT_S
    if not (is_heard or market.ended_in_order):
        return Lit(market, Light.RED, (_not_now(market), *faults))
    if faults:
        return Lit(market, Light.YELLOW, faults)
    checks = f"{market.checked:,} checks against the venue's word, all equal"
    said = checks if market.checked else "not held against the venue's word yet"
    return Lit(market, Light.GREEN, (f"no hole since its book was first trusted; {said}",))


def _not_now(market: MarketTrust) -> str:
    if market.covered_to is None:
        return f"never trusted yet; its book is {market.state or 'not known'}"
    if market.is_covered_now:
        return f"no word from its stream since {market.covered_to:%H:%M:%S}"
    cause = CAUSES.get(market.ended_by, market.ended_by)
    return f"not since {market.covered_to:%H:%M:%S}: {cause}"


def _faults(market: MarketTrust) -> Iterator[str]:
    for hole in market.holes:
        cause = CAUSES.get(hole.cause, hole.cause)
        longest = f", longest {hole.longest_s:.2f} s" if hole.n > 1 else ""
        times = "once" if hole.n == 1 else f"{hole.n} times"
        yield f"{cause}: {times}, {hole.seconds:.2f} s{longest}"
    if market.mismatches:
        yield f"top of book unlike the venue's: {market.mismatches} of {market.checked:,} checks"
    if market.audit_mismatches:
        yield f"levels unlike the venue's snapshot: {market.audit_mismatches} of {market.audited:,}"


def as_json(found: Look) -> dict[str, Any]:
    """Return what a program wants of it: lights with reasons, books, headline, spend."""
    span = found.span
    return {
        "at": json_of(found.now),
        "db": found.db,
        "is_streaming": found.is_served,
        "from": json_of(span.since) if span else None,
        "to": json_of(span.until) if span else None,
        "rows": found.rows,
        "markets": [_market_json(one) for one in found.lit],
        "books": [json_of(row) for row in found.books],
        "feed": [json_of(row) for row in found.feed_now],
        "stages": found.stages,
        "signals": [json_of(row) for row in found.latest.dicts()],
        "headline": scoring.headlines(found.scores),
        "spend": spending.as_json(found.spend),
    }


def _market_json(one: Lit) -> dict[str, Any]:
    market = one.market
    names = (
        "venue", "symbol", "covered_s", "watched_s", "covered_share", "covered_to", "checked",
        "mismatches", "audited", "audit_mismatches",
    )  # fmt: skip
    return {
        **{name: json_of(getattr(market, name)) for name in names},
        "light": one.light.name.lower(),
        "says": one.says,
        "reasons": list(one.reasons),
    }
