"""The last word on each symbol, whoever said it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from leadline.storage.access.connect import connect
from leadline.storage.symbols.watchlist import Word, overrule, say, symbols_to_stream, wanted, words
from tests.storage.helpers import Stage

NOW = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC)
SYMBOLS = ("A", "B", "币C")


def test_the_last_word_stands(stage: Stage) -> None:
    with connect(stage.db, write=True) as con:
        assert words(con, "v") == {}
        say(con, "v", ["A", "币C", "A"], is_wanted=True, who="it's me", now=NOW)
        say(con, "w", ["A"], is_wanted=False, who="another venue", now=NOW)
        say(con, "v", ["A"], is_wanted=False, who="you", now=NOW + dt.timedelta(seconds=1))
        say(con, "v", [], is_wanted=False, who="nobody", now=NOW)
        found = words(con, "v")
        assert {symbol: (word.is_wanted, word.who) for symbol, word in found.items()} == {
            "A": (False, "you"),
            "币C": (True, "it's me"),
        }
        assert found["A"].said() == "dropped by you, 2026-05-28 12:00:01 UTC"
        con.execute(
            "INSERT OR REPLACE INTO watchlist VALUES ('v', 'B', true, now() AT TIME ZONE 'UTC', 'SQL')"
        )
        assert words(con, "v")["B"].is_wanted


def test_a_word_is_overruled_and_where_there_is_none_none_is_said(stage: Stage) -> None:
    with connect(stage.db, write=True) as con:
        say(con, "x", ["A"], is_wanted=False, who="me", now=NOW)
        overrule(con, "x", ["A", "B"], is_wanted=True, who="a start", now=NOW)
        assert {one: (word.is_wanted, word.who) for one, word in words(con, "x").items()} == {
            "A": (True, "a start")
        }
        overrule(con, "x", ["A"], is_wanted=True, who="another", now=NOW)
        assert words(con, "x")["A"].who == "a start"


def test_without_a_database_the_usual_symbols_are_streamed(stage: Stage, tmp_path: Path) -> None:
    with connect(stage.db, write=True) as con:
        say(con, "y", ["A"], is_wanted=False, who="me", now=NOW)
        say(con, "y", ["D"], is_wanted=True, who="me", now=NOW)
    assert symbols_to_stream(stage.db, "y", ("A", "B")) == ("B", "D")
    assert symbols_to_stream(tmp_path / "none.duckdb", "y", ("A", "B")) == ("A", "B")


@given(
    usual=st.lists(st.sampled_from(SYMBOLS), unique=True),
    said=st.dictionaries(st.sampled_from(SYMBOLS), st.booleans()),
)
def test_what_is_wanted(usual: list[str], said: dict[str, bool]) -> None:
    found = wanted(usual, {symbol: Word(yes, NOW, "x") for symbol, yes in said.items()})
    assert set(found) == {symbol for symbol in SYMBOLS if said.get(symbol, symbol in usual)}
    assert len(set(found)) == len(found)
    kept = [symbol for symbol in usual if symbol in found]
    assert list(found[: len(kept)]) == kept, "the usual ones first, in their order"
