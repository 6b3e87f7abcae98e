"""A database with a trusted book, a hole, a market with a hostile name, a signal and a call that cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.signals import rows
from leadline.storage.spend import ledger, prices
from leadline.storage.spend.calls import Usage
from tests.storage.signals.market import NOON, Stored
from tests.storage.signals.test_rows import decision
from tests.storage.spend.plans import outcome, plan, price

HOSTILE = '<img src=x onerror="alert(1)">\'&USDT'


@pytest.fixture(scope="session")
def small_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests of the page know by heart."""
    db = tmp_path_factory.mktemp("dash") / "small.duckdb"
    with connect(db, write=True) as con:
        for symbol in ("BTCUSDT", HOSTILE):
            book = Stored(con, symbol.replace("'", "''"))  # it writes SQL
            book.covered(-600, -180, 10, "gap")
            book.covered(-120, 0, 30, "stopped")
            book.sample(-20, 29, {99.5: 2.0, 99.0: 1.25}, {100.5: 4.0, 101.0: 0.5})
            book.sample(-10, 30, {99.5: 2.0, 99.0: 1.25}, {100.5: 4.0, 101.0: 0.5})
        con.execute("UPDATE depth_snapshots SET mid = 100.0, spread_bps = 100.0, imbalance = -0.1613")
        con.execute(
            "UPDATE depth_snapshots SET uncertified = 'asks beyond 7 bps', ask_depth = [NULL] "
            "WHERE symbol = 'BTCUSDT'"
        )
        prices.load(con, [price()])
        said = {"outcome": "ok", "direction": "bullish", "confidence": 0.85, "reasoning": "<b>up</b>"}
        rows.put(con, [decision("a", ts=NOON, **said)])
        one = plan("call", prompt_tokens_max=2_000, completion_tokens_max=0)
        ledger.reserve(con, one, default_usd_per_day=Decimal(1))
        ledger.settle(con, outcome(one, usage=Usage(prompt_tokens=1_000, completion_tokens=0)), now=NOON)
    return db
