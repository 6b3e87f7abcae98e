"""A line's two connections, read by read, without a socket: what each brings is said by the test."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from leadline.book.engine.factory import make_book
from leadline.book.rows.batch import Count, Market, TradeCol
from leadline.book.scale import Scale
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import SPOT
from leadline.tasks.feed.connections.approach import Approach
from leadline.tasks.feed.connections.line import Line
from leadline.tasks.feed.connections.merger import Frame, Merger
from leadline.tasks.feed.connections.standby import QUIET_LOOKS, Leg, Relief
from leadline.tasks.feed.routing.config import FeedConfig
from leadline.tasks.feed.routing.router import Router
from leadline.tasks.feed.routing.stats import Totals
from leadline.tasks.net.limits import AttemptBudget
from leadline.tasks.venues.binance import profiles
from leadline.tasks.venues.binance.ids import read_ids
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink

STREAM = "ethusdt@trade"
SHUTDOWN = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000}}'
SECOND_NS = 1_000_000_000


def config() -> FeedConfig:
    profile = loopback("spot", ws_url="ws://127.0.0.1:9", rest_url="http://127.0.0.1:9")
    return FeedConfig(profile=profile, symbols=("ETHUSDT",))


def trade(trade_id: int) -> bytes:
    return (
        f'{{"stream":"{STREAM}","data":{{"e":"trade","E":1700000000000,"s":"ETHUSDT","t":{trade_id},'
        '"p":"10.00","q":"1.000","T":1700000000000,"m":true,"M":true}}'
    ).encode()


class Heard:
    """A line whose connections are ``used`` and ``beside``, both warm, and its sink."""

    def __init__(self, settings: FeedConfig | None = None) -> None:
        settings = settings or config()
        self.lost: list[str] = []
        self.sink = ListSink()
        market = Market("loopback-spot", "ETHUSDT", Scale(2, 3), SPOT)
        self.router = Router(
            [market], [make_book(0, market, specs.SPOT, engine="plain")], self.sink, profiles.SPOT
        )
        attempts = AttemptBudget(lambda: 0.0, limit=9, window_s=9.0)
        self.line = Line(
            "spot",
            StreamKind.DEPTH,
            config=settings,
            router=self.router,
            approach=Approach("spot", StreamKind.DEPTH, settings, attempts, Random(1)),
            totals=Totals(),
            rng=Random(1),
            on_told=lambda _: None,
            on_lost=lambda _, why: self.lost.append(why),
        )
        self.line.add("ETHUSDT", [STREAM])
        self.used, self.beside = self.line._new_leg(), self.line._new_leg()
        self.line._session = self.used.session
        self.line.beside.relief = Relief(self.beside, self.line.beside.ledger.begin(), ready_ns=1)

    def read(self, leg: Leg, *frames: bytes) -> None:
        self.line._hear(leg, list(frames), 1, 1)

    @property
    def trades(self) -> list[int]:
        batch = self.router.batch
        return batch.trades[: batch.counts[Count.TRADES], TradeCol.TRADE_ID].tolist()


def test_what_follows_a_farewell_in_one_read_is_not_taken_for_the_other_connection_s() -> None:
    """It would end the memory of what went on already, and the connection in use repeat it."""

    async def go() -> list[int]:
        heard = Heard()
        heard.read(heard.used, trade(1))
        heard.read(heard.beside, trade(1), trade(2), trade(3))
        heard.read(heard.beside, SHUTDOWN, trade(4))
        assert not heard.line.beside.is_of(heard.beside), "given up"
        heard.read(heard.used, trade(2), trade(3), trade(4), trade(5))
        await heard.line.close()
        return heard.trades

    assert asyncio.run(go()) == [1, 2, 3, 4, 5]


def test_a_loop_that_stood_still_has_not_heard_a_stream_be_quiet() -> None:
    settings, merger = config(), Merger(read_ids)
    relief = Relief(Leg({STREAM}, True), merger, ready_ns=SECOND_NS)
    now_ns = SECOND_NS + int(10 * settings.quiet_s * 1e9)
    assert not relief.may_take_over([STREAM], now_ns, settings), "both may have unread frames"
    step_ns = int(settings.quiet_s * 1e9) // QUIET_LOOKS
    told = [relief.may_take_over([STREAM], now_ns + n * step_ns, settings) for n in range(1, QUIET_LOOKS)]
    assert told == [False] * (QUIET_LOOKS - 2) + [True]
    heard = Relief(Leg({STREAM}, True), Merger(read_ids), ready_ns=SECOND_NS)
    for leg in (0, 1):
        heard.merger.take(leg, Frame(trade(1), 1, 1))
    assert heard.may_take_over([STREAM], SECOND_NS, settings), "heard on every stream: ids prove it"


@pytest.mark.parametrize("pairs", [True, False])
def test_a_session_is_left_at_once_where_no_id_could_show_an_overlap(*, pairs: bool) -> None:
    usual = config()
    spec = replace(usual.profile.spec, pairs_connections=pairs)

    async def go() -> Heard:
        heard = Heard(replace(usual, profile=replace(usual.profile, spec=spec)))
        heard.line.beside.relief = None
        heard.line.beside._not_before_ns = 2**63  # begin none
        heard.line.leave("lag of 5.0 s")
        assert heard.line.is_up is pairs
        await heard.line.close()
        return heard

    heard = asyncio.run(go())
    assert heard.lost == ([] if pairs else ["lag of 5.0 s"])
    assert heard.line.beside.relief is None
