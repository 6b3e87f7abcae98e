"""SQLAlchemy on the same connections: the file in process, and the owner in another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from duckdb_sqlalchemy import ConnectionWrapper, insert

from leadline.storage.access.connect import engine
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.errors import ReadOnly
from leadline.storage.schema.baseline import area_of, create
from tests.storage.helpers import Served, Stage


def reflected(*names: str) -> list[sa.Table]:
    """The tables as SQLAlchemy reads them from a database."""
    con = open_duckdb()
    create(con)
    made = sa.create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(con), poolclass=sa.pool.StaticPool
    )
    return [sa.Table(name, sa.MetaData(), autoload_with=made) for name in names]


prices, signals, coverage = reflected("prices", "signals", "coverage")

NOON = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC).replace(tzinfo=None)


@pytest.fixture
def writing(stage: Stage) -> Iterator[sa.Engine]:
    made = engine(stage.db, write=True)
    yield made
    with made.begin() as con:
        for table in (prices, signals):
            con.execute(table.delete())
    made.dispose()


def price(model: str, usd: str) -> dict[str, object]:
    return {
        "provider": "p's",
        "model": model,
        "valid_from": NOON,
        "input": Decimal(usd),
        "output": Decimal("1.10"),
        "source": "商",
        "checked_at": NOON,
    }


def test_rows_go_in_are_changed_and_come_back(writing: sa.Engine) -> None:
    with writing.begin() as con:
        added = con.execute(prices.insert(), [price(f"m{n}", "0.28") for n in range(30)])
        assert added.rowcount in {30, -1}
    with writing.begin() as con:
        assert con.execute(prices.update().where(prices.c.model == "m3").values(cached=0)).rowcount == 1
        assert con.execute(prices.delete().where(prices.c.model > "m3")).rowcount == 6
    with writing.connect() as con:
        (row,) = con.execute(sa.select(prices).where(prices.c.model == "m3")).mappings()
        assert row["input"] == Decimal("0.28")
        assert (row["cached"], row["source"], row["valid_from"], row["valid_to"]) == (0, "商", NOON, None)
        assert con.scalar(sa.select(sa.func.count()).select_from(prices)) == 24


def test_upsert(writing: sa.Engine) -> None:
    with writing.begin() as con:
        con.execute(prices.insert(), [price("a", "1"), price("b", "2")])
        again = insert(prices).values(price("a", "3"))
        con.execute(
            again.on_conflict_do_update(
                index_elements=["provider", "model", "valid_from"], set_={"input": again.excluded.input}
            )
        )
    with writing.connect() as con:
        found = con.execute(sa.select(prices.c.model, prices.c.input).order_by(prices.c.model)).all()
    assert found == [("a", Decimal(3)), ("b", Decimal(2))]


def test_rollback_really_rolls_back(writing: sa.Engine) -> None:
    with writing.connect() as con:
        con.execute(prices.insert(), price("a", "1"))
        assert con.scalar(sa.select(sa.func.count()).select_from(prices)) == 1
        con.rollback()
        assert con.scalar(sa.select(sa.func.count()).select_from(prices)) == 0
    with writing.begin() as con:
        con.execute(prices.insert(), price("a", "1"))
        with pytest.raises(sa.exc.IntegrityError):
            con.execute(prices.insert(), price("a", "1"))
        con.rollback()
    with writing.connect() as con:
        assert con.scalar(sa.select(sa.func.count()).select_from(prices)) == 0


def test_json_and_nulls(writing: sa.Engine) -> None:
    row = {
        "signal_id": "s1",
        "ts": NOON,
        "venue": "loopback-spot",
        "symbol": "币安人生USDT",
        "kind": "llm",
        "trigger": "manual",
        "provider": "p",
        "model_requested": "m",
        "lineage": "p/m",
        "is_switched": False,
        "prompt_version": "1",
        "outcome": "abstained",
        "features": {"imbalance": 0.25, "note": "it's"},
        "cost_usd": Decimal("0.000000280001"),
    }
    with writing.begin() as con:
        con.execute(signals.insert(), row)
    with writing.connect() as con:
        (found,) = con.execute(sa.select(signals)).mappings()
    assert {name: found[name] for name in row} == row
    assert found["direction"] is None


def test_reflection_and_tables_of_ones_own(writing: sa.Engine) -> None:
    own = sa.MetaData()
    notes = sa.Table(
        "notes",
        own,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.String),
    )
    own.create_all(writing)
    with writing.begin() as con:
        con.execute(notes.insert(), [{"id": 1, "text": "a"}])
    inspector = sa.inspect(writing)
    assert set(inspector.get_table_names()) == set(area_of()) | {"alembic_version", "notes"}
    assert inspector.get_pk_constraint("notes")["constrained_columns"] == ["id"]
    seen = sa.Table("coverage", sa.MetaData(), autoload_with=writing)
    assert list(seen.c.keys()) == list(coverage.c.keys())
    own.drop_all(writing)
    assert "notes" not in sa.inspect(writing).get_table_names()


def test_an_engine_for_readers_refuses_writes(db: Path) -> None:
    with Served(db):
        reading = engine(db)
        with reading.connect() as con:
            assert con.scalar(sa.text("SELECT count(*) FROM depth_diffs")) == 0
            with pytest.raises(ReadOnly):
                con.execute(prices.insert(), price("a", "1"))
        reading.dispose()
