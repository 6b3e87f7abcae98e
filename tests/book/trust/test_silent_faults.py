"""Real books against real tickers: all right on clean recordings, found wrong when they are made wrong."""

from __future__ import annotations

import pytest

from tests.book.evidence import Evidence, Step, Witnesses
from tests.book.silent_faults import (
    SOURCES,
    Found,
    Share,
    Sides,
    SilentFault,
    differing,
    play_clean,
    read,
    trials,
)
from tests.recordings import recording

pytestmark = pytest.mark.recordings


@pytest.mark.parametrize("name", SOURCES)
def test_clean_recordings_agree_at_every_id(name: str) -> None:
    source = SOURCES[name]
    player = play_clean(source, read(recording(source.name)))
    equal_ids, bracketed, misses, _ = player.tally
    assert equal_ids == source.equal_ids
    assert bracketed > 2_500
    assert misses == 0
    assert player.found is None


def test_silent_faults_are_found() -> None:
    """A short version of ``python -m tests.drills.silent_faults``, which has the table."""
    source = SOURCES["spot BTC"]
    lines = read(recording(source.name))
    witnesses = Witnesses.of(source, lines)
    results = trials(source, lines, SilentFault.LOST_EVENT, 40, seed=1)
    lost = Share.of(results)
    assert lost.found / lost.trials >= 171 / 200
    assert lost.median_s is not None
    assert lost.median_s <= 0.5  # by the receive times recorded, not by this machine's clock
    assert_all_that_can_be(witnesses, results)
    assert_all_that_can_be(witnesses, trials(source, lines, SilentFault.LOST_LEVEL, 15, seed=1))
    crossed = Share.of(trials(source, lines, SilentFault.WRONG_SIDE, 10, seed=1))
    assert crossed.found == crossed.trials


def assert_all_that_can_be(witnesses: Witnesses, results: list[Found]) -> None:
    """What a ticker ever speaks of is found, at the same diff or the next; and nothing else is."""
    seen = [witnesses.first_seen(one.at, one.wrong) for one in results]
    told = [one.get(Evidence.TICKER) for one in seen]
    assert [one.how is not None for one in results] == [at is not None for at in told]
    assert any(at is None for at in told), "some are never spoken of"
    late = [one.seconds - at for one, at in zip(results, told, strict=True) if at is not None]
    assert all(0 <= seconds < 1 for seconds in late)


def test_the_witness_beside_the_books() -> None:
    """A level is spoken of while it differs and the venue states it: here diff by diff."""

    def step(n: int, sets: Sides, tickers: tuple = (), *, stated: bool = True) -> Step:
        reach = {1: (100, 101), 20: (90, 110), 100: (80, 120), 1000: (70, 130)}
        return Step(n, n * 10_000_000_000, n, sets, reach, tickers, is_stated=stated)

    nothing: Sides = ({}, {})
    steps = [step(6, nothing), step(7, nothing), step(8, nothing, ((95, 101),))]
    steps.append(step(9, ({96: 5, 75: 1}, {})))
    seen = Witnesses(steps).first_seen(7, ({96: 1, 75: 4}, {}))
    assert seen == {Evidence.DEPTH20: 0.0, Evidence.WITHIN: 10.0}, "set anew before the audit came"
    steps = [step(n, nothing) for n in range(6, 15)]
    assert Witnesses(steps).first_seen(7, ({}, {125: 4})) == {Evidence.REST_1000: 50.0}
    top = {Evidence.TICKER: 0.0, Evidence.DEPTH20: 0.0, Evidence.REST_100: 50.0, Evidence.REST_1000: 50.0}
    assert Witnesses(steps).first_seen(7, ({100: 3}, {})) == top
    del top[Evidence.TICKER]
    silent = [step(n, nothing, stated=False) for n in range(6, 15)]
    assert Witnesses(silent).first_seen(7, ({100: 3}, {})) == top, "no ticker stands around it"
    assert Witnesses(silent).first_seen(7, nothing) == {}


def test_where_a_spoilt_book_differs() -> None:
    before: Sides = ({10: 1, 9: 2}, {11: 3})
    true: Sides = ({10: 5, 9: 0, 8: 4}, {12: 6})
    bad: Sides = ({10: 1, 9: 0}, {12: 6, 8: 4})
    assert differing(before, true, bad) == ({10: 1, 8: 0}, {8: 4})
    assert differing(before, true, true) == ({}, {})
