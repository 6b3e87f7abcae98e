"""
The hand-broken variants by floor: each a mistake that a real client has made, or easily could.

``tests`` are those that ought to notice. A variant's text must stand exactly once in its file, so a
change of the code that moves it is told at once.
"""

from __future__ import annotations

from tests.mutants.variants import book, bybit, contact, order, pages, quiet, storage, tasks, trades, trust

BOOKS = (*book.VARIANTS, *trust.VARIANTS, *bybit.VARIANTS, *trades.VARIANTS)
VARIANTS = (
    *BOOKS,
    *quiet.VARIANTS,
    *tasks.VARIANTS,
    *contact.VARIANTS,
    *storage.VARIANTS,
    *order.VARIANTS,
    *pages.VARIANTS,
)
