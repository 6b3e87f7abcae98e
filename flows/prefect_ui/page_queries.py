"""Pages from the store: query what a page shows, and write the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui import pages
from leadline.flows.prefect_ui.pages import Page
from leadline.flows.spend import report as spending
from leadline.flows.streaming.host import HostStatus
from leadline.storage.access.sql import Runs
from leadline.storage.queries import everyday as queries
from leadline.storage.queries import health
from leadline.storage.queries.latency import stages

LEGS_WITHIN = dt.timedelta(minutes=2)
STAGES_BACK = dt.timedelta(minutes=5)
DAY = dt.timedelta(days=1)
DEPTH_BACK = dt.timedelta(minutes=10)
LADDERS = 2  # books drawn as a chart


def health_page(
    con: Runs, status: HostStatus, ages_s: Mapping[str, float | None], *, venue: str, now: dt.datetime
) -> Page:
    """Make the page of what the feed and the store know about each book."""
    books = health.book_health(con, venue, now)
    legs = queries.leg_figures(con, since=now - LEGS_WITHIN).dicts()
    took = stages(con, now - STAGES_BACK, now, venue=venue)
    return pages.health(
        status, books, health.latency(con, venue, now), ages_s, venue=venue, now=now, legs=legs, took=took
    )


def depth_page(con: Runs, venue: str, symbols: Sequence[str], *, now: dt.datetime) -> Page:
    """Make the page of the newest samples of ``symbols``, the first of them drawn."""
    since = now - DEPTH_BACK
    samples = health.last_depth(con, venue, symbols, since, most=pages.ROWS)
    drawn = {symbol: health.ladder(con, venue, symbol, since) for symbol in symbols[:LADDERS]}
    ladders = {symbol: ladder for symbol, ladder in drawn.items() if ladder is not None}
    return pages.depth(samples, ladders, venue=venue, now=now)


def signals_page(con: Runs, *, now: dt.datetime) -> Page:
    """Make the page of the newest signal of each market."""
    rows = health.last_signals(con, most=pages.ROWS)
    return pages.signals(rows, health.signal_outcomes(con, now - DAY), now=now)


def spend_page(con: Runs, settings: Settings, *, now: dt.datetime) -> Page:
    """Make the page of what calls to models cost and what is left of each budget."""
    return pages.spend(spending.look(con, settings, now=now))
