"""The sequence rule has one form in SQL, which says what each venue's rule in Python says."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from leadline.book.sync.rules import Join
from leadline.book.venues.registry import SPECS
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.queries.chain import GAP, GAP_AFTER_START, OVERLAP

ROOT = Path(__file__).parents[3]
RULES = {type(spec.rule).__name__: spec.rule for spec in SPECS.values()}
# What the rule is made of: the id before, and ids of a diff beside those of another row.
STATED = re.compile(
    r"\b(?:lag|lead)\s*\(\s*(?:\w+\.)?(?:last|first|prev)_id\b"
    r"|\bprev_id\s*(?:<>|!=|==?|[<>]=?|IS\s+(?:NOT\s+)?DISTINCT)"
    r"|\bfirst_id\s*(?:<>|!=|==?|[<>]=?)\s*[\w.$()]+\s*\+\s*1\b"
    r"|(?:<>|!=|==?|[<>]=?)\s*(?:\w+\.)?prev_id\b",
    re.IGNORECASE,
)
ALLOWED = {
    "storage/queries/chain.py",
    # These look at intervals of coverage, one after the other: no diffs.
    "storage/schema/views.py",
    "storage/schema/interval_order.py",
    "storage/schema/trade_runs.py",  # of trades, whose ids follow one another everywhere
}


@dataclass(frozen=True)
class Ids:
    first_id: int
    last_id: int
    prev_id: int | None


def neighbours(at: int, *, by_prev_id: bool) -> list[Ids]:
    """Every small diff around a book that stands at ``at``."""
    prevs = [at + n for n in range(-4, 5)] if by_prev_id else [None]
    return [
        Ids(at + begins, at + begins + size, prev)
        for begins, size, prev in itertools.product(range(-4, 6), range(5), prevs)
    ]


def ask(text: str, diffs: list[Ids], **before: int | None) -> list[bool]:
    kinds = pa.schema([(name, pa.int64()) for name in ("first_id", "last_id", "prev_id", *before)])
    with open_duckdb() as con:
        con.register("diffs", pa.Table.from_pylist([{**asdict(diff), **before} for diff in diffs], kinds))
        return [bool(told) for (told,) in con.execute(f"SELECT {text} FROM diffs").fetchall()]


@pytest.mark.parametrize("name", RULES)
def test_sql_finds_the_gaps_that_the_venues_rule_finds(name: str) -> None:
    rule, at = RULES[name], 20
    diffs = neighbours(at, by_prev_id=rule.by_prev_id)
    if not rule.by_prev_id:  # the rule's own id of a diff is the first one: a venue may send but one
        diffs = [diff for diff in diffs if rule.got_id(diff) == diff.first_id]
    for bridged, before in {
        False: {"start_id": at, "before_id": None},
        True: {"start_id": 0, "before_id": at},
    }.items():
        judged = [(diff, rule.judge(diff, at, bridged=bridged)) for diff in diffs]
        new = [
            diff for diff, join in judged if join is not Join.OLD
        ]  # an old one is in no book, and no row
        is_gap = [join is Join.GAP for _, join in judged if join is not Join.OLD]
        assert set(is_gap) == {False, True}
        assert ask(GAP, new, **before) == is_gap
        if not bridged:
            assert ask(GAP_AFTER_START, new, start_id=at, before_id=99) == is_gap
    begins = [diff.first_id if diff.prev_id is None else diff.prev_id + 1 for diff in diffs]
    assert ask(OVERLAP, diffs, before_id=at) == [first_id <= at for first_id in begins]


def test_no_other_file_states_the_rule() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for floor in ("storage", "flows")
        for suffix in ("*.py", "*.sql")
        for path in (ROOT / floor).rglob(suffix)
        if STATED.search(path.read_text(encoding="utf-8"))
    }
    assert found <= ALLOWED


@pytest.mark.parametrize(
    "text",
    [
        "lag(d.last_id) OVER (ORDER BY d.last_id)",
        "WHERE first_id > before + 1",
        "WHERE d.first_id <> b.last_id + 1",
        "joins = prev_id == at",
        "WHERE prev_id IS DISTINCT FROM $seed_id",
        "ON a.last_id = b.prev_id",
    ],
)
def test_a_second_statement_would_be_found(text: str) -> None:
    assert STATED.search(text)
