"""The journal over whatever holds the database: nobody, this process, another, or one that dies."""

from __future__ import annotations

from decimal import Decimal as Usd
from pathlib import Path
from random import Random

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import BudgetRefused, PriceUnknown, StoreOwned
from leadline.storage.spend import prices
from leadline.storage.spend.calls import Plan
from leadline.storage.spend.journal import Journal
from tests.storage.helpers import Served
from tests.storage.spend.plans import NOON, outcome, plan, price

SEEDED = len(prices.read_prices(prices.BOOK))


def journal(db: Path, usd: str = "1", patience_s: float = 10.0) -> Journal:
    return Journal(
        db, default_usd_per_day=Usd(usd), clock=lambda: NOON, rng=Random(1), patience_s=patience_s
    )


def flat(call_id: str) -> Plan:
    """Hold 0.0092 USD: 1,150 tokens at 8 USD a million."""
    return plan(
        call_id, provider="holysheep", model="gpt-4.1", prompt_tokens_max=1_000, completion_tokens_max=150
    )


def rows(db: Path) -> list[tuple[object, ...]]:
    with connect(db) as con:
        return con.execute(
            "SELECT call_id, state, held_usd, cost_usd FROM llm_calls ORDER BY seq"
        ).fetchall()


def test_it_seeds_the_prices_and_keeps_nobody_out_between_entries(db: Path) -> None:
    with journal(db) as book:
        book.before(flat("a"))
        with Owner(db) as other:  # the file is free
            assert other.cursor().execute("SELECT count(*) FROM prices").fetchone() == (SEEDED,)
        book.after(outcome(flat("a")))
    assert rows(db) == [("a", "settled", Usd("0.0092"), Usd("0.006"))]


def test_refusals_come_through(db: Path) -> None:
    with journal(db, usd="0.01") as book:
        book.before(flat("a"))
        with pytest.raises(BudgetRefused):
            book.before(flat("b"))
        with pytest.raises(PriceUnknown):
            book.before(plan("c", provider="holysheep", model="gpt-9"))
        book.after(outcome(flat("a"), usage=None, status=429))
        book.before(flat("b"))
    assert [row[:2] for row in rows(db)] == [("a", "settled"), ("b", "open")]


def test_an_owner_that_dies_is_followed_to_the_next(db: Path) -> None:
    with Served(db) as owner, journal(db) as book:
        book.before(flat("a"))
        owner.kill()
        owner.restart()
        book.after(outcome(flat("a")))
        book.before(flat("b"))
        owner.kill()  # and nobody comes: the journal opens the file itself
        book.after(outcome(flat("b")))
    assert [row[:2] for row in rows(db)] == [("a", "settled"), ("b", "settled")]


def test_without_the_ledger_no_call(db: Path) -> None:
    with Served(db, serve=False), journal(db, patience_s=0.2) as book, pytest.raises(StoreOwned):
        book.before(flat("a"))


def test_another_journal_may_settle_what_one_held(db: Path) -> None:
    """As after a restart of the process that sent it."""
    with journal(db) as book:
        book.before(flat("a"))
    with journal(db) as book:
        book.after(outcome(flat("a"), model_served="gpt-4.1-2025-04-14"))
    assert rows(db) == [("a", "settled", Usd("0.0092"), Usd("0.006"))]


def test_a_price_of_ones_own_counts_from_the_next_call(db: Path) -> None:
    with journal(db) as book:
        book.before(flat("a"))
        with connect(db, write=True) as con:
            mine = price("holysheep", "gpt-4.1", input=Usd(2), output=Usd(2))
            prices.load(con, [mine])
        book.before(flat("b"))
    assert [row[2] for row in rows(db)] == [Usd("0.0092"), Usd("0.0023")]
