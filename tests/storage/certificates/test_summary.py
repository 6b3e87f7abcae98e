"""What a day's data is worth, near and far."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from leadline.book.rows.batch import Batch, BookEventRow, CoverageEnded
from leadline.book.sync.events import State
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.certificates.summary import certify
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS, START_NS, STEP_NS, Served, diff, fill, seed

START = dt.datetime.fromtimestamp(START_NS / 1e9, dt.UTC)
MIDNIGHT = START.replace(hour=0, minute=0, second=0, microsecond=0)
DAY = dt.timedelta(days=1)
STEPS_A_DAY = 86_400_000_000_000 // STEP_NS


@pytest.fixture
def filled(db: Path) -> Path:
    """Two trusted seconds, a gap of one second, one more second; and a diff of the next day."""
    per_s = 1_000_000_000 // STEP_NS
    first, gap, again = 10, 10 + 2 * per_s, 10 + 3 * per_s
    batch = Batch(MARKETS)
    fill(batch, 0, [diff(n, n) for n in (first + 1, gap)], seeded=seed(first))
    batch.coverage.append(CoverageEnded(0, 1, START_NS + gap * STEP_NS, gap, "gap"))
    batch.events.append(
        BookEventRow(0, START_NS + again * STEP_NS, State.LIVE, State.BUFFERING, "gap", 1, 2)
    )
    fill(batch, 0, [diff(again, again)], epoch=2, seeded=seed(again - 1))
    last = again + per_s
    fill(batch, 0, [diff(last, last)], epoch=2)
    batch.coverage.append(CoverageEnded(0, 2, START_NS + last * STEP_NS, last, "stopped"))
    late = last + STEPS_A_DAY
    fill(batch, 1, [diff(late, late)], epoch=3, seeded=seed(late - 1))
    with Owner(db) as owner:
        writer = Writer(owner, MARKETS)
        writer.start()
        writer.submit(batch)
        writer.close()
    return db


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_day_says_how_far_to_trust_it(filled: Path, remote: bool) -> None:
    served = Served(filled) if remote else None
    with connect(filled) as con:
        (day,) = certify(con, first=MIDNIGHT, until=MIDNIGHT + DAY)
        both = certify(con, first=MIDNIGHT, until=MIDNIGHT + 2 * DAY)
        assert certify(con, first=MIDNIGHT - DAY, until=MIDNIGHT) == []
    assert (day.day, day.symbol, day.gaps, day.crossed, day.diffs) == (MIDNIGHT.date(), "BTCUSDT", 1, 0, 4)
    assert day.causes == "gap, stopped"
    assert day.watched_s == pytest.approx(4, abs=0.2)
    assert day.trusted_pct == pytest.approx(75, abs=5)
    assert [(each.day, each.symbol) for each in both] == [
        (MIDNIGHT.date() + DAY, MARKETS[1].symbol),
        (MIDNIGHT.date(), "BTCUSDT"),
    ]
    assert (both[0].causes, both[0].diffs) == ("crash", 1)
    if served is not None:
        served.stop()
