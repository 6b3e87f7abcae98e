"""A live book with its batch, told things in order: short words for transcripts of `book.engine.live`."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.rows.batch import Market
from leadline.book.scale import Scale
from leadline.book.sync.events import State
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance.sequence import SPOT
from tests.book.fake_venue import FakeVenue, make_live

MARKET = Market("loopback", "BTCUSDT", Scale(2, 3), SPOT)
SEED_NS = 1_700_000_000_123_456_789
EPOCH = SEED_NS // 1000
BODY = b'{"lastUpdateId":7,"bids":[["1.00","5"],["0.99","6"]],"asks":[["1.01","7"],["1.03","8"]]}'


def frame(first: int, last: int, bids: str = "", asks: str = "", *, pu: int | None = None) -> bytes:
    prev = "" if pu is None else f',"pu":{pu}'
    return (
        f'{{"e":"depthUpdate","E":{last},"s":"BTCUSDT","U":{first},"u":{last}{prev},'
        f'"b":[{bids}],"a":[{asks}]}}'
    ).encode()


class Heard:
    """A book and its batch, told things in order; time passes by 10 ns with each."""

    def __init__(self, engine: str, rule: SequenceRule = SPOT, **options) -> None:
        self.book = make_live(2, replace(MARKET, rule=rule), engine, **options)
        self.batch = FakeVenue(0).batch()
        self.now = SEED_NS - 10

    def depth(self, *arguments, **options) -> list:
        self.now += 10
        return list(self.book.receive_depth(frame(*arguments, **options), 0, self.now, self.batch))

    def seed(self, body: bytes = BODY) -> list:
        self.now += 10
        return list(self.book.receive_snapshot(body, self.now, self.batch))

    def say(self, name: str, *arguments) -> list:
        self.now += 10
        return list(getattr(self.book, name)(*arguments, self.now, self.batch))

    @property
    def events(self) -> list[tuple]:
        return [
            (row.ts_ns - SEED_NS, row.from_state, row.to_state, row.reason, row.expected_id, row.got_id)
            for row in self.batch.events
        ]


def is_live(engine: str, rule: SequenceRule = SPOT, **options) -> Heard:
    """A book that is LIVE at id 9, bridged, with 1.00 against 1.01."""
    heard = Heard(engine, rule, **options)
    heard.depth(6, 8, pu=5)
    heard.seed()
    heard.depth(9, 9, pu=8)
    assert heard.book.state is State.LIVE
    assert heard.book.bbo() == (100, 5000, 101, 7000)
    return heard
