"""Suggestions for a name that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import did_you_mean

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)


@given(known=st.sets(NAMES, min_size=1), name=NAMES)
def test_only_known_names_are_suggested(known: set[str], name: str) -> None:
    hint = did_you_mean(name, known)
    assert hint == "" or hint in {f"; did you mean {each}?" for each in known}


@given(known=st.sets(NAMES, min_size=1), data=st.data())
def test_a_known_name_in_another_case_is_suggested(known: set[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(known)))
    assert did_you_mean(name.upper(), known) == f"; did you mean {name}?"


@pytest.mark.parametrize(
    ("name", "prefix", "expected"),
    [
        ("--symbls", "--", "; did you mean --symbols?"),
        ("--xyz", "--", ""),
        ("LEADLINE_THREDS", "LEADLINE_", "; did you mean LEADLINE_THREADS?"),
        ("LEADLINE_QQ", "LEADLINE_", ""),
        ("", "", ""),
    ],
)
def test_what_all_begin_with_makes_nothing_close(name: str, prefix: str, expected: str) -> None:
    known = {"--": ["--symbols", "--why", "--db"], "LEADLINE_": ["LEADLINE_THREADS", "LEADLINE_DB"]}
    assert did_you_mean(name, known.get(prefix, ["book"]), prefix=prefix) == expected
