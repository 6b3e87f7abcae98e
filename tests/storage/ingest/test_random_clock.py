"""Our wall clock is set at random during stream, restart and handover; see `test_clock_set`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import event, given, settings
from hypothesis import strategies as st

from leadline.storage.access.connect import connect
from tests.storage.ingest.clocked import Life
from tests.storage.ingest.test_clock_set import check, play

SIZES_S = (-7_200.0, -70.0, -5.0, -1.5, -0.05, 0.05, 5.0, 70.0, 3_600.0)
sizes = st.sampled_from(SIZES_S)
MOVES = st.one_of(
    st.tuples(st.just("diffs"), st.integers(1, 9)),
    st.tuples(st.just("diffs"), st.integers(300, 400)),
    st.tuples(st.just("step"), sizes),
    st.tuples(st.just("step"), sizes),
    st.tuples(st.just("lose"), st.integers(1, 5)),
    st.tuples(st.just("flush")),
    st.tuples(st.just("restart"), st.booleans(), st.sampled_from([0.5, 20.0, 130.0]), sizes | st.just(0.0)),
    st.tuples(st.just("hand_over"), sizes, st.integers(0, 4)),
)


@settings(max_examples=12, deadline=None)
@given(moves=st.lists(MOVES, min_size=2, max_size=10))
def test_whatever_our_clock_does(moves: list[tuple[object, ...]], template: Path) -> None:
    with TemporaryDirectory() as folder:
        life = Life(template, Path(folder) / "x.duckdb")
        life.diffs(5)
        for move in moves:
            event(str(move[0]))
            play(life, move)
        life.end()
        with connect(life.db) as con:
            check(con, life)
