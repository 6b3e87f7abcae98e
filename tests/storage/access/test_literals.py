"""A literal means its value: whatever Python holds, DuckDB reads back."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.access.guard import only_reads
from leadline.storage.access.literals import bindable, literal, with_params
from leadline.storage.quoting import identifier

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20),
)
TIMES = st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2500, 1, 1))  # noqa: DTZ001


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as made:
        yield made


@given(st.one_of(TEXT, NUMBERS, TIMES, st.binary(max_size=20), st.booleans(), st.none()))
def test_a_value_comes_back(con: duckdb.DuckDBPyConnection, value: object) -> None:
    assert con.execute(f"SELECT {literal(value)}").fetchone() == (value,)


@given(st.lists(TEXT, max_size=4), TEXT.filter(str.strip))
def test_no_text_gets_out_of_its_parameter(
    con: duckdb.DuckDBPyConnection, values: list[str], name: str
) -> None:
    sent = with_params(f"SELECT ? AS {identifier(name)}", [values])
    assert con.execute(sent).fetchone() == (values,)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6))
def test_a_decimal_bound_here_is_the_decimal_sent_there(
    con: duckdb.DuckDBPyConnection, value: Decimal
) -> None:
    bound = con.execute("SELECT ?", bindable([value.normalize()])).fetchone()
    assert bound == (value,) == con.execute(f"SELECT {literal(value.normalize())}").fetchone()


def test_odd_ones(con: duckdb.DuckDBPyConnection) -> None:
    (nan,) = con.execute(f"SELECT {literal(float('nan'))}").fetchone() or (None,)
    assert math.isnan(nan)
    assert literal(np.int64(5)) == "5"
    assert literal({"a": "it's"}) == """'{"a": "it''s"}'"""
    with pytest.raises(BadInput, match="NUL"):
        literal("a\0b")
    with pytest.raises(BadInput, match="type object"):
        literal(object())
    with pytest.raises(BadInput, match="at most 38"):
        literal(Decimal(10) ** 40)
    with pytest.raises(BadInput, match="not an identifier"):
        with_params("SELECT $x", {"x) ; DROP TABLE y --": 1})


STATEMENTS = ["SELECT 1", "FROM kept", "DELETE FROM kept", "DROP TABLE kept", "BEGIN", "COMMIT"]
MARKS = [";", "'", "E'", "\\'", "--", "/*", "*/", "$$", '"', "\n", " ", "(", ")"]
PIECES = st.sampled_from([*STATEMENTS, *MARKS, "EXPLAIN ANALYZE ", "WITH x AS (", ") ", "PREPARE p AS "])


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_judged_to_read_changes_nothing(con: duckdb.DuckDBPyConnection, text: str) -> None:
    con.execute("CREATE OR REPLACE TABLE kept AS SELECT 1 AS a")
    judged = only_reads(con, text)
    event("reads" if judged else "refused")
    if judged:
        with contextlib.suppress(duckdb.Error):
            con.execute(text)
            con.fetchall()
        with contextlib.suppress(duckdb.TransactionException):
            con.rollback()
        assert con.execute("SELECT count(*) FROM kept").fetchone() == (1,)
