"""Any script of holds, outcomes, deaths and time: the ledger says what a plain sum in memory says."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from leadline.storage.access.extensions import open_duckdb
from leadline.storage.errors import BudgetRefused
from leadline.storage.schema.baseline import create
from leadline.storage.spend import ledger, prices
from leadline.storage.spend.conflicts import is_conflict
from tests.storage.spend.oracle import LETTERS, LIMITS, Play
from tests.storage.spend.plans import plan, price

ADD_BUDGET = "INSERT INTO budgets VALUES (?, ?, ?, now()::TIMESTAMP)"


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A ledger in memory: the same statements, without the disk's time."""
    con = open_duckdb(settings={"threads": 1})
    create(con)
    prices.load(con, [price(), price(model="dear-2", input=Decimal(3), output=Decimal(3))])
    for (scope, window), usd in LIMITS.items():
        con.execute(ADD_BUDGET, [scope, window, usd])
    yield con
    con.close()


moves = st.lists(st.tuples(st.sampled_from(LETTERS), st.integers(0, 9)), min_size=25, max_size=50)


@settings(max_examples=12, deadline=None)
@given(moves)
def test_the_ledger_is_the_sum(memory: duckdb.DuckDBPyConnection, script: list[tuple[str, int]]) -> None:
    memory.execute("DELETE FROM llm_calls")
    play = Play(memory)
    for number, (letter, size) in enumerate(script):
        play.move(letter, size)
        if number % 8 == 0:  # every reservation is held against the oracle besides
            play.check()
    play.check()
    event(f"refused: {min(play.refused, 3)}")
    event(f"late outcomes: {min(play.late, 2)}")


def test_of_two_at_once_one_must_look_again(memory: duckdb.DuckDBPyConnection) -> None:
    """Both see the same free 0.009 USD; only one of two holds of 0.006 can commit."""
    memory.execute("DELETE FROM llm_calls")
    one, two = memory.cursor(), memory.cursor()
    half = {"prompt_tokens_max": 6_000, "completion_tokens_max": 0}
    for con in (one, two):
        con.execute("BEGIN")
    ledger.reserve(one, plan("a", **half), default_usd_per_day=Decimal(0))
    ledger.reserve(two, plan("b", **half), default_usd_per_day=Decimal(0))
    one.execute("COMMIT")
    with pytest.raises(duckdb.Error) as refused:
        two.execute("COMMIT")
    assert is_conflict(refused.value)
    with pytest.raises(BudgetRefused):
        ledger.reserve(two, plan("b", **half), default_usd_per_day=Decimal(0))
    assert memory.execute("SELECT list(call_id) FROM llm_calls").fetchone() == (["a"],)
