"""Real books against real tickers: all right on clean recordings, found wrong when they are made wrong."""

from __future__ import annotations

import pytest

from tests.book.silent_faults import SOURCES, Share, SilentFault, play_clean, read, trials
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
    lost = Share.of(trials(source, lines, SilentFault.LOST_EVENT, 40, seed=1))
    assert lost.found / lost.trials >= 171 / 200
    assert lost.median_s is not None
    assert lost.median_s <= 0.5  # by the receive times recorded, not by this machine's clock
    crossed = Share.of(trials(source, lines, SilentFault.WRONG_SIDE, 10, seed=1))
    assert crossed.found == crossed.trials
