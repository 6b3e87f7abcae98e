"""One connection a module, its tables empty for each test: in process, and through an owner elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import prices
from tests.storage.helpers import Stage
from tests.storage.spend.plans import price

TABLES = ("llm_calls", "prices", "budgets", "claims", "notices")


@pytest.fixture(scope="module")
def line(stage: Stage) -> Iterator[Connection]:
    with connect(stage.db, write=True) as con:
        yield con


@pytest.fixture
def con(line: Connection) -> Connection:
    """An empty ledger with the price of FLAT_1."""
    for table in TABLES:
        line.execute(f"DELETE FROM {table}")
    prices.load(line, [price()])
    return line
