"""Events for hftbacktest show every book, and no event of a side comes out of order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.storage.exports import hftbacktest as hft
from leadline.storage.exports.certificate import Certificate
from leadline.storage.exports.rows import Carried
from tests.storage.exports.days import Stored, books_at_ends, out


def events_of(folder: Path, made: list[Certificate]) -> np.ndarray[Any, Any]:
    return np.concatenate([np.load(folder / c.files[0].path)["data"] for c in made])


def as_the_local_side_sees_it(events: np.ndarray[Any, Any]) -> list[tuple[int, dict[float, float]]]:
    """Keep a book as the format's documentation says; the book before each clear of both sides."""
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    seen = []
    for ev, _, local_ts, px, qty, *_ in events.tolist():
        if not ev & hft.LOCAL_EVENT or ev & 0xFF == hft.TRADE_EVENT:
            continue
        side = bids if ev & hft.BUY_EVENT else asks
        if ev & 0xFF == hft.DEPTH_CLEAR_EVENT:
            assert np.isnan(px)
            if ev & hft.BUY_EVENT and (bids or asks):
                seen.append((local_ts, {p: -q for p, q in bids.items()} | asks))
            side.clear()
        else:
            side.pop(px, None)
            if qty:
                side[px] = qty
    assert bids, "the last book stands"
    assert asks
    return [*seen, (local_ts, {p: -q for p, q in bids.items()} | asks)]


@pytest.mark.parametrize("behind_ns", [0, 1_270_000_000], ids=["clocks-agree", "our-clock-behind"])
@pytest.mark.parametrize("seed", range(3))
def test_hftbacktest_sees_every_book_and_nothing_out_of_order(
    stored: Stored, tmp_path: Path, seed: int, behind_ns: int
) -> None:
    db, day = stored(seed, behind_ns=behind_ns)
    made = out(db, tmp_path / "out", "hftbacktest")
    for certificate in made:
        events = np.load(tmp_path / "out" / certificate.files[0].path)["data"]
        assert events.dtype.names == ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
        assert events.dtype.itemsize == 64
        for flag, column in ((hft.EXCH_EVENT, "exch_ts"), (hft.LOCAL_EVENT, "local_ts")):
            times = events[column][(events["ev"] & flag) != 0]
            assert (np.diff(times) >= 0).all()
        assert (events["local_ts"] >= events["exch_ts"]).all()
        assert (certificate.notes["local_ts_moved_ns"] > 0) == (behind_ns > 0)
        depth, trades = Carried("depth"), Carried("trades")
        for some_depth, some_trades in hft.read_rows(tmp_path / "out" / certificate.files[0].path):
            depth.update(some_depth)
            trades.update(some_trades)
        assert (depth.digest, trades.digest) == (
            certificate.carried["depth"].sha256,
            certificate.carried["trades"].sha256,
        )
    # At midnight the next file opens on the book that stands: not an end, so it is the books that count.
    ends = as_the_local_side_sees_it(events_of(tmp_path / "out", made))
    books = list(books_at_ends(db).values())
    assert [book for _, book in ends if book in books] == books
    assert len(ends) <= len(books) + len(made) - 1
    trades_sent = [m for _, m in day.messages if hasattr(m, "trade_id")]
    assert sum(c.carried["trades"].rows for c in made) == len(trades_sent)


def test_an_event_seen_in_another_order_is_written_for_each_side() -> None:
    events = np.zeros(5, hft.EVENT)
    events["exch_ts"] = [10, 20, 30, 40, 50]
    events["local_ts"] = [100, 130, 120, 140, 150]
    events["ival"] = np.arange(5)
    left, ordered = hft.in_order(events)
    told = [
        (int(e["ival"]), bool(e["ev"] & hft.EXCH_EVENT), bool(e["ev"] & hft.LOCAL_EVENT)) for e in ordered
    ]
    assert not len(left)
    assert told == [
        (0, True, True),
        (1, True, False),
        (2, True, False),
        (2, False, True),
        (1, False, True),
        (3, True, True),
        (4, True, True),
    ]
    left, ordered = hft.in_order(events, before_ns=25)  # not within a block
    assert (left.tolist(), len(ordered)) == ([1, 2, 3, 4], 1)
