"""What is sent for ever is what a venue could have sent: unbroken ids, and never a crossed book."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from bench.cycle import Cycle
from bench.frames import Frames, load
from leadline.book.engine.factory import make_book
from leadline.book.rows.batch import Batch, Market
from leadline.book.sync.events import State
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import SPOT

NOW_MS = 1_800_000_000_123


@pytest.fixture(scope="module")
def frames() -> Frames:
    return load(synthetic=True)


def payloads(data: bytes | bytearray) -> Iterator[bytes]:
    """Read frames as the library does."""
    protocol = ClientProtocol(parse_uri("ws://sender/"), state=OPEN, max_size=None)
    protocol.receive_data(bytes(data))
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        yield bytes(event.data)


def test_rounds_follow_each_other_without_a_gap(frames: Frames) -> None:
    cycle = Cycle(frames)
    batch = Batch([Market("loopback-spot", frames.symbol, frames.scale, SPOT)])
    book = make_book(0, batch.markets[0], specs.SPOT, engine="plain")
    start = frames.diffs[0].index(b'"data":') + len(b'"data":')
    diffs = list(payloads(cycle.warm_up))
    for n, diff in enumerate(diffs):
        if n == frames.seed_at:
            book.receive_snapshot(frames.seed, 1, batch)
        book.receive_depth(diff, start, n, batch)
    assert (book.state, book.last_id) == (State.LIVE, cycle.before_id)
    began = book.levels()
    for _ in range(2):
        batch.clear()
        cycle.turn()
        cycle.date(0, cycle.count, NOW_MS)
        for n, diff in enumerate(payloads(cycle.buffer)):
            assert f'"E":{NOW_MS},'.encode() in diff
            batch.clear()
            assert not book.receive_depth(diff, start, n, batch), "no gap, never crossed"
            assert book.last_id == cycle.last_id(n)
        assert book.levels() == began, "the last diff leads back"


def test_a_new_connection_begins_with_the_first_round(frames: Frames) -> None:
    cycle = Cycle(frames)
    cycle.turn()
    first = bytes(cycle.buffer)
    cycle.turn()
    assert bytes(cycle.buffer) != first
    cycle.rewind()
    cycle.turn()
    assert bytes(cycle.buffer) == first
