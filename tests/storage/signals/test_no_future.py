"""Whatever is stored of the time after a decision, its figures stay the same to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from leadline.book.analytics.signal_features import BookView, features
from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals.view import look
from tests.storage.signals.market import SYMBOL, VENUE, Stored, at

ROUNDS = 25


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


def fingerprint(con: Connection, seconds: float) -> tuple[str, int, float]:
    view = look(con, VENUE, SYMBOL, at(seconds), stale_s=10)
    assert isinstance(view, BookView), view
    return features(view).fingerprint(), view.last_id, view.mid


def anything(market: Stored, rng: Random, seconds: float, n: int) -> None:
    """One message of any kind, or the end of trust, as it may come."""
    px = rng.uniform(90, 110)
    match rng.randrange(5):
        case 0:
            market.diff(seconds, n, n + 1, {px: rng.uniform(0, 9)}, {px + 1: 0})
        case 1:
            market.top(seconds, n, px, rng.uniform(0.1, 9), px + rng.uniform(0, 2), 1)
        case 2:
            market.trade(seconds, rng.uniform(0.1, 99), bought=rng.random() < 0.5)
        case 3:
            market.sample(seconds, n, {px: 1}, {px + 1: 1})
        case 4:
            market.event(seconds, rng.choice(["STALE", "BUFFERING", "HALTED"]), "gap")


@pytest.mark.parametrize("seconds", [-0.5, 0.0, 3.25])
def test_what_comes_after_the_instant_changes_no_figure(con: Connection, seconds: float) -> None:
    market, rng = Stored(con), Random(seconds)
    market.quiet_book()
    before = fingerprint(con, seconds)
    for n in range(ROUNDS):
        anything(market, rng, seconds + rng.choice([1e-6, 0.1, 60.0, 3600.0]), 31 + 2 * n)
        assert fingerprint(con, seconds) == before
    market.con.execute("UPDATE coverage SET ts_to = $to, last_id = 999, ended_by = 'gap'", {"to": at(60)})
    market.covered(61, 99, 2000)
    assert fingerprint(con, seconds) == before
    # It is no blindness: the same kinds of message before the instant do change them.
    market.top(seconds - 0.001, 30, 100.2, 3, 100.9, 5)
    assert fingerprint(con, seconds) != before
