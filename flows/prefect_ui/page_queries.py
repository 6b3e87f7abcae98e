"""Pages from the store: asks it what a page shows, and has the page written."""

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
from leadline.storage.queries import health as glance
from leadline.storage.queries.latency import stages

LEGS_WITHIN = dt.timedelta(minutes=2)
STAGES_BACK = dt.timedelta(minutes=5)
DAY = dt.timedelta(days=1)
DEPTH_BACK = dt.timedelta(minutes=10)
LADDERS = 2  # books drawn as a chart


def health_page(
    con: Runs, status: HostStatus, ages_s: Mapping[str, float | None], *, venue: str, now: dt.datetime
) -> Page:
    """Put what the feed knows and what the store knows of each book on one page."""
    books = glance.book_health(con, venue, now)
    legs = queries.leg_figures(con, since=now - LEGS_WITHIN).dicts()
    took = stages(con, now - STAGES_BACK, now, venue=venue)
    return pages.health(
        status, books, glance.latency(con, venue, now), ages_s, venue=venue, now=now, legs=legs, took=took
    )


def depth_page(con: Runs, venue: str, symbols: Sequence[str], *, now: dt.datetime) -> Page:
    """Put the newest samples of ``symbols`` on a page, the first of them drawn."""
    since = now - DEPTH_BACK
    samples = glance.last_depth(con, venue, symbols, since, most=pages.ROWS)
    drawn = {symbol: glance.ladder(con, venue, symbol, since) for symbol in symbols[:LADDERS]}
    ladders = {symbol: ladder for symbol, ladder in drawn.items() if ladder is not None}
    return pages.depth(samples, ladders, venue=venue, now=now)


def signals_page(con: Runs, *, now: dt.datetime) -> Page:
    """Put the newest signal of each market on a page."""
    rows = glance.last_signals(con, most=pages.ROWS)
    return pages.signals(rows, glance.signal_outcomes(con, now - DAY), now=now)


def spend_page(con: Runs, settings: Settings, *, now: dt.datetime) -> Page:
    """Put what calls to models cost, and what is left of each budget, on a page."""
    return pages.spend(spending.look(con, settings, now=now))
